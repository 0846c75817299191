"""The thread that sends: it gathers events for 200 ms or up to 100 of them, tries again with growing pauses, spools, replays.

`put` costs the host a lock and an append. Without a server the queue keeps the newest events, or the spool all it has room for.
"""

import atexit
import os
import random
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from ollive_sdk import safety
from ollive_sdk.counters import Counters
from ollive_sdk.safety import harmless, say_once
from ollive_sdk.spool import Spool
from ollive_sdk.transports import Answer, Transport

QUEUE_BYTES = 64 * 1024 * 1024
BATCH_BYTES = 3 * 1024 * 1024
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds
RESCAN = 30.0  # seconds between two looks for what other processes left in the spool
EXIT_SECONDS = 2.0


class Sender:
    """A bounded queue and its thread, which starts with the first event."""

    def __init__(
        self, transport: Transport, spool: Spool | None, *, queue_size: int, flush_seconds: float, flush_events: int
    ) -> None:
        self.counters = Counters()
        self._transport, self._spool = transport, spool
        self._queue_size, self._flush_seconds, self._flush_events = queue_size, flush_seconds, flush_events
        self._queue: deque[bytes] = deque()
        self._queue_bytes = 0
        self._in_hand: list[bytes] = []
        self._renew()
        _senders.add(self)

    def _renew(self) -> None:
        """What a forked child can't take over from its parent, whose events stay its own."""
        self._turn = threading.Condition(threading.RLock())  # re-entrant: a destructor may record while we hold it
        self._thread: threading.Thread | None = None
        self._flushing = self._closed = self._disk_failed = False
        self._first_at = self._retry_at = self._rescan_at = 0.0
        self._pause = 0.0

    def forget(self) -> None:
        """In a forked child."""
        self._renew()
        self._queue.clear()
        self._queue_bytes = 0
        self._in_hand = []
        self.counters = Counters()
        if self._spool:
            self._spool.forget()
        self._transport.close()

    def put(self, event: bytes) -> None:
        """Queue an event; the oldest ones give way when there is no room. Never waits for anything slow."""
        with self._turn:
            self.counters.recorded += 1
            if self._closed:
                self._drop(1)
                return
            if not self._queue:
                self._first_at = time.monotonic()
            self._queue.append(event)
            self._queue_bytes += len(event)
            while len(self._queue) > self._queue_size or self._queue_bytes > QUEUE_BYTES:
                self._queue_bytes -= len(self._queue.popleft())
                self._drop(1)
            if self._thread is None:
                self._start()
            elif len(self._queue) in (1, self._flush_events):
                self._turn.notify_all()

    def resume(self) -> None:
        """Begin with what an earlier process left in the spool."""
        with self._turn:
            if self._thread is None and not self._closed:
                self._start()

    def flush(self, seconds: float) -> bool:
        """Send what waits, now; whether all of it is sent or on the disk within that time."""
        deadline = time.monotonic() + seconds
        with self._turn:
            while self._queue or self._in_hand:
                left = deadline - time.monotonic()
                if left <= 0 or self._thread is None:
                    return False
                self._flushing = True
                self._turn.notify_all()
                self._turn.wait(left)
        return True

    def close(self, seconds: float = EXIT_SECONDS) -> None:
        """Send what waits, within that time; what is left goes to the spool, or is counted as dropped. The end of the sender."""
        with self._turn:
            self._retry_at = 0.0  # one last try
        self.flush(seconds)
        with self._turn:
            self._closed = True
            left = [*self._in_hand, *self._queue]
            self._in_hand, self._queue_bytes = [], 0
            self._queue.clear()
            self._turn.notify_all()
        if left and not self._keep(left):
            self._drop(len(left))
        if self._spool:
            self._spool.leave()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(0.1)  # it closes its connection, unless the server keeps it waiting

    def state(self) -> Counters:
        """The counters as they stand."""
        with self._turn:
            torn = self._spool.torn_count if self._spool else 0
            waiting = len(self._queue) + len(self._in_hand)
            return replace(self.counters, waiting=waiting, torn=torn, failed=safety.failure_count)

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="ollive-sender", daemon=True)
        self._thread.start()
        if multiprocessing := sys.modules.get("multiprocessing.util"):  # its children end without atexit
            multiprocessing.Finalize(None, _close_all, exitpriority=10)

    def _run(self) -> None:
        while True:
            with self._turn:
                while not self._closed and (wait := self._wait_seconds()) != 0:
                    self._turn.wait(wait)
                if self._closed:
                    break
                self._take()
            self._step()
            with self._turn:
                if not self._queue and not self._in_hand:
                    self._flushing = False
                self._turn.notify_all()
        self._transport.close()

    def _wait_seconds(self) -> float | None:
        """How long there is nothing to do; None is until somebody calls."""
        now = time.monotonic()
        due = [self._rescan_at] if self._spool else []
        if self._in_hand or self._queue:
            is_ready = self._flushing or self._in_hand or len(self._queue) >= self._flush_events
            ready_at = now if is_ready else self._first_at + self._flush_seconds
            has_disk = self._spool is not None and not self._disk_failed
            due.append(ready_at if has_disk else max(ready_at, self._retry_at))
        return max(0.0, min(due) - now) if due else None

    def _take(self) -> None:
        size = 0
        while self._queue and len(self._in_hand) < self._flush_events and size < BATCH_BYTES:
            event = self._queue.popleft()
            size += len(event)
            self._queue_bytes -= len(event)
            self._in_hand.append(event)
        self._first_at = time.monotonic()

    def _step(self) -> None:
        """Deal with what is in hand, then with a part of what is on the disk."""
        is_away = self._retry_at > time.monotonic()
        if self._in_hand and (self._keep(self._in_hand) if is_away else self._deliver(self._in_hand)):
            with self._turn:
                self._in_hand = []
        if self._spool and self._retry_at <= time.monotonic() >= self._rescan_at:
            self._replay(self._spool)

    def _replay(self, spool: Spool) -> None:
        try:
            events = spool.peek(self._flush_events, BATCH_BYTES)
            if events and self._deliver(events):
                spool.advance()
                self.counters.replayed += len(events)
        except OSError as error:
            events = []
            say_once("spool", "Ollive's spool in %s can't be read: %s", spool.folder, error)
        self._rescan_at = self._retry_at or (0.0 if events else time.monotonic() + RESCAN)

    def _deliver(self, events: list[bytes]) -> bool:
        """Whether the server has decided about these events; else there is a pause now."""
        answer = self._send(events)
        if answer.kind == "too_large" and len(events) > 1:
            return all([self._deliver(events[: len(events) // 2]), self._deliver(events[len(events) // 2 :])])
        if answer.kind == "later":
            self._pause = min(LONGEST_PAUSE, self._pause * 2 or FIRST_PAUSE)
            self._retry_at = time.monotonic() + (answer.retry_after or self._pause * random.uniform(0.5, 1.0))
            self._rescan_at, self._disk_failed = self._retry_at, False
            say_once(f"away {answer.reason}", "Ollive takes no events now (%s); trying again.", answer.reason)
            return False
        self._pause = self._retry_at = 0.0
        if answer.kind == "stored":
            self.counters.stored += answer.accepted
            self.counters.duplicate += answer.duplicate
            for item in answer.rejected:
                self._reject(1, f"{item.get('code')}: {item.get('message')}")
            for problem in answer.problems:
                say_once(f"problem {problem}"[:60], "Ollive left out a part of an event: %s", problem)
        else:
            self._reject(len(events), answer.reason)
        return True

    def _send(self, events: Sequence[bytes]) -> Answer:
        try:
            return self._transport.send(events)
        except Exception as error:  # edge: whatever a transport fails on, its events are tried again
            return Answer("later", reason=f"{type(error).__name__}: {error}")

    def _keep(self, events: list[bytes]) -> bool:
        """Whether these events are on the disk now."""
        if self._spool is None:
            return False
        try:
            self._spool.keep(events)
        except OSError as error:
            self._disk_failed = True
            say_once("spool", "Ollive's spool in %s can't be written: %s", self._spool.folder, error)
            return False
        self.counters.spooled += len(events)
        return True

    def _drop(self, count: int) -> None:
        self.counters.dropped += count
        say_once("dropped", "Ollive's events are being dropped; the recorder's counters say how many.")

    def _reject(self, count: int, reason: str) -> None:
        self.counters.rejected += count
        say_once(f"rejected {reason[:40]}", "Ollive rejected an event: %s", reason)


_senders: "weakref.WeakSet[Sender]" = weakref.WeakSet()


@harmless
def _close_all() -> None:
    deadline = time.monotonic() + EXIT_SECONDS
    for sender in list(_senders):
        sender.close(max(0.1, deadline - time.monotonic()))


@harmless
def _forget_all() -> None:
    for sender in list(_senders):
        sender.forget()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
