"""The list of calls: every filter, alone and together, both directions, the same as when all rows are looked at."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from telemetry.models import InferenceLog
from telemetry.queries import walk
from telemetry.queries.filters import Filters
from telemetry.queries.pages import Cursor, Line, Page, logs_page
from tests.telemetry.calls import WORKSPACE, finished, record, record_calls, started
from tests.telemetry.demo import demo

__all__ = ["demo"]
pytestmark = pytest.mark.django_db
Passes = Callable[[InferenceLog], bool]


def total(call: InferenceLog) -> int:
    return call.total_tokens or 0


CASES: dict[str, tuple[dict[str, Any], Passes]] = {
    "nothing": ({}, lambda call: True),
    "status": ({"status": ["error"]}, lambda call: call.status == "error"),
    "two states": ({"status": ["error", "canceled"]}, lambda call: call.status in {"error", "canceled"}),
    "source": ({"source": ["litellm"]}, lambda call: call.source == "litellm"),
    "operation": ({"operation": ["embeddings"]}, lambda call: False),
    "provider": ({"provider": ["mistral"]}, lambda call: call.provider == "mistral"),
    "model": ({"model": ["gpt-4o"]}, lambda call: call.model == "gpt-4o"),
    "model of a provider": (
        {"model": ["gpt-4o"], "provider": ["azure"]},
        lambda call: call.model == "gpt-4o" and call.provider == "azure",
    ),
    "served model": ({"served_model": ["gpt-4o-2024-08-06"]}, lambda call: call.served_model == "gpt-4o-2024-08-06"),
    "environment": ({"environment": ["staging"]}, lambda call: call.environment == "staging"),
    "app": ({"app": ["batch", "notebook"]}, lambda call: call.app in {"batch", "notebook"}),
    "version": ({"version": ["2.0.0-rc1"]}, lambda call: call.version == "2.0.0-rc1"),
    "error class": ({"error_class": ["context_length"]}, lambda call: call.error_class == "context_length"),
    "finish reason": ({"finish_reason": ["length"]}, lambda call: call.finish_reason == "length"),
    "streamed": ({"is_stream": True}, lambda call: bool(call.is_stream)),
    "not streamed": ({"is_stream": False}, lambda call: call.is_stream is False),
    "tag": ({"tags": ["beta"]}, lambda call: "beta" in (call.tags or ())),
    "two tags": ({"tags": ["support", "vip"]}, lambda call: {"support", "vip"} <= {*(call.tags or ())}),
    "slow": ({"min_latency_ms": 4_000}, lambda call: (call.latency_ms or 0) >= 4_000),
    "quick": ({"max_latency_ms": 300}, lambda call: call.latency_ms is not None and call.latency_ms <= 300),
    "dear": ({"min_cost_usd": Decimal("0.004")}, lambda call: (call.cost_usd or 0) >= Decimal("0.004")),
    "cheap": ({"max_cost_usd": Decimal(0)}, lambda call: call.cost_usd == 0),
    "long": ({"min_tokens": 2_000, "max_tokens": 3_000}, lambda call: 2_000 <= total(call) <= 3_000),
    "together": (
        {"status": ["success"], "source": ["sdk", "gateway"], "is_stream": True, "min_latency_ms": 1_500, "tags": ["support"]},
        lambda call: (
            call.status == "success"
            and call.source in {"sdk", "gateway"}
            and bool(call.is_stream)
            and (call.latency_ms or 0) >= 1_500
            and "support" in (call.tags or ())
        ),
    ),
}


def page(filters: Filters, cursor: Cursor | None = None, limit: int = 50, **options: Any) -> Page:
    return logs_page(filters, cursor, limit, now=datetime.now(UTC), **options)


@pytest.fixture(scope="module")
def calls(demo, django_db_blocker) -> list[InferenceLog]:
    """Every row, newest first."""
    with django_db_blocker.unblock():
        rows = list(InferenceLog.objects.filter(workspace_id=demo))
        connection.close()
    return sorted(rows, key=lambda call: (call.received_at, call.id), reverse=True)


@pytest.fixture(autouse=True)
def _little_is_near(monkeypatch) -> None:
    """So that days of a thousand calls are walked as days of a million would be."""
    monkeypatch.setattr(walk, "NEAR", 5)


def walked(filters: Filters, limit: int) -> list[Line]:
    """All pages, one after the other."""
    found: list[Line] = []
    cursor = None
    while True:
        got = page(filters, cursor, limit)
        found += got.lines
        cursor = got.older
        if cursor is None:
            return found


@pytest.mark.parametrize("name", CASES)
def test_a_filter_finds_what_looking_at_every_row_finds(demo, calls, name):
    fields, passes = CASES[name]
    expected = [call.id for call in calls if passes(call)]
    lines = walked(Filters(demo, **fields), limit=max(20, len(expected) // 3))
    assert [line.id for line in lines] == expected


def test_near_calls_alone_can_fill_a_page(demo, calls, monkeypatch):
    monkeypatch.setattr(walk, "NEAR", 2_000)
    lines = walked(Filters(demo, status=["error", "canceled"]), limit=40)
    assert [line.id for line in lines] == [call.id for call in calls if call.status in {"error", "canceled"}]


def test_pages_can_be_walked_back_to_the_newest(demo):
    filters = Filters(demo, status=["error"])
    pages = [page(filters, limit=15)]
    while pages[-1].older:
        pages.append(page(filters, pages[-1].older, limit=15))
    assert len(pages) > 3
    for newer, older in pairwise(pages):
        back = page(filters, older.newer, limit=15, is_newer=True)
        assert back.lines == newer.lines
    assert pages[0].newer is None


@pytest.mark.parametrize("name", ["user_id", "api_key_id", "conversation_id", "session_id", "trace_id", "end_user"])
def test_a_call_is_found_by_each_of_its_ids(demo, calls, name):
    call = [call for call in calls if getattr(call, name)][100]
    value = getattr(call, name)
    given: Any = value if name in {"conversation_id", "session_id", "trace_id"} else [value]
    expected = [call.id for call in calls if getattr(call, name) == value]
    assert [line.id for line in walked(replace(Filters(demo), **{name: given}), limit=40)] == expected


def test_a_period_is_half_open(demo, calls):
    times = [call.received_at for call in reversed(calls)]
    since, until = times[700], times[1_900]
    lines = walked(Filters(demo, since=since, until=until), limit=500)
    assert (lines[-1].received_at, lines[0].received_at) == (since, times[1_899])
    assert len(lines) == 1_200
    assert not page(Filters(demo, since=until, until=since)).lines


def test_a_line_says_what_the_row_says(demo):
    line = page(Filters(demo, status=["success"])).lines[0]
    row = InferenceLog.objects.get(id=line.id)
    assert all(getattr(line, name) == getattr(row, name) for name in Line.__slots__)


@pytest.mark.parametrize("fields", [{}, {"status": ["error"]}, {"tags": ["nothing has it"]}, {"min_tokens": 3_000}])
def test_planning_by_the_index_is_what_the_database_does(demo, fields):
    """The facets of the query and of the index are the same expression."""
    from telemetry.queries.filters import by_facets

    condition = by_facets(Filters(demo, **fields))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN SELECT id FROM inference_log AS log WHERE {condition.sql}", condition.parameters)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "facets" in plan
    assert "Seq Scan" not in plan


def test_a_page_takes_the_same_number_of_queries_for_ten_calls_and_for_twenty(monkeypatch):
    monkeypatch.setattr(walk, "NEAR", 2_000)
    counts = []
    for _ in range(2):
        record_calls(10)
        with CaptureQueriesContext(connection) as queries:
            assert page(Filters(WORKSPACE, status=["success"], provider=["openai"])).lines
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_workspaces_are_kept_apart():
    record(started(), finished())
    stranger = UUID("00000000-0000-4000-8000-000000000002")
    assert not page(Filters(stranger)).lines
    assert not page(Filters(stranger, status=["success"])).lines
    assert len(page(Filters(WORKSPACE, status=["success"])).lines) == 1


def test_a_walk_that_runs_out_of_time_says_where_to_go_on(demo):
    filters = Filters(demo, error_class=["authentication"], provider=["openai"])
    whole = [line.id for line in walked(filters, limit=500)]
    stopped = page(filters, limit=500, seconds=-1.0)
    assert stopped.searched_since is not None
    assert not stopped.lines
    assert [line.id for line in page(filters, stopped.older, limit=500).lines] == whole


class Slow:
    """A table whose rows take for ever."""

    key_table, is_plain, is_exact = "inference_log", True, False

    def read(self, spans, *, is_near: bool) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(20)")
            return cursor.fetchall()


def test_a_read_that_takes_too_long_is_broken_off(demo):
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        before = cursor.fetchone()
    found = walk.walk(Slow(), walk.Wanted(demo, None, None, None, 10), now=datetime.now(UTC), seconds=0.05)
    assert found.rows == []
    assert found.reached_at
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == before


def test_a_cursor_survives_a_link():
    cursor = Cursor(datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC), UUID(int=7))
    assert Cursor.read(str(cursor)) == cursor
    for broken in ("", "yesterday", "2026-11-21T12:00:00~" + str(UUID(int=7)), "2026-11-21T12:00:00+00:00~x"):
        with pytest.raises(ValueError):
            Cursor.read(broken)


def test_calls_of_one_moment_are_all_found():
    calls = record_calls(9)
    InferenceLog.objects.update(received_at=calls[0].received_at + timedelta(0))
    lines = walked(Filters(WORKSPACE, provider=["openai"]), limit=2)
    assert [line.id for line in lines] == sorted((call.id for call in calls), reverse=True)
