"""The feed: each log row that was committed, in an order in which none is ever skipped, for named consumers with cursors.

Whoever writes log rows notes them in that transaction, without a position: neither ids nor times come in the order of commits. A
reader numbers, alone and in one short transaction, what is committed by then; so the positions that anybody sees are always
the beginning of all positions there will be, and a cursor that has passed one has missed none before it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Max
from django.db.models.functions import Now

from telemetry import locks
from telemetry.models import FeedConsumer, FeedEntry

BATCH = 500
PIECE = 10_000
KEPT_DAYS = 7  # for a consumer that is away
KEPT_HOURS_FOR_NOBODY = 1

NOTE = """
INSERT INTO telemetry_feed (workspace_id, inference_id, received_at, is_ended)
SELECT workspace_id, inference_id, received_at, is_ended FROM json_to_recordset(%s::json)
    AS written (workspace_id uuid, inference_id uuid, received_at timestamptz, is_ended boolean)
"""
NUMBER = """
UPDATE telemetry_feed AS entry SET position = numbered.position
FROM (SELECT id, nextval('telemetry_feed_position') AS position
    FROM (SELECT id FROM telemetry_feed WHERE position IS NULL ORDER BY id LIMIT %s) AS new) AS numbered
WHERE entry.id = numbered.id
"""
# What every consumer has passed goes, and what is too old for anybody; while there is no consumer, what is an hour old.
PRUNE = """
DELETE FROM telemetry_feed WHERE id IN (
    SELECT id FROM telemetry_feed
    WHERE position <= (SELECT min(position) FROM telemetry_feed_consumer)
        OR noted_at < statement_timestamp() - CASE WHEN EXISTS (SELECT FROM telemetry_feed_consumer)
            THEN make_interval(days => %s) ELSE make_interval(hours => %s) END
    LIMIT %s)
"""
LAGS = """
SELECT consumer.name, consumer.position, consumer.moved_at,
    (SELECT count(*) FROM telemetry_feed WHERE position > consumer.position OR position IS NULL)
FROM telemetry_feed_consumer AS consumer ORDER BY consumer.name
"""


class BusyError(Exception):
    """Another process consumes under this name."""


@dataclass(frozen=True, slots=True)
class Change:
    """A log row that was written: it may have changed since, or be gone."""

    position: int
    workspace_id: UUID
    inference_id: UUID
    received_at: datetime
    is_ended: bool


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a consumer is, and how many changes lie before it."""

    name: str
    position: int
    moved_at: datetime
    waiting: int


def note(cursor: CursorWrapper, written: Iterable[tuple[UUID | str, UUID | str, datetime | str, bool]]) -> None:
    """Enter log rows (workspace, id, received_at, has ended) in the transaction that writes them."""
    names = ("workspace_id", "inference_id", "received_at", "is_ended")
    if records := [dict(zip(names, entry, strict=True)) for entry in written]:
        cursor.execute(NOTE, [orjson.dumps(records).decode()])


def join(name: str, *, from_start: bool = False) -> int:
    """Enter a consumer, once; its cursor: the end of the feed for a new one, or all that is still kept."""
    while number():
        pass
    last = None if from_start else FeedEntry.objects.aggregate(last=Max("position"))["last"]
    return int(FeedConsumer.objects.get_or_create(name=name, defaults={"position": last or 0})[0].position)


def leave(name: str) -> bool:
    """Forget a consumer, and with it what was kept for it alone."""
    return bool(FeedConsumer.objects.filter(name=name).delete()[0])


def number(limit: int = 20 * BATCH) -> int:
    """Give positions to what was committed since; returns how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        locks.hold(cursor, locks.FEED)
        # A statement of its own: the snapshot is taken once the lock is ours, so it has all that was numbered before.
        cursor.execute(NUMBER, [limit])
        return int(cursor.rowcount)


def read(after: int, limit: int = BATCH) -> list[Change]:
    """What comes after a position, in order."""
    number()
    names = ("position", "workspace_id", "inference_id", "received_at", "is_ended")
    found = FeedEntry.objects.filter(position__gt=after).order_by("position").values_list(*names)[:limit]
    return [Change(position or 0, *rest) for position, *rest in found]


def consume(name: str, take: Callable[[Sequence[Change]], None], *, limit: int = BATCH) -> int:
    """Hand the next changes to `take`, then move the cursor: what `take` fails on, or dies with, comes again.

    Returns how many there were. Raises BusyError when another process does this under the same name.
    """
    with _alone(name):
        position = join(name)
        changes = read(position, limit)
        if changes:
            take(changes)
            FeedConsumer.objects.filter(name=name).update(position=changes[-1].position, moved_at=Now())
    return len(changes)


def prune() -> int:
    """Forget what nobody waits for; returns how many entries."""
    pruned = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(PRUNE, [KEPT_DAYS, KEPT_HOURS_FOR_NOBODY, PIECE])
            count = int(cursor.rowcount)
        pruned += count
        if count < PIECE:
            return pruned


def lags() -> list[Lag]:
    with connection.cursor() as cursor:
        cursor.execute(LAGS)
        return [Lag(*row) for row in cursor.fetchall()]


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Nobody else under this name, for as long as this connection lives; no transaction is held open meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", [locks.FEED_FAMILY, name])
        if not cursor.fetchone()[0]:
            raise BusyError(f"Another process consumes the feed as {name}.")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", [locks.FEED_FAMILY, name])
