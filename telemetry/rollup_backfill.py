"""A whole day's rollups at once, from its rows: after an import, or when nobody trusts what is there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from telemetry import locks, partitions, rollups
from telemetry.rollup_sums import CALLS, COLUMNS, FAMILIES, USAGE, Family, Unit, from_finer, from_rows

Outcome = Literal["rebuilt", "would be rebuilt", "kept: its calls are deleted", "no calls"]

SEALED = "SELECT workspace_id FROM telemetry_sealed_day WHERE day = %s"
IN_DAY = "{column} >= %(start)s AND {column} < %(end)s AND workspace_id <> ALL(%(sealed)s::uuid[])"
OF_ROLLUPS, OF_CALLS = (IN_DAY.format(column=column) for column in ("bucket_at", "received_at"))
CLEAR = "DELETE FROM {table} WHERE {condition}"
READ = "SELECT {columns} FROM {table} WHERE {condition}"
ROWS = READ.format(columns=COLUMNS, table="inference_log", condition=OF_CALLS)
COUNT = READ.format(columns="count(*)", table="inference_log", condition=OF_CALLS)
MARKED = READ.format(columns="count(*)", table="rollup_mark", condition=OF_ROLLUPS)
SUMMED = READ.format(columns="coalesce(sum(call_count), 0)", table="rollup_day", condition=OF_ROLLUPS)
# A day's groups fit in the memory that one statement may take for once.
ROOM = "SET LOCAL work_mem = '128MB'"


@dataclass(frozen=True, slots=True)
class Day:
    """What became of a day."""

    day: date
    outcome: Outcome
    call_count: int = 0


def days(start: date, end: date) -> list[date]:
    """The days of the log from `start` until before `end`."""
    return [day for day in partitions.attached_days(partitions.LOG) if start <= day < end]


def is_complete(day: date) -> bool:
    """Whether the day's rollups hold each of its calls, and none of them is out of date."""
    with connection.cursor() as cursor:
        cursor.execute(SEALED, [day])
        sealed = [workspace_id for (workspace_id,) in cursor.fetchall()]
        if None in sealed:
            return True
        counts = []
        for query in (MARKED, COUNT, SUMMED):
            cursor.execute(query, _parameters(day, sealed))
            counts.append(int(cursor.fetchone()[0]))
    marked, called, summed = counts
    return not marked and called == summed


def rebuild_day(day: date, now: datetime, *, is_dry: bool = False) -> Day:
    """Rebuild the rollups of a day in one transaction. What is left of workspaces or days whose calls are deleted stays."""
    with transaction.atomic(), connection.cursor() as cursor:
        locks.hold(cursor, locks.ROLLUPS)
        cursor.execute(SEALED, [day])
        sealed = [workspace_id for (workspace_id,) in cursor.fetchall()]
        if None in sealed:
            return Day(day, "kept: its calls are deleted")
        if day not in partitions.attached_days(partitions.LOG):
            return Day(day, "no calls")
        parameters = _parameters(day, sealed)
        cursor.execute(COUNT, parameters)
        call_count = int(cursor.fetchone()[0])
        if not is_dry:
            cursor.execute(ROOM)
            _rebuild(cursor, parameters, has_minutes=parameters["start"] >= rollups.minutes_since(now) - timedelta(days=1))
    return Day(day, "would be rebuilt" if is_dry else "rebuilt", call_count)


def _parameters(day: date, sealed: Sequence[UUID]) -> dict[str, Any]:
    start = datetime.combine(day, time(), UTC)
    return {"start": start, "end": start + timedelta(days=1), "sealed": list(sealed)}


def _rebuild(cursor: CursorWrapper, parameters: dict[str, Any], *, has_minutes: bool) -> None:
    cursor.execute(CLEAR.format(table="rollup_mark", condition=OF_ROLLUPS), parameters)
    for family in FAMILIES:
        for table in family.tables.values():
            cursor.execute(CLEAR.format(table=table, condition=OF_ROLLUPS), parameters)
    if has_minutes:
        partitions.ensure_days({parameters["start"].date()})
        cursor.execute(from_rows(CALLS, "minute", ROWS), parameters)
        _from_finer(CALLS, "hour", "minute", cursor=cursor, parameters=parameters)
    else:
        cursor.execute(from_rows(CALLS, "hour", ROWS), parameters)
    cursor.execute(from_rows(USAGE, "hour", ROWS), parameters)
    for family in FAMILIES:
        _from_finer(family, "day", "hour", cursor=cursor, parameters=parameters)


def _from_finer(family: Family, unit: Unit, finer: Unit, *, cursor: CursorWrapper, parameters: dict[str, Any]) -> None:
    part = READ.format(columns=family.columns, table=family.tables[finer], condition=OF_ROLLUPS)
    cursor.execute(from_finer(family, unit, part), parameters)
