"""Compresses what was said on days that are over, where that makes it smaller.

A day is written anew as a packed table that takes the old one's place, in one transaction: an update would leave the old
bytes in the file. What comes late meanwhile is taken along, and what comes later is stored as it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

import structlog
import zstandard
from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from telemetry import locks, partitions
from telemetry.models import PackedDay, Payload
from telemetry.partitions import PAYLOAD

PACK_AFTER_DAYS = 7
SHORT = 200  # bytes up to which compressing gains nothing
LEVEL = 9
CHUNK = 2000
SWAP_ATTEMPTS = 5

MAKE = """
CREATE TABLE "{child}_packed" (LIKE "payload" INCLUDING ALL,
    CONSTRAINT "{child}_day" CHECK ("day" >= '{start}' AND "day" < '{end}'))
"""
# Whoever sweeps or erases holds the erasure lock, and digests share it: with it nothing is added or deleted under our hands.
CATCH_UP = (
    """
    INSERT INTO "{child}_packed" SELECT * FROM "{child}" AS late
    WHERE NOT EXISTS (SELECT FROM "{child}_packed" AS there WHERE there.day = late.day
        AND there.workspace_id = late.workspace_id AND there.digest = late.digest)
    """,
    """
    DELETE FROM "{child}_packed" AS there WHERE NOT EXISTS (SELECT FROM "{child}" AS old WHERE old.day = there.day
        AND old.workspace_id = there.workspace_id AND old.digest = there.digest)
    """,
)
SWAP = (
    'ALTER TABLE "payload" DETACH PARTITION "{child}"',
    'DROP TABLE "{child}"',
    'ALTER TABLE "{child}_packed" RENAME TO "{child}"',
    """ALTER TABLE "payload" ATTACH PARTITION "{child}" FOR VALUES FROM ('{start}') TO ('{end}')""",
)
READ = 'SELECT day, workspace_id, digest, form, body, packed FROM "{child}"'
SIZE = "SELECT pg_total_relation_size(%s::regclass)"

Piece = tuple[date, UUID, UUID, int, str | None, bytes | None]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Packed:
    """What a day's packing saved."""

    day: date
    piece_count: int
    before_bytes: int
    after_bytes: int


def days_to_pack(today: date) -> list[date]:
    """The days that are old enough and not packed yet."""
    packed = set(PackedDay.objects.values_list("day", flat=True))
    before = today - timedelta(days=PACK_AFTER_DAYS)
    return [day for day in partitions.attached_days(PAYLOAD) if day < before and day not in packed]


def pack_days(today: date) -> list[Packed]:
    """Pack what is old enough; a day that is in use is left for the next run."""
    done = []
    for day in days_to_pack(today):
        try:
            if packed := pack_day(day):
                done.append(packed)
        except OperationalError as error:
            log.warning("a day's payloads could not be packed now", day=str(day), error=type(error).__name__)
    PackedDay.objects.exclude(day__in=partitions.attached_days(PAYLOAD)).delete()
    return done


def pack_day(day: date) -> Packed | None:
    """Write a day's pieces anew; None when another process does, or there is no such day. OperationalError when it is in use."""
    child = PAYLOAD.of(day)
    start, end = (PAYLOAD.bound.format(bound) for bound in (day, day + timedelta(days=1)))
    with transaction.atomic(), connection.cursor() as cursor:
        if not locks.try_hold(cursor, locks.PACKING) or day not in partitions.attached_days(PAYLOAD):
            return None
        before = _size(child, cursor)
        cursor.execute(MAKE.format(child=child, start=start, end=end))
        piece_count = _copy(child, cursor)
        for attempt in range(1, SWAP_ATTEMPTS + 1):
            try:
                with transaction.atomic():
                    _swap(child, start, end, cursor=cursor)
                break
            except OperationalError:
                if attempt == SWAP_ATTEMPTS:
                    raise
        after = _size(child, cursor)
        PackedDay.objects.update_or_create(
            day=day, defaults={"piece_count": piece_count, "before_bytes": before, "after_bytes": after}
        )
    return Packed(day, piece_count, before, after)


def packed_piece(form: int, body: str | None, packed: bytes | None) -> tuple[str | None, bytes | None]:
    """A piece as it is kept from now on. Lists of digests stay as they are: PostgreSQL reads them."""
    if body is None or form == Payload.Form.DIGESTS or len(body) <= SHORT:
        return body, packed
    plain = body.encode()
    small = zstandard.compress(plain, LEVEL)
    return (None, small) if len(small) < len(plain) else (body, None)


def _copy(child: str, cursor: CursorWrapper) -> int:
    count = 0
    columns = "(day, workspace_id, digest, form, body, packed)"
    statement = sql.SQL("COPY {} " + columns + " FROM STDIN").format(sql.Identifier(f"{child}_packed"))
    for chunk in _chunks(child):
        with cursor.copy(statement) as copy:
            for day, workspace_id, digest, form, body, packed in chunk:
                copy.write_row((day, workspace_id, digest, form, *packed_piece(form, body, packed)))
        count += len(chunk)
    return count


def _chunks(child: str) -> Iterator[list[Piece]]:
    with connection.chunked_cursor() as reader:
        reader.execute(READ.format(child=child))
        while chunk := reader.fetchmany(CHUNK):
            yield chunk


def _swap(child: str, start: str, end: str, *, cursor: CursorWrapper) -> None:
    cursor.execute("SET LOCAL lock_timeout = '2s'")
    locks.hold(cursor, locks.ERASURE)
    for statement in (*CATCH_UP, *SWAP):
        cursor.execute(statement.format(child=child, start=start, end=end))


def _size(table: str, cursor: CursorWrapper) -> int:
    cursor.execute(SIZE, [table])
    return int(cursor.fetchone()[0])
