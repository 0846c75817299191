"""Which rollups and which rows make up a window, so that each call is read once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from telemetry import rollups, sketches
from telemetry.rollup_sums import COLUMNS, OF_A_CALL, Family, Unit

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
LATER = datetime(9999, 1, 1, tzinfo=UTC)
Span = tuple[datetime, datetime]

# The marks of days whose rows are deleted count for nothing: their rollups are all there is.
MARKED = """
WITH marks AS MATERIALIZED (
    SELECT DISTINCT level, workspace_id, bucket_at FROM rollup_mark AS mark
    WHERE bucket_at >= %(marks_from)s AND bucket_at < %(end)s AND {scope} AND NOT EXISTS (
        SELECT FROM telemetry_sealed_day AS sealed WHERE sealed.day = (mark.bucket_at AT TIME ZONE 'UTC')::date
            AND (sealed.workspace_id IS NULL OR sealed.workspace_id = mark.workspace_id))
), dirty_minute AS MATERIALIZED (
    SELECT workspace_id, bucket_at FROM marks WHERE level = 0
), dirty_hour AS MATERIALIZED (
    SELECT DISTINCT workspace_id, date_trunc('hour', bucket_at, 'UTC') AS bucket_at FROM marks WHERE level <= 1
), dirty_day AS MATERIALIZED (
    SELECT DISTINCT workspace_id, date_trunc('day', bucket_at, 'UTC') AS bucket_at FROM marks
)
"""
CLEAN = """NOT EXISTS (SELECT FROM dirty_{unit} AS dirty
    WHERE dirty.workspace_id = rollup.workspace_id AND dirty.bucket_at = rollup.bucket_at)"""
# Rollups in spans that the window itself decides, such as the hours at its edges. An OFFSET keeps the index in use.
IN_SPANS = """
SELECT {columns} FROM unnest(%({unit}_starts)s::timestamptz[], %({unit}_ends)s::timestamptz[]) AS span (start_at, end_at)
CROSS JOIN LATERAL (
    SELECT * FROM {table} WHERE bucket_at >= span.start_at AND bucket_at < span.end_at AND {scope} OFFSET 0
) AS rollup WHERE {clean}
"""
# The parts of coarser buckets that are out of date.
IN_DIRTY = """
SELECT {columns} FROM dirty_{coarser} AS coarse CROSS JOIN LATERAL (
    SELECT * FROM {table} WHERE workspace_id = coarse.workspace_id
        AND bucket_at >= coarse.bucket_at AND bucket_at < coarse.bucket_at + interval '1 {coarser}' OFFSET 0
) AS rollup WHERE coarse.bucket_at >= %({coarser}_from)s AND coarse.bucket_at < %({coarser}_until)s AND {clean}
"""
ROWS_IN_DIRTY = """
SELECT {columns} FROM dirty_{unit} AS coarse CROSS JOIN LATERAL (
    SELECT {read} FROM inference_log WHERE workspace_id = coarse.workspace_id
        AND received_at >= coarse.bucket_at AND received_at < coarse.bucket_at + interval '1 {unit}' OFFSET 0
) AS log WHERE coarse.bucket_at >= %(rows_of_{unit}_from)s AND coarse.bucket_at < %(rows_of_{unit}_until)s
"""
ROWS_IN_SPANS = """
SELECT {columns} FROM unnest(%(row_starts)s::timestamptz[], %(row_ends)s::timestamptz[]) AS span (start_at, end_at)
CROSS JOIN LATERAL (
    SELECT {read} FROM inference_log WHERE received_at >= span.start_at AND received_at < span.end_at AND {scope} OFFSET 0
) AS log
"""


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` until before `end`, both aware; read in whole minutes, and in whole hours where the minutes are gone."""

    start: datetime
    end: datetime

    def widened(self, now: datetime) -> "Window":
        since = rollups.minutes_since(now)
        start, end = (at.astimezone(UTC) for at in (self.start, self.end))
        return Window(_floor(start, MINUTE if start >= since else HOUR), _ceil(end, MINUTE if end >= since else HOUR))


def parts(
    family: Family, window: Window, workspaces: Sequence[UUID] | None, *, step: Unit | None, columns: Sequence[str], now: datetime
) -> tuple[str, dict[str, Any]]:
    """A query of (workspace_id, bucket_at, the dimensions, `columns`) and its parameters.

    Buckets are no coarser than `step`. ValueError where minutes are asked for that are gone.
    """
    since = rollups.minutes_since(now)
    window = window.widened(now)
    if step == "minute" and window.start < since:
        raise ValueError(f"Minutes can be read for {rollups.MINUTE_DAYS} days.")
    has_minutes = "minute" in family.tables
    parameters = _parameters(window, step, since if has_minutes else LATER)
    parameters["workspaces"] = list(workspaces or ())
    scope = "true" if workspaces is None else "workspace_id = ANY(%(workspaces)s)"
    told = ", ".join(("workspace_id", "bucket_at", *family.dimensions, *columns))
    of_rollup = ", ".join(f"rollup.{name}" for name in told.split(", "))
    day, hour, minute = (CLEAN.format(unit=unit) for unit in ("day", "hour", "minute"))
    queries = [
        IN_SPANS.format(unit="day", columns=of_rollup, table=family.tables["day"], scope=scope, clean=day),
        IN_SPANS.format(unit="hour", columns=of_rollup, table=family.tables["hour"], scope=scope, clean=hour),
        IN_DIRTY.format(coarser="day", columns=of_rollup, table=family.tables["hour"], clean=hour),
    ]
    of_rows = ", ".join(_of_rows(family, columns))
    if has_minutes:
        table = family.tables["minute"]
        queries += [
            IN_SPANS.format(unit="minute", columns=of_rollup, table=table, scope=scope, clean=minute),
            IN_DIRTY.format(coarser="hour", columns=of_rollup, table=table, clean=minute),
            ROWS_IN_DIRTY.format(unit="minute", columns=of_rows, read=COLUMNS),
        ]
    else:
        queries.append(ROWS_IN_SPANS.format(columns=of_rows, read=COLUMNS, scope=scope))
    queries.append(ROWS_IN_DIRTY.format(unit="hour", columns=of_rows, read=COLUMNS))
    return MARKED.format(scope=scope) + "UNION ALL".join(queries), parameters


def _parameters(window: Window, step: Unit | None, minutes_since: datetime) -> dict[str, Any]:
    """Where each unit is read. `minutes_since` is the first moment whose minutes there are."""
    hours = (_ceil(window.start, HOUR), _floor(window.end, HOUR))
    days = (_ceil(window.start, DAY), _floor(window.end, DAY))
    if step == "minute" or hours[0] >= hours[1]:
        hours = (window.end, window.end)
    if step in ("minute", "hour") or days[0] >= days[1]:
        days = (hours[1], hours[1])
    edges = {
        "day": [days],
        "hour": [(hours[0], days[0]), (days[1], hours[1])],
        "minute": [(window.start, hours[0]), (hours[1], window.end)],
    }
    parameters: dict[str, Any] = {"marks_from": _floor(window.start, DAY), "end": window.end}
    for unit, spans in edges.items():
        parameters[f"{unit}_starts"], parameters[f"{unit}_ends"] = _split(spans)
    parameters["row_starts"], parameters["row_ends"] = parameters["minute_starts"], parameters["minute_ends"]
    parameters["day_from"], parameters["day_until"] = days
    # A marked hour is read by its minutes where there are minutes, else by its rows.
    parameters["hour_from"], parameters["hour_until"] = max(hours[0], minutes_since), hours[1]
    parameters["rows_of_hour_from"], parameters["rows_of_hour_until"] = hours[0], min(hours[1], minutes_since)
    parameters["rows_of_minute_from"], parameters["rows_of_minute_until"] = max(window.start, minutes_since), window.end
    return parameters


def _of_rows(family: Family, columns: Sequence[str]) -> Iterator[str]:
    yield "log.workspace_id"
    yield "log.received_at AS bucket_at"
    yield from family.dimensions.values()
    for column in columns:
        name, _, part = column.partition("_")
        if column in OF_A_CALL:
            yield OF_A_CALL[column]
        elif part == "bins":
            yield f"array_remove(ARRAY[{sketches.bin_in_sql(f'{name}_ms')}], NULL)"
        else:
            yield f"CASE WHEN {name}_ms IS NULL THEN '{{}}'::int[] ELSE ARRAY[1] END"


def _split(spans: Sequence[Span]) -> tuple[list[datetime], list[datetime]]:
    kept = [(start, end) for start, end in spans if start < end]
    return [start for start, _ in kept], [end for _, end in kept]


def _floor(at: datetime, unit: timedelta) -> datetime:
    return at - (at - datetime(1970, 1, 1, tzinfo=UTC)) % unit


def _ceil(at: datetime, unit: timedelta) -> datetime:
    return -((-(at - datetime(1970, 1, 1, tzinfo=UTC))) // unit) * unit + datetime(1970, 1, 1, tzinfo=UTC)
