"""Consumers of the log see each change that was committed, at least once, and none is skipped whatever the order of commits."""

import io
import random
import threading
import time
from datetime import timedelta

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from telemetry import erasure, feed, processes
from telemetry.models import FeedConsumer, FeedEntry, InferenceLog
from tests.telemetry.calls import WORKSPACE, finished, only_row, record, record_calls, started
from tests.telemetry.test_concurrency import at_once
from tests.telemetry.test_processes import silence


def note(*ids, is_ended=True) -> None:
    with connection.cursor() as cursor:
        feed.note(cursor, ((WORKSPACE, inference_id, timezone.now(), is_ended) for inference_id in ids))


def fail(_changes) -> None:
    raise ZeroDivisionError


def take_all(name: str = "reader") -> list[feed.Change]:
    seen: list[feed.Change] = []
    while feed.consume(name, seen.extend, limit=7):
        pass
    return seen


@pytest.mark.django_db(transaction=True)
def test_what_commits_late_is_not_skipped():
    late, early = uuid7(), uuid7()
    feed.join("reader")
    noted, may_commit = threading.Event(), threading.Event()

    def commit_late() -> None:
        with transaction.atomic():
            note(late)
            noted.set()
            may_commit.wait(10)
        connection.close()

    writer = threading.Thread(target=commit_late)
    writer.start()
    noted.wait(10)
    note(early)
    assert [change.inference_id for change in take_all()] == [early]
    may_commit.set()
    writer.join()
    assert [change.inference_id for change in take_all()] == [late]


@pytest.mark.django_db(transaction=True)
def test_every_change_is_seen_once_and_in_order_while_many_write():
    feed.join("reader")
    written = [[uuid7() for _ in range(30)] for _ in range(4)]
    seen: list[feed.Change] = []

    def write(ids) -> None:
        dice = random.Random(str(ids[0]))
        for inference_id in ids:
            with transaction.atomic():
                note(inference_id)
                time.sleep(dice.random() / 200)

    def read() -> None:
        deadline = time.monotonic() + 20
        while len(seen) < 120 and time.monotonic() < deadline:
            feed.consume("reader", seen.extend, limit=5)

    at_once(read, *[lambda ids=ids: write(ids) for ids in written])
    assert sorted(change.inference_id for change in seen) == sorted(one for ids in written for one in ids)
    positions = [change.position for change in seen]
    assert positions == sorted(positions)


@pytest.mark.django_db(transaction=True)
def test_one_process_consumes_under_a_name():
    note(uuid7())
    refused = []

    def intrude() -> None:
        try:
            feed.consume("reader", print)
        except feed.BusyError as error:
            refused.append(error)

    feed.join("reader", from_start=True)
    feed.consume("reader", lambda _: at_once(intrude))
    assert len(refused) == 1


@pytest.mark.django_db
def test_work_that_fails_comes_again():
    feed.join("reader")
    note(uuid7(), uuid7())
    with pytest.raises(ZeroDivisionError):
        feed.consume("reader", fail)
    assert len(take_all()) == 2
    assert take_all() == []


@pytest.mark.django_db
def test_each_consumer_has_its_own_cursor_and_a_new_one_begins_at_the_end():
    note(uuid7(), uuid7())
    feed.join("first", from_start=True)
    feed.join("second")
    note(uuid7())
    assert [lag.waiting for lag in feed.lags()] == [3, 1]
    assert (len(take_all("first")), len(take_all("second"))) == (3, 1)
    assert [lag.waiting for lag in feed.lags()] == [0, 0]


@pytest.mark.django_db
def test_what_all_have_seen_is_forgotten_and_what_one_has_not_is_kept():
    feed.join("quick")
    feed.join("slow")
    note(uuid7())
    take_all("quick")
    assert feed.prune() == 0
    take_all("slow")
    assert feed.prune() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(("has_consumer", "age", "pruned"), [(False, 2, 1), (False, 0, 0), (True, 24, 0), (True, 24 * 8, 1)])
def test_what_nobody_comes_for_is_forgotten_in_time(has_consumer, age, pruned):
    if has_consumer:
        feed.join("away")
    note(uuid7())
    FeedEntry.objects.update(noted_at=timezone.now() - timedelta(hours=age))
    assert feed.prune() == pruned


@pytest.mark.django_db
def test_the_digest_and_the_closing_of_silent_calls_note_what_they_write():
    process, call = processes.register("web"), uuid7()
    feed.join("reader")
    record(started(call, process_id=process), finished())
    silence(process, 60)
    processes.close_silent()
    changes = take_all()
    assert [change.is_ended for change in changes if change.inference_id == call] == [False, True]
    assert len(changes) == 3


def export(tmp_path, *options: str) -> list[dict[str, object]]:
    path = tmp_path / "calls.jsonl"
    call_command("consume", "export", "--output", str(path), *options)
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


@pytest.mark.django_db
def test_the_export_appends_each_ended_call_once(tmp_path):
    assert export(tmp_path) == []
    record(started())
    call, _ = record_calls(2)
    lines = export(tmp_path)
    assert [line["id"] for line in lines].count(str(call.id)) == 1
    assert len(lines) == 2
    assert len(export(tmp_path)) == 2


@pytest.mark.django_db
def test_the_export_has_the_words_when_it_is_asked_to(tmp_path):
    export(tmp_path)
    record(finished(reply="The moon pulls the water."))
    (line,) = export(tmp_path, "--content")
    assert line["content"] == {"reply": [{"role": "assistant", "content": "The moon pulls the water."}]}
    assert "payload_refs" not in line


@pytest.mark.django_db
def test_a_call_that_was_erased_is_not_exported(tmp_path):
    export(tmp_path)
    record(finished())
    erasure.erase_calls([only_row()])
    assert export(tmp_path) == []
    assert not InferenceLog.objects.exists()


@pytest.mark.django_db
def test_the_command_says_what_is_to_come_and_forgets(tmp_path):
    with pytest.raises(CommandError, match="No consumer is called export"):
        call_command("consume", "export", "--dry-run")
    export(tmp_path)
    record_calls(2)
    said = io.StringIO()
    call_command("consume", "export", "--dry-run", stdout=said)
    call_command("consume", "export", "--forget", stdout=said)
    assert said.getvalue() == "export: 2 changes to come.\nexport is forgotten.\n"
    assert not FeedConsumer.objects.exists()


@pytest.mark.django_db
def test_an_output_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(CommandError, match=r"can't be written \(Is a directory\)"):
        call_command("consume", "export", "--output", str(tmp_path))
