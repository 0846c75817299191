"""Sums of the calls by minute, hour and day, rebuilt where calls changed.

Whoever writes, changes or deletes calls marks their minutes in the same transaction. A build takes marks, rebuilds what they
name and marks the next coarser buckets, in one transaction: a bucket is out of date exactly as long as there is a mark for it or
for something in it, whenever a process dies. One build runs at a time; it reads after it has taken its marks, so what it
reads holds all that they tell of, and what comes later brings a mark of its own.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from telemetry import locks, partitions
from telemetry.models import RollupMark
from telemetry.rollup_sums import CALLS, COLUMNS, FAMILIES, USAGE, Family, Unit, from_finer, from_rows

# How old a day's minutes may be for readers to use them. They are rebuilt for a day longer and dropped a day after that, so that
# no two clocks have to agree. Hours of older days are built from rows.
MINUTE_DAYS = 7
MARKS = 5000
# How long a bucket may go on changing before it is rebuilt. Readers do not wait: they read around what is marked.
SETTLE_SECONDS = {RollupMark.Level.MINUTE: 15.0, RollupMark.Level.HOUR: 300.0, RollupMark.Level.DAY: 1800.0}

Bucket = tuple[UUID, datetime]  # workspace, where it begins

# Insert only: workers that change calls of the same minute never wait for each other.
MARK = """
INSERT INTO rollup_mark (level, workspace_id, bucket_at)
SELECT %s, workspace_id, bucket_at FROM unnest(%s::uuid[], %s::timestamptz[]) AS touched (workspace_id, bucket_at)
"""
# A build marks once: its marks keep the time of the first change, from which the bucket's patience is counted.
MARK_ONCE = f"""{MARK} WHERE NOT EXISTS (SELECT FROM rollup_mark AS mark
    WHERE level = %s AND mark.workspace_id = touched.workspace_id AND mark.bucket_at = touched.bucket_at)
"""
TAKE = """
WITH due AS (
    SELECT DISTINCT workspace_id, bucket_at FROM (
        SELECT workspace_id, bucket_at FROM rollup_mark
        WHERE level = %(level)s AND marked_at <= statement_timestamp() - make_interval(secs => %(settle)s)
        ORDER BY id LIMIT %(limit)s
    ) AS oldest
), gone AS (
    DELETE FROM rollup_mark USING due WHERE level = %(level)s
        AND rollup_mark.workspace_id = due.workspace_id AND rollup_mark.bucket_at = due.bucket_at
)
SELECT workspace_id, bucket_at, EXISTS (
    SELECT FROM telemetry_sealed_day AS sealed WHERE sealed.day = (bucket_at AT TIME ZONE 'UTC')::date
        AND (sealed.workspace_id IS NULL OR sealed.workspace_id = due.workspace_id)
) FROM due ORDER BY workspace_id, bucket_at
"""
CLEAR = """
DELETE FROM {table} USING unnest(%(workspaces)s::uuid[], %(buckets)s::timestamptz[]) AS built (workspace_id, bucket_at)
WHERE {table}.workspace_id = built.workspace_id AND {table}.bucket_at = built.bucket_at
"""
# A subquery with an OFFSET is not flattened: each bucket is found by its key in its own partition.
OF_BUCKETS = """
SELECT part.* FROM unnest(%(workspaces)s::uuid[], %(buckets)s::timestamptz[]) AS built (workspace_id, bucket_at)
CROSS JOIN LATERAL (
    SELECT {columns} FROM {table} WHERE workspace_id = built.workspace_id
        AND {column} >= built.bucket_at AND {column} < built.bucket_at + interval '1 {unit}' OFFSET 0
) AS part
"""


@dataclass(slots=True)
class Built:
    """How many buckets were rebuilt, by unit."""

    minutes: int = 0
    hours: int = 0
    days: int = 0

    @property
    def total(self) -> int:
        return self.minutes + self.hours + self.days

    def __iadd__(self, other: "Built") -> "Built":
        self.minutes += other.minutes
        self.hours += other.hours
        self.days += other.days
        return self


def touch(cursor: CursorWrapper, changed: Iterable[tuple[UUID, datetime]]) -> None:
    """Mark the minutes of calls (workspace, received_at) that were written, changed or deleted, in the caller's transaction."""
    mark(cursor, RollupMark.Level.MINUTE, {(workspace, at.replace(second=0, microsecond=0)) for workspace, at in changed})


def mark(cursor: CursorWrapper, level: RollupMark.Level, buckets: Iterable[Bucket], *, once: bool = False) -> None:
    """Say that these buckets are out of date."""
    listed = sorted(buckets)
    if listed:
        given = [level, *_arrays(listed).values()]
        cursor.execute(MARK_ONCE if once else MARK, [*given, level] if once else given)


def build(now: datetime, *, seconds: float = 20.0, is_hasty: bool = False) -> Built:
    """Rebuild what is marked and has settled, minutes first; `is_hasty` waits for nothing to settle.

    Ends when there is nothing left, the time is up or another process builds.
    """
    deadline = time.monotonic() + seconds
    total = Built()
    for level in RollupMark.Level:
        while (built := build_batch(level, now, is_hasty=is_hasty)) is not None:
            total += built
            if time.monotonic() > deadline:
                return total
    return total


def build_batch(level: RollupMark.Level, now: datetime, *, is_hasty: bool = False, limit: int = MARKS) -> Built | None:
    """Rebuild the oldest marked buckets of a level in one transaction; None when there are none, or another process builds."""
    with transaction.atomic(), connection.cursor() as cursor:
        if not locks.try_hold(cursor, locks.ROLLUPS):
            return None
        settle = 0.0 if is_hasty else SETTLE_SECONDS[level]
        cursor.execute(TAKE, {"level": level, "settle": settle, "limit": limit})
        taken = cursor.fetchall()
        if not taken:
            return None
        # The calls of a sealed day are deleted: rebuilt from what is left, its rollups would vanish.
        buckets = [(workspace_id, at) for workspace_id, at, is_sealed in taken if not is_sealed]
        return _rebuild(level, buckets, cursor, minutes_since=minutes_since(now) - timedelta(days=1)) if buckets else Built()


def minutes_since(now: datetime) -> datetime:
    """The first day whose minutes can be read."""
    return (now.astimezone(UTC) - timedelta(days=MINUTE_DAYS)).replace(hour=0, minute=0, second=0, microsecond=0)


def _rebuild(level: RollupMark.Level, buckets: Sequence[Bucket], cursor: CursorWrapper, *, minutes_since: datetime) -> Built:
    if level == RollupMark.Level.DAY:
        for family in FAMILIES:
            _replace(family, "day", buckets, cursor, finer="hour")
        return Built(days=len(buckets))
    young = [bucket for bucket in buckets if bucket[1] >= minutes_since]
    if level == RollupMark.Level.MINUTE:
        partitions.ensure_days({at.astimezone(UTC).date() for _, at in young})
        _replace(CALLS, "minute", young, cursor)
        mark(cursor, RollupMark.Level.HOUR, {(workspace, at.replace(minute=0)) for workspace, at in buckets}, once=True)
        return Built(minutes=len(young))
    _replace(CALLS, "hour", young, cursor, finer="minute")
    _replace(CALLS, "hour", [bucket for bucket in buckets if bucket[1] < minutes_since], cursor)
    _replace(USAGE, "hour", buckets, cursor)
    mark(cursor, RollupMark.Level.DAY, {(workspace, at.replace(hour=0)) for workspace, at in buckets}, once=True)
    return Built(hours=len(buckets))


def _replace(family: Family, unit: Unit, buckets: Sequence[Bucket], cursor: CursorWrapper, *, finer: Unit | None = None) -> None:
    """Build these buckets anew, from the finer unit's or from rows."""
    if not buckets:
        return
    arrays = _arrays(buckets)
    cursor.execute(CLEAR.format(table=family.tables[unit]), arrays)
    if finer:
        part = OF_BUCKETS.format(columns=family.columns, table=family.tables[finer], column="bucket_at", unit=unit)
        cursor.execute(from_finer(family, unit, part), arrays)
    else:
        part = OF_BUCKETS.format(columns=COLUMNS, table="inference_log", column="received_at", unit=unit)
        cursor.execute(from_rows(family, unit, part), arrays)


def _arrays(buckets: Iterable[Bucket]) -> dict[str, list[UUID] | list[datetime]]:
    workspaces, starts = zip(*buckets, strict=True)
    return {"workspaces": list(workspaces), "buckets": list(starts)}
