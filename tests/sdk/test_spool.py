"""Events on the disk: nothing is lost or made up, whatever byte the writing stopped at, in whatever process."""

import errno
import os
import time

import pytest

from ollive_sdk.spool import START, Spool

EVENTS = [b'{"number": %d}' % number for number in range(5)]


def read_all(spool):
    found = []
    while events := spool.peek(2, 10_000):
        found += events
        spool.advance()
    return found


def test_what_is_kept_is_read_in_order_and_the_file_goes(tmp_path):
    spool = Spool(tmp_path, 10_000)
    spool.keep(EVENTS[:3])
    spool.keep(EVENTS[3:])
    assert read_all(spool) == EVENTS
    assert list(tmp_path.iterdir()) == []
    spool.keep(EVENTS)
    assert read_all(spool) == EVENTS


def test_what_is_not_dealt_with_comes_again(tmp_path):
    spool = Spool(tmp_path, 10_000)
    spool.keep(EVENTS)
    assert spool.peek(2, 10_000) == spool.peek(2, 10_000) == EVENTS[:2]
    spool.advance()
    spool.leave()
    assert read_all(Spool(tmp_path, 10_000)) == EVENTS[2:]


def test_a_living_writers_file_is_left_alone(tmp_path):
    writer, other = Spool(tmp_path, 10_000), Spool(tmp_path, 10_000)
    writer.keep(EVENTS)
    assert other.peek(10, 10_000) == []
    writer.leave()
    assert read_all(other) == EVENTS


def test_new_events_are_kept_while_old_ones_are_read(tmp_path):
    spool = Spool(tmp_path, 10_000)
    spool.keep(EVENTS[:2])
    assert spool.peek(1, 10_000) == EVENTS[:1]
    spool.keep(EVENTS[2:])
    spool.advance()
    assert read_all(spool) == EVENTS[1:]


def test_it_is_torn_at_every_byte_of_its_last_record(tmp_path):
    spool = Spool(tmp_path / "whole", 10_000)
    spool.keep(EVENTS)
    spool.leave()
    (path,) = (tmp_path / "whole").iterdir()
    whole = path.read_bytes()
    size = (len(whole) - START) // len(EVENTS)
    for cut in range(1, size):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / "a.spool").write_bytes(whole[:-cut])
        torn = Spool(folder, 10_000)
        assert read_all(torn) == EVENTS[:-1]
        assert torn.torn_count == 1
        assert list(folder.iterdir()) == []


@pytest.mark.parametrize("place", [START, START + 5, START + 9, START + 14])
def test_a_damaged_record_costs_itself_alone(tmp_path, place):
    spool = Spool(tmp_path, 10_000)
    spool.keep(EVENTS)
    spool.leave()
    (path,) = tmp_path.iterdir()
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(data)
    assert read_all(spool) == EVENTS[1:]
    assert spool.torn_count == 1


def test_damage_in_the_middle_is_counted_once_however_often_it_is_read(tmp_path):
    spool = Spool(tmp_path, 10_000)
    spool.keep(EVENTS)
    spool.leave()
    (path,) = tmp_path.iterdir()
    data = bytearray(path.read_bytes())
    data[START + (len(data) - START) * 3 // 5 - 2] ^= 0xFF
    path.write_bytes(data)
    for _ in range(3):
        assert spool.peek(10, 10_000) == [*EVENTS[:2], *EVENTS[3:]]
    spool.advance()
    assert spool.torn_count == 1


@pytest.mark.parametrize("content", [b"", b"OLL", b"something else entirely", b"OLLSDK01"])
def test_a_strange_file_is_passed_over(tmp_path, content):
    (tmp_path / "a.spool").write_bytes(content)
    spool = Spool(tmp_path, 10_000)
    spool.keep(EVENTS)
    assert read_all(spool) == EVENTS
    assert list(tmp_path.iterdir()) == []


def test_it_is_bounded_and_takes_all_or_nothing(tmp_path):
    spool = Spool(tmp_path, 200)
    spool.keep(EVENTS)
    with pytest.raises(OSError, match="full"):
        spool.keep(EVENTS)
    assert read_all(spool) == EVENTS


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    spool = Spool(tmp_path, 10_000)
    spool.keep(EVENTS[:2])
    write = os.write

    def half(file, data):
        if len(data) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data[: len(data) // 2])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        with pytest.raises(OSError, match="No space"):
            spool.keep(EVENTS[2:])
    spool.keep(EVENTS[4:])
    assert read_all(spool) == [*EVENTS[:2], EVENTS[4]]


def test_its_files_are_for_this_user_alone(tmp_path):
    spool = Spool(tmp_path / "spool", 10_000)
    spool.keep(EVENTS)
    (path,) = (tmp_path / "spool").iterdir()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def record(recorder, numbers):
    for number in numbers:
        recorder.record(status="success", model="m", metadata={"number": number})


def wait_until(is_so):
    deadline = time.monotonic() + 10
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert is_so()


def test_while_the_server_is_away_events_go_to_the_disk_and_come_back(intake, recording, tmp_path, monkeypatch):
    monkeypatch.setattr("ollive_sdk.sender.FIRST_PAUSE", 0.05)
    intake.status = 503
    recorder = recording(spool=tmp_path, queue_size=100)
    for start in range(0, 1_000, 50):
        record(recorder, range(start, start + 50))
        wait_until(lambda: recorder.counters.waiting == 0)
    assert recorder.counters.spooled == 1_000
    intake.status = 207
    wait_until(lambda: len(intake.events) == 1_000)
    assert {event["metadata"]["number"] for event in intake.events} == set(range(1_000))
    wait_until(lambda: list(tmp_path.iterdir()) == [])
    assert (recorder.counters.stored, recorder.counters.replayed, recorder.counters.dropped) == (1_000, 1_000, 0)


def test_without_a_writable_disk_the_queue_holds_what_it_can(intake, recording, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("ollive_sdk.sender.FIRST_PAUSE", 0.05)
    blocker = tmp_path / "file"
    blocker.write_text("not a folder")
    intake.status = 503
    recorder = recording(spool=blocker / "spool", flush_events=10, queue_size=50)
    record(recorder, range(100))
    wait_until(lambda: "can't be written" in caplog.text)
    intake.status = 207
    assert recorder.flush(10)
    counters = recorder.counters
    assert counters.dropped + counters.stored == 100
    assert counters.stored >= 50


def test_what_is_left_at_the_close_goes_to_the_disk_and_to_the_next_one(intake, recording, refusing_url, tmp_path):
    recorder = recording(refusing_url, spool=tmp_path, flush_seconds=60)
    record(recorder, range(10))
    recorder.close()
    assert (recorder.counters.spooled, recorder.counters.dropped) == (10, 0)
    following = recording(spool=tmp_path)
    intake.wait_for(10)
    wait_until(lambda: following.counters.replayed == 10)
