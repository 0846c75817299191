"""The digest is woken off the caller's path, at most once an interval, and a broker that is away hurts nobody."""

import threading

from telemetry.wakeups import Bell


def test_many_wake_ups_ring_once_an_interval():
    rung = threading.Semaphore(0)
    bell = Bell(rung.release, interval=3600)
    for _ in range(100):
        bell.wake()
    assert rung.acquire(timeout=5)
    assert not rung.acquire(blocking=False)


def test_a_wake_up_during_the_interval_rings_after_it():
    rung = threading.Semaphore(0)
    bell = Bell(rung.release, interval=0.01)
    for _ in range(3):
        bell.wake()
        assert rung.acquire(timeout=5)


def test_the_caller_does_not_wait_for_the_broker():
    broker_answers, asked = threading.Event(), threading.Event()

    def ring() -> None:
        asked.set()
        broker_answers.wait(5)

    Bell(ring).wake()
    assert asked.wait(5)
    broker_answers.set()


def test_a_broker_that_is_away_does_not_stop_later_wake_ups():
    rung = threading.Semaphore(0)

    def ring() -> None:
        rung.release()
        raise ConnectionError("no broker")

    bell = Bell(ring, interval=0.01)
    for _ in range(2):
        bell.wake()
        assert rung.acquire(timeout=5)
