"""The operator sets limits, and sees what is spent of them."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import api_keys
from gateway import budgets
from gateway.models import Budget
from tests.people import make_person

pytestmark = pytest.mark.django_db
LIST, ADD = "admin:gateway_budget_changelist", "admin:gateway_budget_add"


@pytest.fixture(autouse=True)
def _root(client, db):
    client.force_login(make_person("Root", is_staff=True, is_superuser=True))


def test_a_budget_is_set_and_shows_what_is_spent_in_the_period_that_runs(client, workspace, alice):
    asked = {"workspace": workspace.pk, "subject": "user", "subject_id": alice.pk, "period": "day", "limit_usd": "2.5"}
    client.post(reverse(ADD), asked | {"is_enabled": "on"})
    budget = Budget.objects.get()
    call, spender = uuid4(), budgets.Spender(workspace.id, alice.id)
    budgets.reserve(call, spender, Decimal("0.75"), now=datetime.now(UTC))
    assert "0.7500" in client.get(reverse(LIST)).content.decode()
    budgets.settle(call, Decimal("0.5"))
    page = client.get(reverse(LIST)).content.decode()
    assert "0.5000" in page
    assert alice.email in page
    assert client.get(reverse("admin:gateway_budget_change", args=[budget.pk])).status_code == 200


def test_a_keys_budget_is_told_by_its_name(client, workspace, alice):
    key, _ = api_keys.issue(alice, workspace, name="nightly jobs", now=datetime.now(UTC))
    Budget.objects.create(workspace=workspace, subject="api_key", subject_id=key.id, limit_usd=1)
    assert "the key nightly jobs" in client.get(reverse(LIST)).content.decode()


def test_a_budget_without_its_subject_is_refused_with_the_reason(client, workspace):
    asked = {"workspace": workspace.pk, "subject": "api_key", "subject_id": "", "period": "day", "limit_usd": "-1"}
    page = client.post(reverse(ADD), asked).content.decode()
    assert "greater than or equal to 0" in page
    page = client.post(reverse(ADD), asked | {"limit_usd": "1"}).content.decode()
    assert "needs its id" in page
    assert not Budget.objects.exists()


def test_the_list_makes_the_same_number_of_queries_whatever_its_length(client, workspace):
    def make(count):
        for _ in range(count):
            Budget.objects.create(workspace=workspace, subject="user", subject_id=uuid4(), period="day", limit_usd=1)

    counts = []
    for _ in range(2):
        make(10)
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse(LIST))
        counts.append(len(queries))
    assert counts[0] == counts[1]
