"""The equation holds, is shown, and notices when something is missing."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from telemetry import partitions, tallies
from telemetry.models import InboxEvent, InferenceLog, Process, Tally
from telemetry.tasks import close_silent, drain, ensure_partitions
from tests.telemetry.calls import NOON, append, finished, record, record_calls, started

pytestmark = pytest.mark.django_db


def run(*command: str, **options: Any) -> str:
    output = io.StringIO()
    call_command(*command, stdout=output, **options)
    return output.getvalue()


def test_every_event_is_accounted_for_while_it_waits_and_after():
    append(started(), started())
    assert tallies.balance().pending == 2
    assert tallies.balance().missing == 0
    record()
    assert tallies.balance().stored == 2
    assert tallies.balance().missing == 0


def test_the_check_says_the_equation_and_is_content():
    record_calls(3)
    said = run("check_integrity", deep=True)
    assert "6 received = 6 stored + 0 duplicate + 0 rejected + 0 dead + 0 pending" in said
    assert "FAIL" not in said


def test_the_check_notices_an_event_that_vanished():
    append(started(), started())
    InboxEvent.objects.all()[0].delete()
    with pytest.raises(CommandError):
        run("check_integrity")


@pytest.mark.parametrize(
    "harm",
    [
        "DELETE FROM inference_log",
        "DELETE FROM inference_key",
        "DELETE FROM payload",
        "UPDATE inference_log SET phases = 1",
    ],
)
def test_the_deep_check_notices_a_record_that_was_harmed(harm):
    record_calls(2)
    with connection.cursor() as cursor:
        cursor.execute(harm)
    with pytest.raises(CommandError):
        run("check_integrity", deep=True)


def test_folded_tallies_say_the_same_by_day_and_reason():
    for _ in range(5):
        append(started())
    with connection.cursor() as cursor:
        tallies.add(cursor, "too big", rejected=2, received=2)
        tallies.add(cursor, "too big", rejected=1, received=1)
    before = tallies.balance()
    assert not tallies.fold()
    assert tallies.fold(threshold=1)
    assert tallies.balance() == before
    assert before.rejected == {"too big": 3}
    assert Tally.objects.count() == 2


def test_the_drain_command_empties_the_inbox_and_says_what_it_did():
    append(started(), finished())
    assert run("drain") == "2 events stored, 0 duplicate, 0 failed, 0 dead.\n"
    assert InferenceLog.objects.count() == 2


def test_the_drain_task_shows_that_its_worker_lives():
    append(finished())
    drain()
    drain()
    assert InferenceLog.objects.count() == 1
    assert Process.objects.filter(kind="worker").count() == 1


def test_the_clocks_tasks_run():
    close_silent()
    ensure_partitions()
    assert run("ensure_partitions") == "0 days made.\n"


def test_days_are_made_ahead_once():
    today = NOON.replace(year=2030).date()
    assert len(partitions.ensure(today)) == partitions.DAYS_AHEAD + 1
    assert partitions.ensure(today) == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_indexes WHERE tablename = %s", [partitions.LOG.of(today)])
        on_the_day = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM pg_indexes WHERE tablename = 'inference_log'")
        assert cursor.fetchone() == on_the_day
