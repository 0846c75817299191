"""Percentiles from rollups and fresh rows together are within 1 % of the rows'."""

from datetime import timedelta
from itertools import product
from uuid import UUID

import pytest
from django.db import connection

from telemetry import rollup_reads, rollups
from telemetry.rollup_reads import Dimension, Duration, Scope
from telemetry.rollup_windows import Window
from tests.telemetry.calls import WORKSPACE
from tests.telemetry.rows import NOW, scatter, store

pytestmark = pytest.mark.django_db

FRACTIONS = [0.5, 0.9, 0.95, 0.99]
ALL = Scope([WORKSPACE])
WINDOW = Window(NOW - timedelta(days=4), NOW)

EXACT = """
SELECT {by}, percentile_cont(%s::float8[]) WITHIN GROUP (ORDER BY {of}_ms) FROM inference_log
WHERE received_at >= %s AND received_at < %s AND {of}_ms IS NOT NULL GROUP BY 1
"""


def exact(by: str, of: str, window: Window = WINDOW) -> dict[object, list[float]]:
    read = window.widened(NOW)
    with connection.cursor() as cursor:
        cursor.execute(EXACT.format(by=by, of=of), [FRACTIONS, read.start, read.end])
        return dict(cursor.fetchall())


@pytest.fixture
def rows():
    """Rolled up for the most part, the last of them not yet."""
    stored = store(scatter(700, days=4))
    rollups.build(NOW, is_hasty=True)
    return stored + store(scatter(100, days=4, seed=2))


@pytest.mark.usefixtures("rows")
def test_percentiles_by_group_are_within_one_percent():
    dimensions: tuple[Dimension, ...] = ("model", "status")
    durations: tuple[Duration, ...] = ("latency", "ttft")
    for by, of in product(dimensions, durations):
        found = rollup_reads.percentiles(WINDOW, ALL, FRACTIONS, of=of, by=[by], now=NOW)
        told = {one.group[by]: list(one.values_ms) for one in found}
        expected = exact(by, of)
        assert told.keys() == expected.keys()
        for key, values in expected.items():
            assert told[key] == pytest.approx(values, rel=0.01)
        assert not any(one.is_exact for one in found)


def test_percentiles_of_everything_count_the_calls_that_have_a_duration(rows):
    [all_calls] = rollup_reads.percentiles(WINDOW, ALL, FRACTIONS, now=NOW)
    assert all_calls.count == sum(row.latency_ms is not None for row in rows)
    assert list(all_calls.values_ms) == pytest.approx(exact("'all'", "latency")["all"], rel=0.01)


@pytest.mark.usefixtures("rows")
def test_percentiles_by_day_come_in_order():
    found = rollup_reads.percentiles(WINDOW, ALL, FRACTIONS, step="day", now=NOW)
    days = [one.bucket_at for one in found if one.bucket_at]
    assert days == sorted(days)
    expected = exact("date_trunc('day', received_at, 'UTC')", "latency")
    for one in found[1:]:  # the first day is read from its first whole hour on
        assert list(one.values_ms) == pytest.approx(expected[one.bucket_at], rel=0.01)


@pytest.mark.usefixtures("rows")
def test_percentiles_by_user_are_read_from_rows_and_say_so():
    found = rollup_reads.percentiles(WINDOW, ALL, FRACTIONS, by=["user_id"], now=NOW)
    assert {one.group["user_id"] for one in found} == {None, UUID(int=1), UUID(int=2)}
    assert all(one.is_exact for one in found)
    named = next(one for one in found if one.group["user_id"] == UUID(int=1))
    assert list(named.values_ms) == pytest.approx(exact("user_id", "latency")[UUID(int=1)])


def test_another_workspaces_calls_are_not_in_it():
    store(scatter(50, days=2, workspace=UUID(int=99)))
    rollups.build(NOW, is_hasty=True)
    assert rollup_reads.percentiles(WINDOW, ALL, FRACTIONS, now=NOW) == []
    assert rollup_reads.percentiles(WINDOW, Scope(None), FRACTIONS, now=NOW)[0].count > 0
