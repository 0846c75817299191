"""Calls of processes that fell silent are closed; a real end still wins."""

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone
from uuid_utils.compat import uuid7

from ollive.env import BASE_DIR
from telemetry import processes
from telemetry.models import InferenceLog, Process
from tests.server import database_url
from tests.telemetry.calls import append, finished, only_row, record, started

pytestmark = pytest.mark.django_db


def silence(process_id, seconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE telemetry_process SET beat_at = statement_timestamp() - make_interval(secs => %s) WHERE id = %s",
            [seconds, process_id],
        )


def test_a_call_of_a_silent_process_is_interrupted_and_its_prompt_is_priced():
    process = processes.register("web")
    record(started(process_id=process))
    silence(process, 31)
    assert processes.close_silent() == 1
    row = only_row()
    assert (row.status, row.usage_source, row.ended_at, row.latency_ms) == ("interrupted", "estimated", None, None)
    assert row.input_tokens > 0
    assert row.cost_usd > 0


def test_a_call_of_a_living_process_stays_open():
    process = processes.register("web")
    record(started(process_id=process))
    silence(process, 29)
    assert processes.close_silent() == 0
    silence(process, 60)
    processes.beat(process)
    assert processes.close_silent() == 0
    assert only_row().status == "in_progress"


def test_a_call_of_a_process_that_nobody_knows_is_closed():
    record(started(process_id=uuid7()))
    assert processes.close_silent() == 1


@pytest.mark.parametrize(("hours", "closed"), [(1, 0), (25, 1)])
def test_a_call_made_elsewhere_gets_a_day(hours, closed):
    record(replace(started(source="sdk"), received_at=timezone.now() - timedelta(hours=hours)))
    assert processes.close_silent() == closed


def test_a_real_end_that_comes_later_wins_over_the_sweep():
    process, call = processes.register("web"), uuid7()
    record(started(call, process_id=process))
    silence(process, 60)
    processes.close_silent()
    record(finished(call, input_tokens=9, output_tokens=1))
    row = only_row()
    assert (row.status, row.input_tokens, row.output_tokens, row.usage_source) == ("success", 9, 1, "provider")
    assert row.latency_ms == 2400


def test_a_started_event_that_is_digested_late_does_not_open_the_call_again():
    process, call = processes.register("web"), uuid7()
    silence(process, 60)
    record(finished(call, status="canceled"))
    record(started(call, process_id=process))
    assert processes.close_silent() == 0
    assert only_row().status == "canceled"


def test_an_event_that_waited_while_its_process_died_is_closed_after_the_digest():
    process = processes.register("web")
    append(started(process_id=process))
    silence(process, 60)
    assert processes.close_silent() == 0
    record()
    assert processes.close_silent() == 1


def test_a_forgotten_process_enters_itself_again_when_it_beats():
    process = processes.register("web")
    silence(process, 8 * 24 * 3600)
    processes.close_silent()
    assert not Process.objects.exists()
    processes.beat(process)
    assert Process.objects.get().id == process


def test_the_last_heartbeat_of_a_kind_is_known():
    assert processes.last_beat_at("worker") is None
    processes.register("worker")
    last = processes.last_beat_at("worker")
    assert last is not None
    assert timezone.now() - last < timedelta(minutes=1)


def sign_of_life() -> datetime:
    return Process.objects.get(kind="worker").beat_at


@pytest.mark.django_db(transaction=True)
def test_a_process_beats_on_while_it_works(monkeypatch):
    monkeypatch.setattr(processes, "BEAT_SECONDS", 0.01)
    process = uuid7()
    with processes.beating(process, kind="worker"):
        first = sign_of_life()
        wait_until(lambda: sign_of_life() > first)
    assert Process.objects.get(id=process).kind == "worker"


@pytest.mark.django_db(transaction=True)
def test_work_that_hangs_is_noticed_in_the_end(monkeypatch):
    monkeypatch.setattr(processes, "BEAT_SECONDS", 0.01)
    with processes.beating(uuid7(), kind="worker", at_most_seconds=0.05):
        wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name == "heartbeat"])


def test_the_drain_command_goes_on_until_it_is_told_to_end(transactional_db):
    environment = os.environ | {"DATABASE_URL": database_url(), "OLLIVE_PROCESS": "drain"}
    command = subprocess.Popen(
        [sys.executable, "manage.py", "drain", "--loop", "--interval", "0.05"], cwd=BASE_DIR, env=environment
    )
    try:
        wait_until(lambda: Process.objects.filter(kind="drain").exists())
        append(started())
        wait_until(InferenceLog.objects.exists)
        append(started())
        wait_until(lambda: InferenceLog.objects.count() == 2)
    finally:
        command.terminate()
    assert command.wait(60) == 0


def wait_until(condition) -> None:
    deadline = time.monotonic() + 120  # a process of its own takes its time to start on a busy machine
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
