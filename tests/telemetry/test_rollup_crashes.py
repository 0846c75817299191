"""Builds that die at any step, and builds at once: rollups equal the rows in the end, and readers never see a gap."""

import random
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, InterfaceError, connection

from telemetry import rollup_backfill, rollup_reads, rollups
from telemetry.models import RollupDay, RollupMark, UsageDay
from telemetry.rollup_reads import Scope
from telemetry.rollup_windows import Window
from tests.telemetry.calls import WORKSPACE
from tests.telemetry.rows import NOW, make_row, scatter, store
from tests.telemetry.test_concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)

WINDOW = Window(NOW - timedelta(days=12), NOW + timedelta(minutes=1))

# To PostgreSQL a killed process is a connection that ends: here it ends in the middle of the statement.
DEATH = """
CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN coalesce(NEW, OLD); END $$;
CREATE TRIGGER death BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION die();
"""
LIFE = "DROP FUNCTION die() CASCADE"


def count_read() -> int:
    [found] = rollup_reads.totals(WINDOW, Scope([WORKSPACE]), now=NOW)
    return found.call_count


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    ("event", "table"),
    [
        ("DELETE", "rollup_mark"),
        ("DELETE", "rollup_minute"),
        ("INSERT", "rollup_minute"),
        ("INSERT", "rollup_mark"),
        ("INSERT", "rollup_hour"),
        ("INSERT", "usage_hour"),
        ("DELETE", "rollup_day"),
        ("INSERT", "usage_day"),
    ],
)
def test_a_build_that_dies_is_done_again_by_the_next(event, table):
    store(scatter(60, days=3))
    rollups.build(NOW, is_hasty=True)
    store(scatter(60, days=3, seed=8))
    execute(DEATH.format(event=event, table=table))
    with suppress(DatabaseError, InterfaceError):
        rollups.build(NOW, is_hasty=True)
    connection.close()
    execute(LIFE)
    assert RollupMark.objects.exists()
    assert count_read() == 120
    rollups.build(NOW, is_hasty=True)
    assert not RollupMark.objects.exists()
    assert sum(RollupDay.objects.values_list("call_count", flat=True)) == 120
    assert sum(UsageDay.objects.values_list("call_count", flat=True)) == 120
    assert count_read() == 120


def test_builds_at_once_while_calls_come_and_a_reader_looks():
    store(scatter(100, days=2))
    seen: list[int] = []

    def write(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(15):
            store([make_row(dice, NOW - timedelta(minutes=dice.randrange(200)))])

    def work() -> None:
        for _ in range(10):
            rollups.build(NOW, is_hasty=True)

    def read() -> None:
        seen.extend(count_read() for _ in range(25))

    at_once(lambda: write(1), lambda: write(2), work, work, read)
    assert seen == sorted(seen)
    assert seen[0] >= 100
    assert count_read() == 130
    rollups.build(NOW, is_hasty=True)
    assert sum(RollupDay.objects.values_list("call_count", flat=True)) == 130


def test_a_backfill_beside_a_build_does_not_lose_what_comes_meanwhile():
    store(scatter(100, days=2))
    day = (NOW - timedelta(days=1)).date()

    def write() -> None:
        dice = random.Random(5)
        for _ in range(20):
            store([make_row(dice, NOW - timedelta(days=1))])

    def build() -> None:
        for _ in range(5):
            rollups.build(NOW, is_hasty=True)

    def backfill() -> None:
        for _ in range(5):
            rollup_backfill.rebuild_day(day, NOW)

    jobs: list[Any] = [write, build, backfill]
    at_once(*jobs)
    assert count_read() == 120
    rollups.build(NOW, is_hasty=True)
    assert sum(RollupDay.objects.values_list("call_count", flat=True)) == 120
