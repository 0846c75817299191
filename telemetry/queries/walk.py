"""Walks a table of calls in the order of time, one partition at a time, until enough have been found."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import psycopg
from django.db import OperationalError, connection, transaction

NEAR = 2_000  # calls that are looked at one by one before an index is asked
AMPLE = 3.0  # look this much further than where the page should be full
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)

# Both ends of a workspace's calls, from the key's index.
ENDS = """
SELECT (SELECT received_at FROM {table} WHERE workspace_id = %(workspace)s ORDER BY received_at LIMIT 1),
    (SELECT received_at FROM {table} WHERE workspace_id = %(workspace)s ORDER BY received_at DESC LIMIT 1)
"""
STEP = """
SELECT key.received_at FROM {table} AS key
WHERE key.workspace_id = %(workspace)s AND key.received_at >= %(low_0)s AND key.received_at < %(high_0)s AND {beyond}
ORDER BY key.received_at {direction}, key.id {direction} OFFSET %(near)s LIMIT 1
"""
TOGETHER = "SELECT * FROM ({parts}) AS found LIMIT %(limit)s"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for: so many calls of a workspace, from a key on, in one direction, within a period that is half open."""

    workspace_id: UUID
    since: datetime | None
    until: datetime | None
    after: tuple[datetime, UUID] | None
    limit: int
    is_newer: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one day, half open, and the key that its calls must be beyond."""

    wanted: Wanted
    low: datetime
    high: datetime
    limit: int

    @property
    def direction(self) -> str:
        return "ASC" if self.wanted.is_newer else "DESC"

    def beyond(self, alias: str) -> str:
        if self.wanted.after is None:
            return "true"
        comparison = ">" if self.wanted.is_newer else "<"
        return f"({alias}.received_at, {alias}.id) {comparison} (%(after_at)s, %(after_id)s)"

    def parameters(self, place: int = 0) -> dict[str, Any]:
        """Of the span at a place among several."""
        at, identity = self.wanted.after or (None, None)
        told = {"workspace": self.wanted.workspace_id, f"low_{place}": self.low, f"high_{place}": self.high, "limit": self.limit}
        return told | {"after_at": at, "after_id": identity}


@dataclass(frozen=True, slots=True)
class Found:
    """Rows in the walk's order; `reached_at` is where the walk was broken off, None when it came to its end."""

    rows: list[Any]
    reached_at: datetime | None = None


class Source(Protocol):
    """What is walked: a table with the log's key, and how its rows are read."""

    @property
    def key_table(self) -> str: ...

    @property
    def is_plain(self) -> bool:
        """Every call passes."""

    @property
    def is_exact(self) -> bool:
        """So few calls pass that an index finds them all at once."""

    def read(self, spans: Sequence[Span], *, is_near: bool) -> list[Any]:
        """The rows of the spans, one span after the other, no more than the first one's limit."""


def walk(source: Source, wanted: Wanted, *, now: datetime, seconds: float | None = None) -> Found:
    """Read until there are `wanted.limit` rows, the period ends or the time is up."""
    deadline = time.monotonic() + seconds if seconds is not None else None
    period = _period(source, wanted)
    if period is None:
        return Found([])
    if source.is_exact:
        return Found(source.read([Span(wanted, *period, wanted.limit)], is_near=False))
    rows: list[Any] = []
    for spans, is_near in _spans(source, wanted, period, rows):
        try:
            rows += _read(source, spans, is_near=is_near, deadline=deadline)
        except TimeoutError:
            return Found(rows, spans[0].low if wanted.is_newer else spans[0].high)
        if len(rows) >= wanted.limit:
            break
    return Found(rows)


def union(parts: Sequence[str]) -> str:
    """One statement of the spans' queries, each sorted and bounded: they run in this order, and only until there is enough.

    PostgreSQL never runs parts that have a LIMIT of their own in parallel.
    """
    return TOGETHER.format(parts=" UNION ALL ".join(f"({part})" for part in parts))


def _read(source: Source, spans: Sequence[Span], *, is_near: bool, deadline: float | None) -> list[Any]:
    """Raises TimeoutError when the deadline comes first."""
    if deadline is None:
        return source.read(spans, is_near=is_near)
    left_ms = int((deadline - time.monotonic()) * 1000)
    if left_ms <= 0:
        raise TimeoutError
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(left_ms)])
            rows = source.read(spans, is_near=is_near)
            transaction.set_rollback(True)  # whatever transaction this is in keeps its own timeout
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise TimeoutError from error
        raise
    return rows


def _period(source: Source, wanted: Wanted) -> tuple[datetime, datetime] | None:
    """Where calls can be: the workspace's own, within what is asked for."""
    with connection.cursor() as cursor:
        cursor.execute(ENDS.format(table=source.key_table), {"workspace": wanted.workspace_id})
        first, last = cursor.fetchone()
    if first is None:
        return None
    low, high = max(first, wanted.since or first), min(last + TICK, wanted.until or last + TICK)
    if wanted.after and wanted.is_newer:
        low = max(low, wanted.after[0])
    elif wanted.after:
        high = min(high, wanted.after[0] + TICK)
    return (low.astimezone(UTC), high.astimezone(UTC)) if low < high else None


def _spans(
    source: Source, wanted: Wanted, period: tuple[datetime, datetime], rows: list[Any]
) -> Iterator[tuple[list[Span], bool]]:
    """What to read next, and whether it is near. `rows` is what has been found by then."""
    days = deque(_days(*period, is_newer=wanted.is_newer))
    has_looked, many = False, 1
    while days:
        together = [days.popleft() for _ in range(min(many, len(days)))]
        spans = [Span(wanted, *day, wanted.limit - len(rows)) for day in together]
        if source.is_plain or has_looked:
            yield spans, source.is_plain
            many *= 2
            continue
        (day,) = spans
        edge = _edge(source, day)
        if edge is None:
            yield [day], True
            continue
        has_looked = True
        near = replace(day, high=edge + TICK) if wanted.is_newer else replace(day, low=edge)
        yield [near], True
        for part in _rest(near, day, wanted, rows):
            yield [replace(part, limit=wanted.limit - len(rows))], False


def _rest(near: Span, day: Span, wanted: Wanted, rows: list[Any]) -> Iterator[Span]:
    """The day without its near calls: first as far as the page should need, by how many of the near ones passed."""
    missing = wanted.limit - len(rows)
    further = (near.high - near.low) * (AMPLE * missing / (len(rows) + 0.5))
    if wanted.is_newer:
        middle = near.high + further
        yield from (part for part in (replace(day, low=near.high, high=min(middle, day.high)),) if part.low < part.high)
        yield from (part for part in (replace(day, low=middle),) if middle < day.high)
    else:
        middle = near.low - further
        yield from (part for part in (replace(day, low=max(middle, day.low), high=near.low),) if part.low < part.high)
        yield from (part for part in (replace(day, high=middle),) if middle > day.low)


def _edge(source: Source, span: Span) -> datetime | None:
    """The time of the last call that is near; None when the whole span is."""
    statement = STEP.format(table=source.key_table, beyond=span.beyond("key"), direction=span.direction)
    with connection.cursor() as cursor:
        cursor.execute(statement, span.parameters() | {"near": NEAR})
        found = cursor.fetchone()
    return found[0].astimezone(UTC) if found else None


def _days(low: datetime, high: datetime, *, is_newer: bool) -> Iterator[tuple[datetime, datetime]]:
    """The period by days (UTC), from the end where the walk begins."""
    midnight = low.replace(hour=0, minute=0, second=0, microsecond=0)
    starts = [midnight]
    while starts[-1] + DAY < high:
        starts.append(starts[-1] + DAY)
    for start in starts if is_newer else reversed(starts):
        yield max(start, low), min(start + DAY, high)
