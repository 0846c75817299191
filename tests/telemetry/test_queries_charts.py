"""The dashboards' figures: each computed again from the rows by SQL of the test's own."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from telemetry.models import InferenceLog
from telemetry.queries import charts, shares
from telemetry.queries.filters import Filters
from telemetry.rollup_reads import Percentiles, Totals
from tests.telemetry.calls import record, started
from tests.telemetry.demo import demo

__all__ = ["demo"]
pytestmark = pytest.mark.django_db

FIGURES = """
SELECT {by}, count(*), count(*) FILTER (WHERE status = 'error'),
    coalesce(sum(coalesce(input_tokens, 0) + coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0)), 0),
    coalesce(sum(coalesce(output_tokens, 0) + coalesce(reasoning_tokens, 0)), 0), coalesce(sum(cost_usd), 0),
    count(*) FILTER (WHERE usage_source IN ('counted', 'estimated')),
    count(*) FILTER (WHERE cost_usd IS NULL AND status <> 'error'), coalesce(sum(cache_read_tokens), 0)
FROM inference_log WHERE workspace_id = %(workspace)s AND received_at >= %(since)s AND received_at < %(until)s AND {where}
GROUP BY 1
"""
EXACT = """
SELECT {by}, percentile_cont(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY {of})
FROM inference_log WHERE workspace_id = %(workspace)s AND received_at >= %(since)s AND received_at < %(until)s
    AND {of} IS NOT NULL AND {where} GROUP BY 1
"""
# Filters that rollups know, and some for which rows must be read; with the same in SQL.
SCOPES: dict[str, tuple[dict[str, Any], str]] = {
    "all": ({}, "true"),
    "a provider": ({"provider": ["openai"]}, "provider = 'openai'"),
    "two sources": ({"source": ["sdk", "chat"], "status": ["success"]}, "source IN ('sdk', 'chat') AND status = 'success'"),
    "a tag": ({"tags": ["beta"]}, "'beta' = ANY(tags)"),
    "an app and slow": ({"app": ["web"], "min_latency_ms": 1_000}, "app = 'web' AND latency_ms >= 1000"),
}


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)


@pytest.fixture
def period(now) -> dict[str, datetime]:
    """Not at midnight, so that hours and minutes have a part."""
    return {"since": now - timedelta(hours=40, minutes=7), "until": now}


def rows(query: str, workspace: UUID, period: dict[str, datetime], **parts: str) -> dict[Any, tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query.format(**({"by": "1", "where": "true"} | parts)), {"workspace": workspace, **period})
        return {row[0]: tuple(row[1:]) for row in cursor.fetchall()}


def figures(totals: Totals) -> tuple[Any, ...]:
    return (
        totals.call_count,
        totals.error_count,
        totals.prompt_tokens,
        totals.completion_tokens,
        totals.cost_usd,
        totals.estimated_count,
        totals.unpriced_count,
        totals.cache_read_tokens,
    )


def near(found: Percentiles, exact: list[float]) -> bool:
    return all(abs(value - truth) <= 0.01 * truth for value, truth in zip(found.values_ms, exact, strict=True))


@pytest.mark.parametrize("scope", SCOPES)
def test_an_overview_adds_up_and_compares_with_the_period_before(demo, now, period, scope):
    fields, where = SCOPES[scope]
    overview = charts.overview(Filters(demo, **period, **fields), now=now)
    length = period["until"] - period["since"]
    before = {"since": period["since"] - length, "until": period["since"]}
    assert figures(overview.current) == rows(FIGURES, demo, period, where=where)[1]
    expected = rows(FIGURES, demo, before, where=where).get(1, (0,) * 8)
    assert figures(overview.previous) == expected
    grown = (overview.current.call_count - expected[0]) / expected[0]
    assert overview.change("call_count") == pytest.approx(grown)
    exact = rows(EXACT, demo, period, where=where, of="latency_ms")[1][0]
    assert all(abs(value - truth) <= 0.01 * truth for value, truth in zip(overview.latency_ms.values(), exact, strict=True))


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("by", ["model", "provider", "source", "status", "user_id", "api_key_id"])
def test_the_greatest_of_each_are_right(demo, now, period, scope, by):
    fields, where = SCOPES[scope]
    found = charts.greatest(Filters(demo, **period, **fields), by, limit=1_000, now=now)
    expected = rows(FIGURES, demo, period, by=by, where=where)
    assert {totals.group[by]: figures(totals) for totals in found} == expected
    costs = [totals.cost_usd for totals in found]
    assert costs == sorted(costs, reverse=True)


@pytest.mark.parametrize("order", ["call_count", "total_tokens", "error_count"])
def test_the_greatest_are_ordered_by_what_is_asked_for(demo, now, order):
    found = charts.greatest(Filters(demo), "model", order=order, limit=3, now=now)
    amounts = [charts.amount(totals, order) for totals in found]
    assert len(amounts) == 3
    assert amounts == sorted(amounts, reverse=True)


@pytest.mark.parametrize("scope", ["all", "a tag"])
@pytest.mark.parametrize("step", ["hour", "day"])
def test_traffic_over_time_is_what_the_rows_say(demo, now, period, step, scope):
    fields, where = SCOPES[scope]
    (line,) = charts.traffic(Filters(demo, **period, **fields), step=step, now=now)
    expected = rows(FIGURES, demo, period, by=f"date_trunc('{step}', received_at, 'UTC')", where=where)
    assert {point.bucket_at: figures(point) for point in line.points} == expected
    by_model = charts.traffic(Filters(demo, **period, **fields), step=step, by="model", now=now)
    assert len(by_model) == charts.GROUPS
    counts = [sum(point.call_count for point in series.points) for series in by_model]
    assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("of", ["latency", "ttft"])
def test_percentiles_by_model_are_within_one_percent(demo, now, period, of, scope):
    fields, where = SCOPES[scope]
    found = charts.latency(Filters(demo, **period, **fields), of=of, by=["model"], now=now)
    expected = rows(EXACT, demo, period, by="model", where=where, of=f"{of}_ms")
    assert {each.group["model"] for each in found} == expected.keys()
    assert all(near(each, expected[each.group["model"]][0]) for each in found)


def test_percentiles_over_time_are_within_one_percent(demo, now, period):
    (line,) = charts.latency_over_time(Filters(demo, **period), step="hour", now=now)
    expected = rows(EXACT, demo, period, by="date_trunc('hour', received_at, 'UTC')", of="latency_ms")
    assert len(line.points) == len(expected)
    assert all(near(point, expected[point.bucket_at][0]) for point in line.points)
    assert len(charts.latency_over_time(Filters(demo, **period), step="hour", by="provider", now=now)) == 7


def test_shares_are_of_what_they_say(demo, now):
    (totals,) = charts.greatest(Filters(demo, provider=["anthropic"]), "provider", now=now)
    calls = list(InferenceLog.objects.filter(workspace_id=demo, provider="anthropic"))
    prompt = sum(call.prompt_tokens or 0 for call in calls)
    assert charts.error_rate(totals) == sum(call.status == "error" for call in calls) / len(calls)
    assert charts.estimated_share(totals) == sum(call.is_estimated for call in calls) / len(calls)
    assert charts.cache_share(totals) == sum(call.cache_read_tokens or 0 for call in calls) / prompt
    assert charts.unpriced_share(totals) == 0
    completion = sum(call.completion_tokens or 0 for call in calls)
    waited = sum(call.latency_ms or 0 for call in calls)
    assert charts.tokens_per_second(totals) == pytest.approx(completion * 1000 / waited)


def test_a_call_that_just_came_is_in_the_figures(demo, now):
    before = charts.overview(Filters(demo), now=now).current.call_count
    record(started(workspace_id=demo))
    assert charts.overview(Filters(demo), now=now).current.call_count == before + 1


def test_nothing_is_nothing(now):
    nowhere = Filters(UUID("00000000-0000-4000-8000-000000000002"))
    for filters in (nowhere, Filters(nowhere.workspace_id, tags=["none"])):
        overview = charts.overview(filters, now=now)
        assert (overview.current.call_count, overview.current.cost_usd, overview.latency_ms) == (0, Decimal(0), {})
        assert overview.change("call_count") is None
        assert charts.error_rate(overview.current) is None
        assert charts.traffic(filters, step="day", by="model", now=now) == []
        assert charts.greatest(filters, "model", now=now) == []
    assert shares.error_classes(nowhere, now=now) == []
    assert shares.costly_conversations(nowhere, now=now).conversations == []


def test_error_classes_are_counted(demo, now, period):
    found = shares.error_classes(Filters(demo, **period, provider=["openai"]), now=now)
    expected = rows(
        "SELECT {by}, count(*) FROM inference_log WHERE workspace_id = %(workspace)s AND received_at >= %(since)s"
        " AND received_at < %(until)s AND {where} GROUP BY 1",
        demo,
        period,
        by="error_class",
        where="provider = 'openai' AND error_class IS NOT NULL",
    )
    assert {count.value: (count.call_count,) for count in found} == expected
    assert [count.call_count for count in found] == sorted((count.call_count for count in found), reverse=True)


def test_finish_reasons_are_those_of_the_newest_calls(demo, now):
    newest = InferenceLog.objects.filter(workspace_id=demo).order_by("-received_at", "-id")[:500]
    reasons = [call.finish_reason for call in newest if call.status != "in_progress"]
    found = shares.finish_reasons(Filters(demo), now=now, sample=500)
    assert {count.value: count.call_count for count in found} == {reason: reasons.count(reason) for reason in set(reasons)}


@pytest.mark.parametrize("fields", [{}, {"tags": ["support"]}])
def test_costly_conversations_are_those_of_the_last_day(demo, now, fields):
    found = shares.costly_conversations(Filters(demo, **fields), limit=5, now=now)
    assert found.since == now - timedelta(days=1)
    costs: dict[UUID, Decimal] = {}
    for call in InferenceLog.objects.filter(workspace_id=demo, received_at__gte=found.since, received_at__lt=now):
        if call.conversation_id and call.cost_usd is not None and {*fields.get("tags", [])} <= {*(call.tags or ())}:
            costs[call.conversation_id] = costs.get(call.conversation_id, Decimal(0)) + call.cost_usd
    assert [each.cost_usd for each in found.conversations] == sorted(costs.values(), reverse=True)[:5]
    assert all(costs[each.conversation_id] == each.cost_usd for each in found.conversations)
