"""Backfilled rollups equal built ones, and nothing that is left of deleted calls is lost."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import models

from telemetry import rollups
from telemetry.models import InferenceLog, RollupDay, RollupHour, RollupMark, RollupMinute, SealedDay, UsageDay, UsageHour
from tests.telemetry.calls import WORKSPACE
from tests.telemetry.rows import scatter, store

pytestmark = pytest.mark.django_db

TODAY = datetime.now(UTC)
TABLES: tuple[type[models.Model], ...] = (RollupMinute, RollupHour, RollupDay, UsageHour, UsageDay)


def contents() -> dict[str, list[Any]]:
    return {table.__name__: sorted(table.objects.values_list(), key=str) for table in TABLES}  # type: ignore[attr-defined]


def backfill(**options: Any) -> str:
    output = StringIO()
    call_command("backfill_rollups", stdout=output, **options)
    return output.getvalue()


@pytest.fixture
def other() -> UUID:
    return uuid4()


def test_it_makes_what_building_the_marks_makes(other):
    store(scatter(400, days=12, end=TODAY))
    store(scatter(50, days=12, end=TODAY, workspace=other))
    rollups.build(TODAY, is_hasty=True)
    built = contents()
    assert "450 calls" in backfill()
    assert contents() == built


def test_it_rolls_up_rows_that_nothing_marked():
    store(scatter(100, days=3, end=TODAY), is_marked=False)
    assert rollups.build(TODAY, is_hasty=True).total == 0
    backfill()
    assert sum(RollupDay.objects.values_list("call_count", flat=True)) == 100
    assert sum(UsageDay.objects.values_list("call_count", flat=True)) == 100


def test_a_dry_run_changes_nothing():
    store(scatter(20, days=3, end=TODAY))
    said = backfill(dry_run=True)
    assert "would be rebuilt" in said
    assert not RollupDay.objects.exists()
    assert RollupMark.objects.exists()


def test_it_does_the_days_that_were_asked_for():
    store(scatter(200, days=6, end=TODAY), is_marked=False)
    since, until = (TODAY - timedelta(days=4)).date(), (TODAY - timedelta(days=3)).date()
    backfill(since=since, until=until)
    assert {at.date() for at in RollupDay.objects.values_list("bucket_at", flat=True)} == {since, until}


def test_a_period_that_ends_before_it_begins_is_refused():
    with pytest.raises(CommandError, match="is after"):
        backfill(since=TODAY.date(), until=(TODAY - timedelta(days=1)).date())


def test_what_is_left_of_deleted_calls_stays(other):
    rows = store(scatter(60, days=3, end=TODAY)) + store(scatter(60, days=3, end=TODAY, workspace=other))
    rollups.build(TODAY, is_hasty=True)
    built = contents()
    first, second = sorted({row.day for row in rows})[:2]
    SealedDay.objects.create(day=first, workspace_id=None)
    SealedDay.objects.create(day=second, workspace_id=WORKSPACE)
    InferenceLog.objects.filter(received_at__date=first).delete()
    InferenceLog.objects.filter(received_at__date=second, workspace_id=WORKSPACE).delete()
    assert "kept" in backfill()
    assert contents() == built
