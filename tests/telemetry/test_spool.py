"""What is paid for while PostgreSQL is away is kept in a file, whatever happens to the file or to its process."""

import multiprocessing
import os
import resource
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import OperationalError
from uuid_utils.compat import uuid7

from accounts.encryption import make_key
from telemetry import digest, spool, spool_records, tallies
from telemetry.models import InboxEvent, InferenceLog
from telemetry.spool import START, Spool, SpoolError
from tests.telemetry.calls import finished, only_row, record, started

pytestmark = pytest.mark.django_db

ROOM = 64 * 1024 * 1024


@pytest.fixture
def kept(tmp_path) -> Spool:
    return Spool(tmp_path / "spool", ROOM)


def files(of: Spool) -> list[Path]:
    return sorted(of.folder.glob("*.spool"))


def after_a_death(of: Spool) -> Spool:
    """Another process' view of the same folder, once the first one is gone."""
    of._leave()
    return Spool(of.folder, ROOM)


def flipped(held: bytes, place: int) -> bytes:
    return held[:place] + bytes([held[place] ^ 0x10]) + held[place + 1 :]


def is_balanced() -> bool:
    return tallies.balance().missing == 0


def test_what_was_kept_is_stored_when_the_database_is_back(kept):
    call = uuid7()
    kept.keep([started(call), finished(call)])
    assert kept.state().events == 2
    assert kept.replay().stored == 2
    digest.drain()
    assert (only_row().id, only_row().status) == (call, "success")
    assert (kept.state().events, kept.state().size_bytes, files(kept)) == (0, 0, [])
    assert is_balanced()


def test_replaying_twice_or_what_came_another_way_makes_duplicates_and_no_rows(kept):
    event = finished()
    record(event)
    kept.keep([event])
    kept.keep([event])
    replayed = kept.replay()
    assert (replayed.stored, replayed.duplicate) == (1, 1)
    assert kept.replay().count == 0
    digest.drain()
    only_row()
    assert is_balanced()


def test_its_files_are_for_their_user_alone_and_say_nothing(kept):
    kept.keep([finished(reply="The moon pulls the water.")])
    (file,) = files(kept)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.folder.stat().st_mode) == 0o700
    assert b"moon" not in file.read_bytes()


def test_a_record_torn_at_any_byte_costs_itself_alone(kept):
    kept.keep([finished()])
    (file,) = files(kept)
    whole = file.stat().st_size
    kept.keep([finished()])
    after_a_death(kept)
    held = file.read_bytes()
    file.unlink()
    for size in range(whole, len(held)):
        records = list(spool_records.read(held[:size], START))
        assert records[0].text is not None
        assert [(torn.text, torn.is_torn) for torn in records[1:]] == ([] if size == whole else [(None, True)])


@pytest.mark.parametrize("cut", [1, 5, 11, 40])
def test_a_torn_tail_is_counted(kept, cut):
    kept.keep([finished()])
    (file,) = files(kept)
    whole = file.stat().st_size
    kept.keep([finished()])
    heir = after_a_death(kept)
    os.truncate(file, whole + cut)
    replayed = heir.replay()
    assert (replayed.stored, replayed.torn, replayed.unreadable) == (1, 1, 0)
    assert tallies.balance().rejected == {spool.TORN: 1}
    assert is_balanced()
    assert files(heir) == []


def test_a_bit_flipped_anywhere_costs_one_record_that_is_put_aside(kept):
    kept.keep([finished(), finished(), finished()])
    (file,) = files(kept)
    held = file.read_bytes()
    records = list(spool_records.read(held, START))
    for place in range(records[1].start, records[1].end):
        assert [record.text is None for record in spool_records.read(flipped(held, place), START)] == [False, True, False]
    heir = after_a_death(kept)
    file.write_bytes(flipped(held, records[1].end - 1))
    replayed = heir.replay()
    assert (replayed.stored, replayed.torn, replayed.unreadable) == (2, 0, 1)
    assert tallies.balance().rejected == {spool.UNREADABLE: 1}
    assert heir.state().aside == 1
    assert is_balanced()


@pytest.mark.parametrize("place", range(START))
def test_a_harmed_beginning_of_the_file_loses_nothing(kept, place):
    kept.keep([finished(), finished()])
    heir = after_a_death(kept)
    (file,) = files(kept)
    file.write_bytes(flipped(file.read_bytes(), place))
    assert heir.replay().stored == 2


def test_a_record_whose_key_is_gone_is_put_aside(kept, settings):
    kept.keep([finished()])
    settings.OLLIVE_ENCRYPTION_KEYS = f"2:{make_key()}"
    kept.keep([finished()])
    replayed = after_a_death(kept).replay()
    assert (replayed.stored, replayed.unreadable) == (1, 1)
    assert is_balanced()


def test_what_was_put_aside_is_tried_again_once_its_key_is_back(kept, settings):
    ring = settings.OLLIVE_ENCRYPTION_KEYS
    kept.keep([finished()])
    settings.OLLIVE_ENCRYPTION_KEYS = f"2:{make_key()}"
    kept.replay()
    assert kept.retry_aside().unreadable == 1
    settings.OLLIVE_ENCRYPTION_KEYS = ring
    assert kept.retry_aside().stored == 1
    assert kept.state().aside == 0
    assert is_balanced()


def test_an_event_that_postgresql_refuses_does_not_stop_the_others(kept):
    poison = replace(finished(), body='{"phase":"finished\x00"}')
    kept.keep([finished(), poison, finished(), finished()])
    replayed = kept.replay()
    assert (replayed.stored, replayed.unreadable, kept.state().aside) == (3, 1, 1)
    assert is_balanced()


def test_what_was_replayed_before_the_database_went_away_again_is_not_replayed_twice(kept, monkeypatch):
    monkeypatch.setattr(spool, "BATCH", 2)
    kept.keep([finished() for _ in range(5)])
    take, calls = Spool._take, []

    def fails_the_second_time(self, *args):
        calls.append(1)
        if len(calls) == 2:
            raise OperationalError("away")
        take(self, *args)

    monkeypatch.setattr(Spool, "_take", fails_the_second_time)
    with pytest.raises(OperationalError):
        kept.replay()
    assert kept.state().events == 3
    replayed = kept.replay()
    assert (replayed.stored, replayed.duplicate) == (3, 0)
    assert InboxEvent.objects.count() == 5


def test_a_full_spool_says_so_and_keeps_what_it_has(tmp_path):
    small = Spool(tmp_path / "spool", 4_000)
    kept_count = 0
    with pytest.raises(SpoolError, match="is full"):
        for _ in range(10):
            small.keep([finished()])
            kept_count += 1
    assert small.replay().stored == kept_count > 0


def test_a_full_disk_leaves_no_half_record(kept):
    kept.keep([finished()])
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (files(kept)[0].stat().st_size + 100, limit[1]))
    try:
        with pytest.raises(SpoolError, match="can't be written"):
            kept.keep([finished()])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    kept.keep([finished()])
    replayed = kept.replay()
    assert (replayed.stored, replayed.torn, replayed.unreadable) == (2, 0, 0)


def write_and_die(folder: Path, count: int, sealed: list[str]) -> None:
    """In another process, which ends without a word."""
    held = Spool(folder, ROOM)
    for text in sealed[:count]:
        event = spool._unseal(spool_records.Record(0, 0, text))
        held.keep([event] if event else [])
    os._exit(0)


def test_the_file_of_a_living_process_is_left_to_it(kept):
    kept.keep([finished()])
    other = Spool(kept.folder, ROOM)
    assert other.replay().count == 0
    assert kept.replay().stored == 1


def test_several_processes_write_and_whoever_comes_replays_the_dead_ones(kept):
    sealed = [spool._seal(finished()) for _ in range(8)]
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_and_die, args=(kept.folder, 4, sealed[start:])) for start in (0, 4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(files(kept)) == 2
    assert kept.replay().stored == 8


def test_the_drain_command_replays_first(kept, monkeypatch):
    kept.keep([finished()])
    monkeypatch.setattr(spool, "_here", lambda: kept)
    call_command("drain")
    assert InferenceLog.objects.count() == 1
