"""The overview: each figure on its page computed again from the rows by SQL of the test's own, and what its addresses do."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, User, Workspace
from telemetry.models import Score
from telemetry.overview_charts import CHARTS
from tests.people import join, make_person
from tests.telemetry.calls import record_calls
from tests.telemetry.demo import demo

__all__ = ["demo"]
pytestmark = pytest.mark.django_db

PERIOD = "workspace_id = %(workspace)s AND received_at >= %(since)s AND received_at < %(until)s"
PROMPT = "coalesce(input_tokens, 0) + coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0)"
COMPLETION = "coalesce(output_tokens, 0) + coalesce(reasoning_tokens, 0)"
FAILED = "count(*) FILTER (WHERE status = 'error')"
LATE = "percentile_cont(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY {}) FILTER (WHERE {} IS NOT NULL)"
# Chart → its columns, worked out of rows.
OVER_TIME = {
    "requests": ["count(*)"],
    "error_rate": [f"{FAILED}::float / count(*)"],
    "tokens_per_second": [f"sum({COMPLETION}) * 1000.0 / nullif(sum(latency_ms), 0)"],
    "tokens": [f"sum(coalesce({name}_tokens, 0))" for name in ("input", "cache_read", "cache_write", "output", "reasoning")],
    "cost": ["sum(coalesce(cost_usd, 0))"],
    "cache_share": [f"sum(coalesce(cache_read_tokens, 0))::float / nullif(sum({PROMPT}), 0)"],
}


@pytest.fixture
def until() -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def owner(demo) -> User:
    return join(make_person("Olive"), Workspace.objects.get(pk=demo), Membership.Role.OWNER)


@pytest.fixture
def asked(until) -> dict[str, str]:
    """The two days before, which lie in days, hours and rows that no rollup has yet."""
    return {"since": f"{until - timedelta(hours=48):%Y-%m-%dT%H:%M:%SZ}", "until": f"{until:%Y-%m-%dT%H:%M:%SZ}", "step": "hour"}


@pytest.fixture
def browse(owner) -> Client:
    client = Client()
    client.force_login(owner)
    return client


def table(client: Client, name: str, asked: dict[str, str]) -> tuple[list[str], dict[str, list[float | None]]]:
    """A chart's lines, and its values by what stands before them."""
    answer = client.get(f"/dashboards/charts/{name}.csv", asked)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    head, *rows = csv.reader(io.StringIO(answer.content.decode()))
    return head[1:], {row[0]: [float(cell) if cell else None for cell in row[1:]] for row in rows}


def by_hour(columns: list[str], demo: UUID, until: datetime, *, where: str = "true") -> dict[str, list[float | None]]:
    selected = ", ".join(["date_trunc('hour', received_at, 'UTC')", *columns])
    query = f"SELECT {selected} FROM inference_log WHERE {PERIOD} AND {where} GROUP BY 1"
    return {
        f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}": [None if value is None else float(value) for value in values]
        for at, *values in sql(query, demo, until)
    }


def sql(query: str, demo: UUID, until: datetime, hours: int = 48) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"workspace": demo, "since": until - timedelta(hours=hours), "until": until})
        return cursor.fetchall()


@pytest.mark.parametrize("name", OVER_TIME)
def test_a_chart_tells_what_the_rows_tell(browse, demo, asked, until, name):
    _, told = table(browse, name, asked)
    true = by_hour(OVER_TIME[name], demo, until)
    assert len(true) > 24
    assert {at: values for at, values in told.items() if any(values)}.keys() <= true.keys()
    for at, values in true.items():
        assert told[at] == pytest.approx([value if value is not None else None for value in values], rel=1e-6), at


@pytest.mark.parametrize(("name", "column"), [("latency", "latency_ms"), ("time_to_first_token", "ttft_ms")])
def test_percentiles_are_within_a_hundredth(browse, demo, asked, until, name, column):
    lines, told = table(browse, name, asked)
    assert lines == ["p50", "p90", "p95", "p99"]
    late = LATE.format(column, column)
    true = sql(f"SELECT date_trunc('hour', received_at, 'UTC'), {late} FROM inference_log WHERE {PERIOD} GROUP BY 1", demo, until)
    compared = 0
    for at, values in true:
        if values is not None:
            assert told[f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"] == pytest.approx(values, rel=0.0101)
            compared += 1
    assert compared > 24


@pytest.mark.parametrize(
    ("name", "column", "what", "where"),
    [
        ("errors", "error_class", "count(*)", "error_class IS NOT NULL"),
        ("cost_by_model", "model", "sum(coalesce(cost_usd, 0))", "true"),
    ],
)
def test_a_split_chart_has_a_line_for_each(browse, demo, asked, until, name, column, what, where):
    lines, told = table(browse, name, asked)
    query = f"SELECT {column}, {what} FROM inference_log WHERE {PERIOD} AND {where} GROUP BY 1"
    true = {value or "not told": float(amount) for value, amount in sql(query, demo, until)}
    sums = {line: sum(values[place] or 0 for values in told.values()) for place, line in enumerate(lines)}
    rest = sum(true.values()) - sum(true[line] for line in lines if line != "others")
    assert sums == pytest.approx({line: true.get(line, rest) for line in lines}, rel=1e-6)
    assert sum(sums.values()) == pytest.approx(sum(true.values()))


def test_cost_is_told_by_person(browse, demo, asked, until):
    _, told = table(browse, "cost_by_person", asked)
    true = dict(sql(f"SELECT user_id, sum(coalesce(cost_usd, 0)) FROM inference_log WHERE {PERIOD} GROUP BY 1", demo, until))
    names = {user.pk: str(user) for user in User.objects.filter(pk__in=[key for key in true if key])} | {None: "not told"}
    by_name = {names[user_id]: float(amount) for user_id, amount in true.items()}
    for name, (amount,) in told.items():
        if name in by_name:
            assert amount == pytest.approx(by_name[name], rel=1e-6)
    assert sum(values[0] or 0 for values in told.values()) == pytest.approx(sum(by_name.values()), rel=1e-6)


def test_the_tiles_tell_the_period_and_the_change(browse, demo, asked, until):
    page = browse.get("/dashboards/", asked).content.decode()
    tiles = dict(re.findall(r"<dt>(.*?)</dt>\s*<dd>\s*(?:<a [^>]*>)?\s*([^<]*?)\s*<", page))
    query = f"SELECT count(*), {FAILED}, sum(cost_usd), sum({PROMPT} + {COMPLETION}) FROM inference_log WHERE {PERIOD}"
    [(calls, failed, cost, tokens)] = sql(query, demo, until)
    [(before, *_)] = sql(query, demo, until - timedelta(hours=48))
    assert tiles["Requests"] == f"{calls:,}"
    assert tiles["Error rate"] == f"{failed / calls:.1%}"
    assert tiles["Cost"] == f"${cost:,.2f}"
    assert tiles["Tokens"] == f"{tokens:,}"
    assert f"{failed:,} failed" in page
    change = abs(calls - before) / before if before else None
    if change:
        assert (f"{change:.0%}" if change >= 0.0995 else f"{change:.1%}") in page


def test_feedback_is_counted_by_when_it_was_given(alice, workspace):
    at = datetime.now(UTC) - timedelta(hours=2)
    for value in (1, 1, 0):
        Score.objects.create(workspace_id=workspace.pk, source="person", name="thumb", kind="boolean", value=value, created_at=at)
    for value in (5, 2):
        Score.objects.create(
            workspace_id=workspace.pk, source="person", name="rating", kind="numeric", value=value, created_at=at
        )
    Score.objects.create(workspace_id=uuid4(), source="person", name="thumb", kind="boolean", value=1, created_at=at)
    client = Client()
    client.force_login(alice)
    lines, thumbs = table(client, "feedback", {"window": "24h"})
    hour = f"{at:%Y-%m-%dT%H:00:00Z}"
    assert (lines, thumbs[hour]) == (["Up", "Down"], [2, 1])
    assert table(client, "rating", {"window": "24h"})[1][hour] == [3.5]
    assert "66.7%" in client.get("/dashboards/").content.decode()
    assert table(client, "feedback", {"window": "24h", "model": "no-such-model"})[0] == []


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"provider": "openai", "source": "sdk"}, "provider = 'openai' AND source = 'sdk'"),
        ({"tags": "beta"}, "'beta' = ANY(tags)"),
        ({"status": "error"}, "status = 'error'"),
    ],
)
def test_filters_narrow_every_chart(browse, demo, asked, until, given, where):
    _, told = table(browse, "requests", asked | given)
    true = by_hour(["count(*)"], demo, until, where=where)
    assert true
    assert {at: values for at, values in told.items() if values[0]} == true


def test_the_period_before_lies_beside(browse, demo, until):
    since = until - timedelta(hours=12)
    asked = {
        "since": f"{since:%Y-%m-%dT%H:%M:%SZ}",
        "until": f"{until:%Y-%m-%dT%H:%M:%SZ}",
        "step": "hour",
        "compare": "previous",
    }
    lines, told = table(browse, "requests", asked)
    assert lines == ["Requests", "The period before"]
    true = by_hour(["count(*)"], demo, until)
    for hour in range(12):
        at, before = (
            f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (since + timedelta(hours=hour), since + timedelta(hours=hour - 12))
        )
        assert told[at] == [true.get(at, [0])[0], true.get(before, [0])[0]]


def test_groups_add_up_to_the_whole(browse, asked):
    _, whole = table(browse, "requests", asked)
    for by in ("model", "source", "status", "user_id", "api_key_id", "provider"):
        _, split = table(browse, "requests", asked | {"group_by": by})
        assert {at: sum(value or 0 for value in values) for at, values in split.items()} == {
            at: v[0] for at, v in whole.items()
        }, by


def test_a_point_leads_to_its_calls(browse, demo, asked, until):
    page = browse.get("/dashboards/", asked | {"group_by": "provider"}).content.decode()
    figure = page[page.index('id="chart-requests"') :]
    found = re.findall(r'<td data-value="(\d+)"><a href="([^"]+)"', figure[: figure.index("</figure>")])
    assert found
    for value, href in found[:5]:
        told = parse_qs(urlsplit(unescape(href)).query)
        where = f"{PERIOD} AND provider = '{told['provider'][0]}'"
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT count(*) FROM inference_log WHERE {where}",
                {"workspace": demo, "since": told["since"][0], "until": told["until"][0]},
            )
            assert cursor.fetchone()[0] == int(value)
        assert browse.get(unescape(href)).status_code == 200


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize("by", ["", "model", "user_id"])
def test_every_chart_is_also_a_file(browse, asked, name, by):
    lines, told = table(browse, name, asked | {"group_by": by, "compare": "previous"})
    assert all(len(values) == len(lines) for values in told.values())


def test_an_address_with_nonsense_is_a_page(browse):
    nonsense = {
        "window": "fortnight", "since": "2026-06-31T00:00", "until": "yesterday", "group_by": "shoe_size", "status": "odd",
        "user_id": "me", "min_latency_ms": "-1", "refresh": "x", "step": "eon", "page": "7", "tags": "\x00",
    }  # fmt: skip
    answer = browse.get("/dashboards/", nonsense)
    assert answer.status_code == 200
    page = unescape(answer.content.decode())
    assert "There is no period 'fortnight'" in page
    assert "The filter status was left out" in page
    assert "since is not a time" in page
    assert browse.get("/dashboards/charts/shoes.csv").status_code == 404


@pytest.mark.parametrize("window", ["1h", "6h", "24h", "7d", "30d", "90d", "365d"])
def test_every_period_is_drawn(browse, window):
    page = browse.get("/dashboards/", {"window": window, "compare": "previous", "group_by": "model"})
    assert page.status_code == 200
    assert f'aria-current="true">{window}' in page.content.decode() or window == "365d"


def test_a_member_gets_sums_and_no_names(demo, owner, asked):
    member = join(make_person("Marvin"), Workspace.objects.get(pk=demo))
    client = Client()
    client.force_login(member)
    page = client.get("/dashboards/", asked).content.decode()
    assert "@" not in page[page.index('id="figures"') :]
    assert "/logs/?" not in page[page.index('id="figures"') :]
    _, whole = table(client, "requests", asked)
    assert sum(values[0] or 0 for values in whole.values()) > 0
    assert table(client, "cost_by_person", asked)[1] == {}
    assert not any(values for values in table(client, "requests", asked | {"group_by": "user_id"})[1].values())
    other = str(
        sql(
            "SELECT user_id FROM inference_log WHERE workspace_id = %(workspace)s AND user_id IS NOT NULL LIMIT 1",
            demo,
            datetime.now(UTC),
        )[0][0]
    )
    assert not any(values for values in table(client, "requests", asked | {"user_id": other})[1].values())
    assert "accounted for" not in page


def test_the_owner_sees_that_all_is_accounted_for(alice, workspace):
    record_calls(1, workspace_id=workspace.pk)
    client = Client()
    client.force_login(alice)
    page = client.get("/dashboards/").content.decode()
    assert re.search(r"\d+ received = \d+ stored", page)


def test_an_address_may_name_a_workspace(browse, owner, alice, workspace):
    join(owner, workspace)
    assert "Wonderland" in browse.get("/dashboards/", {"workspace": str(workspace.pk)}).content.decode()
    assert browse.get("/dashboards/", {"workspace": str(uuid4())}).status_code == 404
    assert browse.get("/dashboards/", {"workspace": "x"}).status_code == 404


def test_only_the_figures_are_read_anew(browse, asked):
    page = browse.get("/dashboards/", asked | {"refresh": "10"}).content.decode()
    assert 'data-refresh="10"' in page
    part = browse.get("/dashboards/", asked, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert 'id="chart-requests"' in part


def test_more_rows_are_no_more_queries(alice, workspace):
    def count() -> int:
        client = Client()
        client.force_login(alice)
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/dashboards/?compare=previous&group_by=model").status_code == 200
        return len(captured)

    for number in range(10):
        record_calls(1, workspace_id=workspace.pk, model=f"model-{number}")
    few = count()
    for number in range(10):
        record_calls(1, workspace_id=workspace.pk, model=f"model-{number + 10}")
    assert count() == few
    assert few <= 25
