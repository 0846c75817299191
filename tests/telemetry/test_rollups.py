"""Rollups equal what their rows say, whatever is rolled up already and whatever is not."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from telemetry import erasure, processes, rollup_reads, rollups
from telemetry.models import InferenceLog, RollupDay, RollupHour, RollupMark, RollupMinute, SealedDay, UsageDay, UsageHour
from telemetry.rollup_reads import Scope, Totals
from telemetry.rollup_sums import Unit
from telemetry.rollup_windows import Window
from tests.telemetry.calls import WORKSPACE, finished, only_row, record, started
from tests.telemetry.rows import NOW, make_row, scatter, store

pytestmark = pytest.mark.django_db

ALL = Scope([WORKSPACE])
WINDOWS = [
    Window(NOW - timedelta(days=12), NOW),
    Window(NOW - timedelta(days=3, minutes=17), NOW - timedelta(hours=5, minutes=3)),
    Window(NOW - timedelta(hours=30), NOW),
    Window(NOW - timedelta(minutes=95), NOW - timedelta(minutes=20)),
    Window(NOW - timedelta(minutes=9), NOW - timedelta(minutes=8)),
    Window(NOW.replace(hour=0, minute=0, second=0) - timedelta(days=4), NOW.replace(hour=0, minute=0, second=0)),
]


def build() -> rollups.Built:
    return rollups.build(NOW, is_hasty=True)


def of_rows(rows: Iterable[InferenceLog], by: tuple[str, ...]) -> dict[Any, dict[str, Any]]:
    """The sums, worked out in Python."""
    sums: dict[Any, dict[str, Any]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        told = sums[tuple(getattr(row, name) for name in by)]
        told["call_count"] += 1
        told["error_count"] += row.status == "error"
        told["input_tokens"] += row.input_tokens or 0
        told["output_tokens"] += row.output_tokens or 0
        told["estimated_count"] += row.usage_source == "estimated"
        told["cost_usd"] += row.cost_usd or Decimal(0)
        is_free = row.status == "in_progress" or (row.status == "error" and not (row.input_tokens or row.output_tokens))
        told["unpriced_count"] += row.cost_usd is None and not is_free
        told["latency_sum_ms"] += row.latency_ms or 0
        told["ttft_count"] += row.ttft_ms is not None
    return sums


def inside(rows: Iterable[InferenceLog], window: Window) -> list[InferenceLog]:
    read = window.widened(NOW)
    return [row for row in rows if read.start <= row.received_at < read.end]


def assert_equal(found: list[Totals], expected: dict[Any, dict[str, Any]], by: tuple[str, ...]) -> None:
    told = {tuple(totals.group[name] for name in by): totals for totals in found if totals.call_count}
    assert told.keys() == expected.keys()
    for key, sums in expected.items():
        assert {name: getattr(told[key], name) for name in sums} == dict(sums)


def assert_all_windows(rows: list[InferenceLog]) -> None:
    for window in WINDOWS:
        for by in ((), ("provider", "model", "status"), ("user_id", "model")):
            found = rollup_reads.totals(window, ALL, by=by, now=NOW)
            assert_equal(found, of_rows(inside(rows, window), by), by)


def test_what_is_read_equals_the_rows_before_during_and_after_the_build():
    rows = store(scatter(900, days=12))
    store(scatter(50, days=12, workspace=uuid4(), seed=8))
    assert_all_windows(rows)
    for level in (RollupMark.Level.MINUTE, RollupMark.Level.HOUR):
        assert rollups.build_batch(level, NOW, is_hasty=True, limit=300)
        assert_all_windows(rows)
    assert build().days
    assert not RollupMark.objects.exists()
    assert_all_windows(rows)


def test_late_calls_reach_rollups_that_were_built():
    rows = store(scatter(300, days=12))
    build()
    rows += store(scatter(40, days=12, seed=9))
    assert_all_windows(rows)
    build()
    assert_all_windows(rows)


def test_a_series_has_each_calls_step():
    rows = store(scatter(400, days=6))
    build()
    rows += store(scatter(30, days=6, seed=3))
    steps: dict[Unit, Callable[[datetime], datetime]] = {
        "minute": lambda at: at.replace(second=0, microsecond=0),
        "hour": lambda at: at.replace(minute=0, second=0, microsecond=0),
        "day": lambda at: at.replace(hour=0, minute=0, second=0, microsecond=0),
    }
    for step, truncate in steps.items():
        window = WINDOWS[1]
        found = rollup_reads.series(window, ALL, step=step, by=("model",), now=NOW)
        counts: dict[Any, int] = defaultdict(int)
        for row in inside(rows, window):
            counts[truncate(row.received_at), row.model] += 1
        assert {(point.bucket_at, point.group["model"]): point.call_count for point in found} == counts
        times = [point.bucket_at for point in found if point.bucket_at]
        assert len(times) == len(found)
        assert times == sorted(times)


def test_filters_keep_what_they_name_and_what_was_not_told():
    rows = store(scatter(300, days=2))
    build()
    window = Window(NOW - timedelta(days=3), NOW)
    scope = Scope(None, {"provider": ["openai", None], "status": ["success"]})
    kept = [row for row in rows if row.provider in ("openai", None) and row.status == "success"]
    assert rollup_reads.totals(window, scope, now=NOW)[0].call_count == len(kept)
    mine = Scope([WORKSPACE], {"user_id": [UUID(int=1)]})
    assert rollup_reads.totals(window, mine, now=NOW)[0].call_count == sum(row.user_id == UUID(int=1) for row in rows)
    with pytest.raises(ValueError, match="read rows"):
        rollup_reads.totals(window, mine, by=("provider",), now=NOW)


def test_a_window_without_calls_is_all_zeros():
    [nothing] = rollup_reads.totals(WINDOWS[2], ALL, now=NOW)
    assert (nothing.call_count, nothing.cost_usd, nothing.mean_latency_ms) == (0, Decimal(0), None)
    assert rollup_reads.totals(WINDOWS[2], ALL, by=("model",), now=NOW) == []
    assert rollup_reads.percentiles(WINDOWS[2], ALL, [0.5], now=NOW) == []


def test_minutes_are_told_for_a_week_and_refused_before():
    with pytest.raises(ValueError, match="7 days"):
        rollup_reads.series(WINDOWS[0], ALL, step="minute", now=NOW)


def test_the_digest_marks_the_minute_of_what_it_stores():
    call = uuid4()
    record(started(call))
    row = only_row()
    rollups.build(row.received_at, is_hasty=True)
    assert RollupMinute.objects.get().status == "in_progress"
    record(finished(call))
    rollups.build(row.received_at, is_hasty=True)
    for model in (RollupMinute, RollupHour, RollupDay):
        rollup = model.objects.get()
        assert (rollup.status, rollup.call_count, rollup.output_tokens) == ("success", 1, 50)
    assert UsageDay.objects.get().call_count == UsageHour.objects.get().call_count == 1


def test_a_call_that_is_closed_for_silence_moves_in_the_rollups():
    record(started(process_id=uuid4()))
    at = only_row().received_at
    rollups.build(at, is_hasty=True)
    assert RollupDay.objects.get().status == "in_progress"
    processes.close_silent()
    rollups.build(at, is_hasty=True)
    assert RollupDay.objects.get().status == "interrupted"


def test_an_event_that_is_told_again_marks_nothing():
    event = finished()
    record(event)
    RollupMark.objects.all().delete()
    record(event)
    assert not RollupMark.objects.exists()


def test_deleted_calls_leave_the_rollups():
    rows = store(scatter(60, days=10))
    build()
    erasure.erase_calls(rows[:30])
    assert_all_windows(rows[30:])
    build()
    assert_all_windows(rows[30:])
    erasure.erase_calls(rows[30:])
    build()
    for model in (RollupMinute, RollupHour, RollupDay, UsageHour, UsageDay):
        assert not model.objects.exists()


def test_a_bucket_is_left_to_settle():
    store([make_row(random.Random(1), NOW)])
    assert rollups.build(NOW).total == 0
    RollupMark.objects.update(marked_at=NOW - timedelta(days=365))
    assert rollups.build(NOW).minutes == 1
    assert RollupMark.objects.get().level == RollupMark.Level.HOUR


def test_a_day_whose_rows_are_gone_keeps_its_rollups():
    rows = store(scatter(80, days=10))
    build()
    day = (NOW - timedelta(days=9)).date()
    SealedDay.objects.create(day=day, workspace_id=WORKSPACE)
    gone = InferenceLog.objects.filter(received_at__date__lte=day)
    gone.delete()
    with connection.cursor() as cursor:
        rollups.touch(cursor, [(row.workspace_id, row.received_at) for row in rows if row.day == day])
    assert_all_windows(rows)
    build()
    assert_all_windows(rows)
