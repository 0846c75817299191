"""The operator's charts are of all workspaces, equal what the rows say, lead to the calls, and cost a few queries."""

import csv
import io
import re
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User, Workspace
from tests.people import make_person
from tests.telemetry.calls import finished, record
from tests.telemetry.demo import demo
from tests.telemetry.test_admin_calls import INLINE

__all__ = ["demo"]
pytestmark = pytest.mark.django_db
CHARTS = "admin:telemetry_charts"


@pytest.fixture(autouse=True)
def root(client, db) -> User:
    person = make_person("Root", is_staff=True, is_superuser=True)
    client.force_login(person)
    return person


def shown(client, **query: str) -> str:
    answer = client.get(reverse(CHARTS), query)
    assert answer.status_code == 200
    text: str = answer.content.decode()
    return text


def table(client, name: str, **query: str) -> list[list[str]]:
    answer = client.get(reverse(CHARTS), {"csv": name, **query})
    assert answer["Content-Type"].startswith("text/csv")
    return list(csv.reader(io.StringIO(answer.content.decode())))[1:]


def test_their_sums_equal_those_of_the_rows(client, demo):
    since = timezone.now() - timedelta(days=30)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE status = 'error'), coalesce(sum(cost_usd), 0) FROM inference_log "
            "WHERE received_at >= %s",
            [since.replace(hour=0, minute=0, second=0, microsecond=0)],
        )
        count, errors, cost = cursor.fetchone()
    days = table(client, "calls", period="30d")
    assert (sum(int(day[1]) for day in days), sum(int(day[2]) for day in days)) == (count, errors)
    spent = sum((Decimal(cell) for row in table(client, "cost", period="30d") for cell in row[1:] if cell), Decimal())
    assert abs(spent - cost) < Decimal("0.000001")
    assert [row[0] for row in table(client, "workspaces", period="30d")] == ["Demo"]


def test_percentiles_are_within_a_hundredth_of_the_rows(client, demo):
    day, *values = table(client, "latency", period="30d")[-2]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY latency_ms) FROM inference_log "
            "WHERE received_at >= %s::timestamptz AND received_at < %s::timestamptz + interval '1 day'",
            [day, day],
        )
        (exact,) = cursor.fetchone()
    assert [float(value) for value in values] == pytest.approx(exact, rel=0.01)


def test_one_workspace_is_looked_at_alone(client, workspace):
    other = Workspace.objects.create(name="Elsewhere")
    others = sum(int(row[1].replace(",", "")) for row in table(client, "calls"))
    for owner, count in ((workspace, 3), (other, 2)):
        record(*[finished(workspace_id=owner.id) for _ in range(count)])
    assert sum(int(row[1].replace(",", "")) for row in table(client, "calls")) == others + 5
    assert sum(int(row[1]) for row in table(client, "calls", workspace=str(other.id))) == 2
    text = shown(client, workspace=str(other.id))
    assert "Elsewhere alone" in text
    assert "Cost by workspace" not in text


def test_a_point_leads_to_its_calls(client, workspace):
    record(finished(workspace_id=workspace.id, status="error", error_class="timeout", reply=None))
    record(finished(workspace_id=workspace.id))
    links = re.findall(
        r'href="(/admin/telemetry/inferencelog/\?[^"]*status__exact=error[^"]*)"', shown(client, workspace=str(workspace.id))
    )
    pages = [client.get(link.replace("&amp;", "&")).content.decode() for link in links[-3:]]
    assert sum("1 shown" in page for page in pages) == 1


@pytest.mark.parametrize(
    "query", [{"period": "7 years"}, {"workspace": "nonsense"}, {"workspace": str(uuid4())}, {"csv": "nothing"}]
)
def test_what_makes_no_sense_is_left_out(client, query):
    assert "All workspaces, until now" in shown(client, **query)


def test_they_ask_as_many_queries_for_many_models_as_for_one(client, workspace):
    counts: list[int] = []
    for number in range(2):
        record(*[finished(workspace_id=workspace.id, model=f"model-{number}-{each}") for each in range(1 + 9 * number)])
        with CaptureQueriesContext(connection) as queries:
            assert not INLINE.search(shown(client))
        counts.append(len(queries))
    assert 5 < counts[0] == counts[1] <= 12


def test_they_need_the_permission_to_see_the_log(client, dora):
    client.force_login(dora)
    assert client.get(reverse(CHARTS)).status_code == 403
    dora.user_permissions.set(Permission.objects.filter(codename="view_inferencelog"))
    assert client.get(reverse(CHARTS)).status_code == 200
