"""The sender: batches, refusals, servers that are away, slow or mad; the host never waits and nothing is lost unsaid."""

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ollive_sdk import Answer, Recorder
from ollive_sdk.sender import FIRST_PAUSE
from ollive_sdk.transports import LONGEST_WAIT, _seconds


def record(recorder, count):
    for number in range(count):
        recorder.record(status="success", model="m", metadata={"number": number})


def numbers(events):
    return [event["metadata"]["number"] for event in events]


def test_events_come_in_batches_zipped_over_one_connection(intake, recording):
    recorder = recording(flush_seconds=30, flush_events=100)
    record(recorder, 250)
    intake.wait_for(200)
    assert recorder.flush(5)
    assert numbers(intake.events) == list(range(250))
    assert intake.request_count == 3
    assert intake.headers[0]["Content-Encoding"] == "gzip"
    assert recorder.counters.stored == 250


def test_a_few_events_wait_for_others_no_longer_than_told(intake, recording):
    recorder = recording(flush_seconds=0.05)
    record(recorder, 2)
    intake.wait_for(2)
    assert intake.request_count == 1


def test_a_rejected_event_is_counted_and_said_once(intake, recording, caplog):
    intake.rejects = lambda event: event["metadata"]["number"] % 10 == 3
    recorder = recording()
    record(recorder, 100)
    assert recorder.flush(5)
    assert (recorder.counters.stored, recorder.counters.rejected) == (90, 10)
    assert len([line for line in caplog.messages if "rejected" in line]) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 503, "answer_headers": {"Retry-After": "0"}},
        {"status": 500},
        {"status": 401},
        {"status": 302, "answer_headers": {"Location": "http://example.com/"}},
        {"status": 200, "body": b"<html>Log in to the hotel's network</html>"},
        {"status": 207, "body": b'{"accepted": 0, "duplicate": 0, "rejected": []}'},
        {"status": 207, "body": b'{"accepted": "many", "duplicate": 0, "rejected": {}}'},
    ],
    ids=lambda trouble: f"{trouble['status']}-{len(trouble)}",
)
def test_what_no_ollive_has_taken_is_sent_again(intake, recording, trouble, monkeypatch):
    monkeypatch.setattr("ollive_sdk.sender.FIRST_PAUSE", 0.02)
    for name, value in trouble.items():
        setattr(intake, name, value)
    recorder = recording()
    record(recorder, 3)
    while intake.request_count < 2:
        time.sleep(0.01)
    assert intake.events == []
    assert recorder.counters.waiting == 3
    intake.status, intake.body, intake.answer_headers = 207, b"", {}
    intake.wait_for(3)
    assert numbers(intake.events) == [0, 1, 2]


def test_a_batch_that_is_too_large_is_halved_until_it_fits(intake, recording):
    intake.body_limit = 3_000
    recorder = recording()
    record(recorder, 64)
    recorder.record(status="success", model="m", metadata={"number": 64}, reply="x" * 4_000)
    assert recorder.flush(5)
    assert sorted(numbers(intake.events)) == list(range(64))
    assert (recorder.counters.stored, recorder.counters.rejected) == (64, 1)


def test_what_is_refused_as_a_whole_is_not_sent_again(intake, recording, caplog):
    intake.status, intake.body = 400, b'{"error": "no"}'
    recorder = recording()
    record(recorder, 5)
    assert recorder.flush(5)
    assert recorder.counters.rejected == 5
    assert "no" in caplog.text


def test_the_pauses_grow_and_the_servers_wish_is_heard():
    sent: list[float] = []

    class Away:
        def send(self, events):
            sent.append(time.monotonic())
            return Answer("later", reason="away", retry_after=0.3 if len(sent) == 1 else None)

        def close(self): ...

    recorder = Recorder(transport=Away(), flush_seconds=0.0)
    record(recorder, 1)
    while len(sent) < 3:
        time.sleep(0.01)
    recorder.close(0)
    assert sent[1] - sent[0] >= 0.3
    assert sent[2] - sent[1] >= FIRST_PAUSE


def test_retry_after_is_read_in_both_forms():
    assert _seconds("7") == 7
    assert _seconds("-7") == 0
    assert _seconds("1e9") == LONGEST_WAIT
    later = _seconds(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True))
    assert later is not None
    assert 50 < later <= 60
    assert [_seconds(value) for value in (None, "", "soon", "nan")] == [None] * 4


def test_the_host_does_not_wait_for_a_slow_server(intake, recording):
    """Calls are recorded while the one request to the server hangs."""
    intake.delay = 0.8
    recorder = recording(flush_events=10)
    record(recorder, 500)
    assert intake.events == []
    assert recorder.counters.recorded == 500


def test_100_000_events_without_a_server_keep_the_newest(refusing_url, recording, caplog):
    recorder = recording(refusing_url)
    record(recorder, 100_000)
    counters = recorder.counters
    assert counters.waiting <= 10_000 + 100
    assert counters.dropped + counters.waiting == counters.recorded == 100_000
    assert len([line for line in caplog.messages if "dropped" in line]) == 1


def test_the_queue_is_bounded_in_bytes_too(refusing_url, recording, monkeypatch):
    monkeypatch.setattr("ollive_sdk.sender.QUEUE_BYTES", 1_000_000)
    recorder = recording(refusing_url, flush_seconds=30, flush_events=1_000)
    for _ in range(100):
        recorder.record(status="success", model="m", reply="x" * 50_000)
    assert 15 <= recorder.counters.waiting <= 20


def test_threads_at_once_lose_nothing(intake, recording):
    recorder = recording()

    def work(base):
        for number in range(base, base + 200):
            with recorder.start("m", metadata={"number": number}):
                pass

    threads = [threading.Thread(target=work, args=[base]) for base in range(0, 1_600, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recorder.flush(10)
    ended = [event for event in intake.events if event["phase"] == "finished"]
    assert sorted(numbers(ended)) == list(range(1_600))


def test_what_is_recorded_after_the_close_is_counted_as_dropped(intake, recording):
    recorder = recording()
    record(recorder, 1)
    recorder.close()
    record(recorder, 2)
    assert (recorder.counters.stored, recorder.counters.dropped) == (1, 2)


def test_a_transport_that_raises_anything_does_not_end_the_sender(caplog, monkeypatch):
    monkeypatch.setattr("ollive_sdk.sender.FIRST_PAUSE", 0.01)
    seen = []

    class Mad:
        def send(self, events):
            seen.append(len(events))
            if len(seen) < 3:
                raise MemoryError("mad")
            return Answer("stored", accepted=len(events))

        def close(self): ...

    with Recorder(transport=Mad(), flush_seconds=0) as recorder:
        record(recorder, 1)
        while recorder.counters.stored == 0:
            time.sleep(0.005)
    assert "MemoryError" in caplog.text


def test_a_broken_log_handler_of_the_host_does_no_harm(recorder, monkeypatch):
    class Broken(logging.Handler):
        def emit(self, record):
            raise RuntimeError("no log")

    handler = Broken()
    logging.getLogger("ollive_sdk").addHandler(handler)
    try:
        recorder.start("m", inference_id="no id").finish()
    finally:
        logging.getLogger("ollive_sdk").removeHandler(handler)
