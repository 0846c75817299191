"""Old days go, whole and accounted for; their sums stay."""

import random
import threading
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import override_settings
from uuid_utils.compat import uuid7

from accounts.models import Workspace
from telemetry import day_drops, integrity, partitions, retention, rollup_reads, rollups, tallies
from telemetry.models import (
    InferenceKey,
    InferenceLog,
    Payload,
    RawPayload,
    RetentionPolicy,
    RollupDay,
    RollupMinute,
    SealedDay,
    SearchEntry,
)
from telemetry.rollup_reads import Scope
from telemetry.rollup_windows import Window
from tests.telemetry.calls import WORKSPACE, append, finished, record, started
from tests.telemetry.rows import make_row, scatter, store

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime.now(UTC).replace(hour=12)
TODAY = NOW.date()


@pytest.fixture(autouse=True)
def _no_days_of_other_tests():
    yield
    for day in day_drops.existing_days():
        if day < TODAY:
            day_drops.drop_day(day)


def record_on(day: date, count: int = 3, workspace: UUID = WORKSPACE) -> None:
    """Calls that were heard of on another day, told by events as all are."""
    for number in range(count):
        call = uuid7()
        append(started(call, workspace_id=workspace), finished(call, workspace_id=workspace, reply=f"{day} {number}"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE telemetry_inbox SET received_at = %s", [datetime.combine(day, NOW.time(), UTC)])
    record()


def days_ago(count: int) -> date:
    return TODAY - timedelta(days=count)


def all_kept() -> bool:
    return all(check.is_kept for check in integrity.checks(deep=True))


def call_count(days: int = 60, workspace: UUID = WORKSPACE) -> int:
    return rollup_reads.totals(Window(NOW - timedelta(days=days), NOW), Scope([workspace]), now=NOW)[0].call_count


def test_days_older_than_the_policy_are_dropped_with_all_that_belongs_to_them():
    for age in (0, 5, 31, 40):
        record_on(days_ago(age))
    outcome = retention.enforce(NOW)
    assert outcome.dropped_days == [days_ago(40), days_ago(31)]
    assert InferenceLog.objects.count() == InferenceKey.objects.count() == 6
    assert {payload.day for payload in Payload.objects.all()} == {TODAY, days_ago(5)}
    assert day_drops.existing_days()[0] == days_ago(5)
    assert all_kept()
    assert tallies.balance().erased == 12


def test_the_sums_of_dropped_days_stay_even_if_nothing_was_rolled_up_yet():
    record_on(days_ago(35))
    assert not RollupDay.objects.exists()
    retention.enforce(NOW)
    assert RollupDay.objects.get().call_count == 3
    assert call_count() == 3


def test_an_event_that_comes_for_a_dropped_day_does_not_zero_its_sums():
    record_on(days_ago(35))
    retention.enforce(NOW)
    record_on(days_ago(35), count=1)
    rollups.build(NOW, is_hasty=True)
    assert RollupDay.objects.get().call_count == 3
    assert retention.enforce(NOW).dropped_days == [days_ago(35)]
    assert InferenceKey.objects.count() == 0
    assert call_count() == 3
    assert all_kept()


def test_the_policy_in_the_admin_wins_over_the_environment():
    for age in (3, 8):
        record_on(days_ago(age))
    policy = retention.installation()
    with override_settings(OLLIVE_RETENTION_DAYS=5):
        assert retention.raw_days(policy) == 5
        policy.raw_days = 2
        policy.save()
        retention.enforce(NOW)
    assert not InferenceLog.objects.exists()
    policy.refresh_from_db()
    assert policy.last_run_at == NOW
    assert policy.last_outcome == "2 days dropped"


def test_a_workspace_may_keep_its_calls_for_a_shorter_time():
    elsewhere = Workspace.objects.create(name="Elsewhere")
    RetentionPolicy.objects.create(workspace=elsewhere, raw_days=3)
    for age in (2, 6):
        record_on(days_ago(age))
        record_on(days_ago(age), workspace=elsewhere.id)
    rollups.build(NOW, is_hasty=True)
    outcome = retention.enforce(NOW)
    assert outcome.call_count == 3
    assert InferenceLog.objects.filter(workspace_id=elsewhere.id).count() == 3
    assert InferenceLog.objects.filter(workspace_id=WORKSPACE).count() == 6
    assert call_count(workspace=elsewhere.id) == call_count() == 6
    assert RetentionPolicy.objects.get(workspace=elsewhere).last_outcome == "3 calls deleted"
    assert all_kept()
    assert retention.enforce(NOW).call_count == 0


def test_a_workspace_keeps_nothing_for_longer_than_the_installation():
    policy = RetentionPolicy.objects.create(workspace=Workspace.objects.create(name="Elsewhere"), raw_days=300, rollup_days=900)
    assert (retention.raw_days(policy), retention.rollup_days(policy)) == (30, 400)


def test_late_calls_of_an_emptied_day_are_deleted_by_the_next_run():
    workspace = Workspace.objects.create(name="Elsewhere")
    RetentionPolicy.objects.create(workspace=workspace, raw_days=3)
    record_on(days_ago(6), workspace=workspace.id)
    retention.enforce(NOW)
    record_on(days_ago(6), count=1, workspace=workspace.id)
    assert retention.enforce(NOW).call_count == 1
    assert call_count(workspace=workspace.id) == 3


def test_old_sums_are_deleted_and_old_minutes_dropped():
    store(scatter(30, days=0.5, end=NOW - timedelta(days=401)))
    store(scatter(30, days=0.5, end=NOW - timedelta(days=5)))
    rollups.build(NOW - timedelta(days=401), is_hasty=True)
    assert RollupMinute.objects.filter(bucket_at__lt=NOW - timedelta(days=300)).exists()
    outcome = retention.enforce(NOW)
    assert outcome.rollup_count
    assert not RollupMinute.objects.filter(bucket_at__lt=NOW - timedelta(days=9)).exists()
    assert not RollupDay.objects.filter(bucket_at__lt=NOW - timedelta(days=400)).exists()
    assert not SealedDay.objects.filter(day__lt=days_ago(400)).exists()
    assert call_count(7) == 30


def test_hours_of_days_without_minutes_are_rebuilt_from_rows():
    rows = store(scatter(40, days=0.4, end=NOW - timedelta(days=15)))
    rollups.build(NOW, is_hasty=True)
    retention.enforce(NOW)
    partitions.ensure_days({rows[0].day})  # an event for an old day makes its tables, and the minutes' is empty
    store([make_row(random.Random(1), rows[0].received_at)])
    assert call_count() == 41
    rollups.build(NOW, is_hasty=True)
    assert call_count() == 41


@pytest.mark.parametrize("step", ["detached", "counted", "keys"])
def test_a_run_that_dies_is_finished_by_the_next(step, monkeypatch):
    record_on(days_ago(35))
    if step == "detached":
        with connection.cursor() as cursor:
            retention.seal(days_ago(35), None, NOW)
            cursor.execute(day_drops.DETACH.format(table="inference_log", child=partitions.LOG.of(days_ago(35))))
    else:
        dies_in = {"counted": (tallies, "add"), "keys": (retention, "_finish_days")}[step]
        with monkeypatch.context() as patched:
            patched.setattr(*dies_in, lambda *args, **kwargs: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                retention.enforce(NOW)
    retention.enforce(NOW)
    assert InferenceKey.objects.count() == 0
    assert days_ago(35) not in day_drops.existing_days()
    assert tallies.balance().erased == 6
    assert all_kept()
    assert call_count() == 3


def test_a_day_that_is_in_use_is_left_for_the_next_run(monkeypatch):
    monkeypatch.setattr(day_drops, "LOCK_TIMEOUT", "100ms")
    record_on(days_ago(35))
    reading, done = threading.Event(), threading.Event()

    def read() -> None:
        with transaction.atomic():
            InferenceLog.objects.count()
            reading.set()
            done.wait(20)
        connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    reading.wait(20)
    try:
        outcome = retention.enforce(NOW)
    finally:
        done.set()
        reader.join()
    assert outcome.dropped_days == []
    assert "in use" in retention.installation().last_outcome
    assert retention.enforce(NOW).dropped_days == [days_ago(35)]
    assert all_kept()


def prune(**options: Any) -> str:
    output = StringIO()
    call_command("prune_logs", stdout=output, **options)
    return output.getvalue()


def test_the_command_says_what_it_would_drop_and_then_drops_it():
    for age in (1, 12):
        record_on(days_ago(age))
    assert "would be dropped" in prune(older_than=10, dry_run=True)
    assert InferenceLog.objects.count() == 6
    assert f"{days_ago(12)}  dropped" in prune(older_than=10)
    assert InferenceLog.objects.count() == 3
    assert all_kept()


@pytest.mark.parametrize("given", ["0", "-3", "soon"])
def test_the_command_refuses_what_is_no_number_of_days(given):
    with pytest.raises(CommandError):
        call_command("prune_logs", f"--older-than={given}")


def test_what_a_workspaces_calls_kept_elsewhere_goes_with_them():
    workspace = Workspace.objects.create(name="Elsewhere")
    RetentionPolicy.objects.create(workspace=workspace, raw_days=3)
    append(finished(workspace_id=workspace.id, raw_payload={"words": "The moon pulls the water. " * 1000}))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE telemetry_inbox SET received_at = %s", [NOW - timedelta(days=6)])
    record()
    assert (RawPayload.objects.count(), SearchEntry.objects.count()) == (1, 1)
    assert retention.enforce(NOW).call_count == 1
    assert (RawPayload.objects.count(), SearchEntry.objects.count(), Payload.objects.count()) == (0, 0, 0)
    assert all_kept()
