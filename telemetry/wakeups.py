"""Wakes the digest once events are committed: at most once a second a process, off the caller's path.

A broker that is away costs the caller nothing and loses nothing: beat finds the events.
"""

import os
import threading
import time
from collections.abc import Callable

import structlog
from celery import current_app

INTERVAL_SECONDS = 1.0
EXPIRY_SECONDS = 30

log = structlog.get_logger(__name__)


class Bell:
    """Calls `ring` in a thread of its own, soon after `wake`, and not again before the interval is over."""

    def __init__(self, ring: Callable[[], object], interval: float = INTERVAL_SECONDS) -> None:
        self._ring = ring
        self._interval = interval
        self._wanted = threading.Event()
        self._lock = threading.Lock()
        self._pid = 0

    def wake(self) -> None:
        self._wanted.set()
        if self._pid != os.getpid():  # the first time, and in a process that was forked since
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._pid != os.getpid():
                self._pid = os.getpid()
                threading.Thread(target=self._run, name="wake the digest", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            try:
                self._ring()
            except Exception as error:  # edge: the broker is away; beat drains the inbox all the same
                log.debug("the digest was not woken", error=type(error).__name__)
            time.sleep(self._interval)


def ask_for_drain() -> None:
    """Sent by name: whoever accepts events doesn't import the tasks."""
    current_app.send_task("digest.drain", expires=EXPIRY_SECONDS, retry=False, ignore_result=True)


_bell = Bell(ask_for_drain)


def wake() -> None:
    """Call it in `transaction.on_commit`."""
    _bell.wake()
