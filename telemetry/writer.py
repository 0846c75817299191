"""One connection of the web process commits what all its requests hand in, as often as it can.

While one commit is under way others gather; they go with the next, which begins as soon as the one before returned. Nobody waits
for a timer, and a hundred requests at once cost a few commits.
"""

import asyncio
import contextvars
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import structlog
from django.conf import settings
from django.db import connection

from telemetry import inbox, tracing, wakeups
from telemetry.events import Event
from telemetry.inbox import Appended

FLUSH_ROWS = 2_000
FLUSH_BYTES = 4 * 1024 * 1024
QUEUE_ROWS = 20_000
QUEUE_BYTES = 64 * 1024 * 1024
FLUSH_SECONDS = 10.0
CONNECT_SECONDS = 3
PREPARED_AFTER = 2  # times of the same statement: planning it takes as long as running it
PATIENCE_SECONDS = 0.005  # for which what nobody waits for lets others come along
AWAY_SECONDS = 1.0  # after a failure nobody tries again for so long: who comes is refused at once
DEPTH_SECONDS = 2.0
UNSTORABLE = "unstorable"

log = structlog.get_logger(__name__)


class Away(Exception):
    """Nothing can be made durable now: the database is away, or there is too much to digest. `retry_after` is in seconds."""

    def __init__(self, reason: str, retry_after: float) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass(eq=False, slots=True)
class Submission:
    """What one caller wants durable, and where they wait for it."""

    events: Sequence[Event]
    rejected: Mapping[str, int]
    done: asyncio.Future[Appended | Away]
    size: int
    duplicate: int = 0
    refused: list[int] = field(default_factory=list)

    def settle(self) -> None:
        if not self.done.done():
            stored = len(self.events) - self.duplicate - len(self.refused)
            self.done.set_result(Appended(stored, self.duplicate, tuple(self.refused)))

    def fail(self, away: Away) -> None:
        if not self.done.done():
            self.done.set_result(away)


Item = tuple[Submission, int]  # an event by its place in a submission


async def append(events: Sequence[Event], rejected: Mapping[str, int] | None = None, *, is_urgent: bool = True) -> Appended:
    """Commit the events, and count what was rejected, by reason, with them. Sending the same events again is safe.

    Where nobody waits for it, it need not be urgent: it goes with the next commit that is, or after a few milliseconds alone.
    Raises `Away`; then some of them may have been stored all the same.
    """
    return await _of_this_loop().append(events, rejected or {}, is_urgent=is_urgent)


def check() -> None:
    """Raises `Away` when `append` would at this moment."""
    if refusal := _of_this_loop().refusal():
        raise refusal


async def close() -> None:
    """Commit what waits, then hang up. The process is about to end."""
    global _writer
    if _writer is not None:
        writer, _writer = _writer, None
        await writer.close()


class Writer:
    """The queue and its connection, on one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._queue: list[Submission] = []
        self._rows = self._bytes = 0
        self._wanted = asyncio.Event()
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._away_until = self._measured_at = -1e9
        self._is_full = self._is_closing = False
        self._under_way: list[Submission] = []
        self._task = loop.create_task(self._run(), context=contextvars.Context())
        self._task.add_done_callback(_tell_end)

    async def append(self, events: Sequence[Event], rejected: Mapping[str, int], *, is_urgent: bool) -> Appended:
        """See `telemetry.writer.append`."""
        if not events and not rejected:
            return Appended(0, 0)
        began = time.perf_counter()
        submissions = [self._enqueue(part, rejected if not start else {}, is_urgent) for start, part in _parts(events)]
        parts: list[Appended] = []
        for submission in submissions:
            outcome = await submission.done
            if isinstance(outcome, Away):
                raise outcome
            parts.append(outcome)
        tracing.tell_events("inbox", events, seconds=time.perf_counter() - began)
        starts = [start for start, _ in _parts(events)]
        return Appended(
            sum(part.stored for part in parts),
            sum(part.duplicate for part in parts),
            tuple(start + place for start, part in zip(starts, parts, strict=True) for place in part.refused),
        )

    async def close(self) -> None:
        self._is_closing = True
        self._wanted.set()
        await asyncio.wait([self._task])
        await self._hang_up()

    def refusal(self, rows: int = 0, size: int = 0) -> Away | None:
        """Why so many events, of so many bytes, can't be taken now."""
        if self._is_closing:
            return Away("this process is about to end", 1)
        if time.monotonic() < self._away_until:
            return Away("the database was away a moment ago", 1)
        if self._is_full and time.monotonic() - self._measured_at < DEPTH_SECONDS:
            return Away("too many events wait to be digested", 10)
        if self._rows + rows > QUEUE_ROWS or self._bytes + size > QUEUE_BYTES:
            return Away("too many events wait to be stored", 1)
        return None

    def _enqueue(self, events: Sequence[Event], rejected: Mapping[str, int], is_urgent: bool) -> Submission:
        size = sum(len(event.body) for event in events)
        submission = Submission(events, rejected, self.loop.create_future(), size)
        if refusal := self.refusal(len(events), size):
            submission.fail(refusal)
        else:
            self._queue.append(submission)
            self._rows += len(events)
            self._bytes += size
            if is_urgent:
                self._wanted.set()
            elif not self._wanted.is_set() and len(self._queue) == 1:
                self.loop.call_later(PATIENCE_SECONDS, self._wanted.set)
        return submission

    @property
    def has_ended(self) -> bool:
        return self._task.done()

    async def _run(self) -> None:
        """Whatever ends it, nobody is left waiting."""
        try:
            while True:
                await self._wanted.wait()
                self._under_way = self._gather()
                if self._under_way:
                    await self._commit(self._under_way)
                elif self._is_closing:
                    return
                else:
                    self._wanted.clear()
        finally:
            self._is_closing = True
            for submission in (*self._under_way, *self._queue):
                submission.fail(Away("storing them was broken off", 1))

    def _gather(self) -> list[Submission]:
        """The oldest submissions that fit into one commit; at least one."""
        count = rows = size = 0
        for submission in self._queue:
            rows += len(submission.events)
            size += submission.size
            if count and (rows > FLUSH_ROWS or size > FLUSH_BYTES):
                break
            count += 1
        batch, self._queue = self._queue[:count], self._queue[count:]
        self._rows -= sum(len(submission.events) for submission in batch)
        self._bytes -= sum(submission.size for submission in batch)
        return batch

    async def _commit(self, batch: list[Submission]) -> None:
        try:
            await self._store_or_reconnect(batch)
        except Away as away:
            for submission in batch:
                submission.fail(away)
        else:
            for submission in batch:
                submission.settle()
            wakeups.wake()

    async def _store_or_reconnect(self, batch: list[Submission]) -> None:
        """A connection that died while nobody used it is made again once; storing twice stores once. Raises `Away`."""
        was_open = self._connection is not None
        try:
            await self._store(batch)
        except (psycopg.Error, OSError, TimeoutError) as error:
            await self._hang_up()
            if not was_open or isinstance(error, TimeoutError):
                raise self._away(error) from error
            try:
                await self._store(batch)
            except (psycopg.Error, OSError, TimeoutError) as again:
                await self._hang_up()
                raise self._away(again) from again

    def _away(self, error: Exception) -> Away:
        self._away_until = time.monotonic() + AWAY_SECONDS
        log.warning("events could not be stored: their senders are asked to try again", error=f"{type(error).__name__}: {error}")
        return Away("the database cannot be reached", 2)

    async def _store(self, batch: list[Submission]) -> None:
        async with asyncio.timeout(FLUSH_SECONDS):
            if self._connection is None:
                self._connection = await _connect()
            await self._measure()
        if self._is_full:
            raise Away("too many events wait to be digested", 10)
        for submission in batch:  # a second attempt counts anew
            submission.duplicate, submission.refused = 0, []
        first: dict[tuple[UUID, str], Item] = {}
        repeated: list[tuple[Item, Item]] = []
        for submission in batch:
            for place, event in enumerate(submission.events):
                item = (submission, place)
                before = first.setdefault((event.workspace_id, event.event_id), item)
                if before is not item:
                    repeated.append((item, before))
        rejected: dict[str, int] = {}
        for submission in batch:
            for reason, count in submission.rejected.items():
                rejected[reason] = rejected.get(reason, 0) + count
        await self._flush(list(first.values()), rejected, len(repeated))
        for (submission, place), (other, other_place) in repeated:
            if other_place in other.refused:
                submission.refused.append(place)
            else:
                submission.duplicate += 1

    async def _flush(self, items: Sequence[Item], rejected: Mapping[str, int], repeated: int) -> None:
        """One commit. An event that the database refuses is found by halving; it alone is refused."""
        assert self._connection is not None
        given = [submission.events[place] for submission, place in items]
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                cursor = await self._connection.execute(inbox.FLUSH, inbox.flush_parameters(given, rejected, repeated))
                row = await cursor.fetchone()
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            if len(items) <= 1:
                await self._refuse(items, error, rejected=rejected, repeated=repeated)
                return
            middle = len(items) // 2
            await self._flush(items[:middle], rejected, repeated)
            await self._flush(items[middle:], {}, 0)
        else:
            for position in (row and row[0]) or ():
                items[position - 1][0].duplicate += 1

    async def _refuse(self, items: Sequence[Item], error: psycopg.Error, *, rejected: Mapping[str, int], repeated: int) -> None:
        if not items:
            raise error
        submission, place = items[0]
        log.warning("an event could not be stored", event_id=submission.events[place].event_id, error=type(error).__name__)
        await self._flush([], {**rejected, UNSTORABLE: rejected.get(UNSTORABLE, 0) + 1}, repeated)
        submission.refused.append(place)

    async def _measure(self) -> None:
        """How much waits for the digest, asked now and then."""
        if time.monotonic() - self._measured_at < DEPTH_SECONDS:
            return
        assert self._connection is not None
        limit = settings.OLLIVE_INBOX_LIMIT
        cursor = await self._connection.execute(inbox.DEPTH, {"limit": limit})
        row = await cursor.fetchone()
        self._is_full = bool(row and row[0] > limit)
        self._measured_at = time.monotonic()

    async def _hang_up(self) -> None:
        if self._connection is not None:
            broken, self._connection = self._connection, None
            await broken.close()


_writer: Writer | None = None


def _of_this_loop() -> Writer:
    global _writer
    loop = asyncio.get_running_loop()
    if _writer is None or _writer.loop is not loop or _writer.has_ended:
        _writer = Writer(loop)
    return _writer


def _tell_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("the writer broke; the next event starts another", exc_info=error)


def _parts(events: Sequence[Event]) -> Iterator[tuple[int, Sequence[Event]]]:
    """The events in pieces that fit into a commit, each with the place of its first; at least one piece."""
    start = size = 0
    for place, event in enumerate(events):
        size += len(event.body)
        if place > start and (size > FLUSH_BYTES or place - start >= FLUSH_ROWS):
            yield start, events[start:place]
            start, size = place, len(event.body)
    yield start, events[start:]


async def _connect() -> psycopg.AsyncConnection[Any]:
    """A connection beside Django's, which are the threads'."""
    given = connection.get_connection_params()
    settled = {name: value for name, value in given.items() if name not in {"pool", "cursor_factory", "context"}}
    return await psycopg.AsyncConnection.connect(
        **settled
        | {
            "autocommit": True,
            "application_name": f"ollive {settings.OLLIVE_PROCESS}",
            "connect_timeout": CONNECT_SECONDS,
            "prepare_threshold": PREPARED_AFTER,
            "options": f"-c statement_timeout={int(FLUSH_SECONDS * 1000)}",
        }
    )
