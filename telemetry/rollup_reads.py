"""What the rollups tell: totals, series and percentiles over any window, with what is not rolled up yet read from rows.

One statement, so one snapshot: whole days, then the hours and minutes at the window's edges, are read from rollups; where a mark
says that a bucket is out of date, its parts are read instead, down to the rows of a marked minute. No reader sees a gap, and
nothing is counted twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from django.db import connection

from telemetry import sketches
from telemetry.rollup_sums import CALLS, NIL, SUMS, USAGE, Family, Unit
from telemetry.rollup_windows import Window, parts

Dimension = Literal["workspace_id", "provider", "model", "source", "status", "user_id", "api_key_id"]
Duration = Literal["latency", "ttft"]
Value = str | UUID | None

TOTALS = """
SELECT {selected}, {summed} FROM ({parts}) AS part{where}{grouped}
"""
# An OFFSET has the step worked out once a bucket: without it, PostgreSQL does so for each bin.
BINS = """
SELECT {selected}, bin, sum(n)::bigint FROM (
    SELECT {selected}, unnest({name}_bins) AS bin, unnest({name}_counts) AS n
    FROM (SELECT {inner}, {name}_bins, {name}_counts FROM ({parts}) AS part{where} OFFSET 0) AS stepped
) AS counted GROUP BY {grouped}
"""
# Both durations at once, a bucket's bins in one array: far fewer rows come than there are bins.
SKETCHED = """
WITH stepped AS MATERIALIZED (
    SELECT {inner}, latency_bins, latency_counts, ttft_bins, ttft_counts FROM ({parts}) AS part{where}
)
SELECT name, {keyed}, array_agg(bin), array_agg(n) FROM (
    SELECT 'latency' AS name, {keyed}, bin, sum(n)::int AS n FROM (
        SELECT {keyed}, unnest(latency_bins) AS bin, unnest(latency_counts) AS n FROM stepped
    ) AS counted GROUP BY {keyed}, bin
    UNION ALL
    SELECT 'ttft', {keyed}, bin, sum(n)::int FROM (
        SELECT {keyed}, unnest(ttft_bins) AS bin, unnest(ttft_counts) AS n FROM stepped
    ) AS counted GROUP BY {keyed}, bin
) AS summed GROUP BY name, {keyed}
"""
EXACT = """
SELECT {selected}, count({name}_ms), percentile_cont(%(fractions)s::float8[]) WITHIN GROUP (ORDER BY {name}_ms)
FROM (
    SELECT workspace_id, {truncated} AS bucket_at, {dimensions}, {name}_ms FROM inference_log
    WHERE received_at >= %(start)s AND received_at < %(end)s AND {scope} AND {name}_ms IS NOT NULL
) AS part{where} GROUP BY {grouped}
"""
MONDAY = datetime(1970, 1, 5, tzinfo=UTC)  # where weeks, days, hours and their parts begin
ROW_DIMENSIONS = {**USAGE.dimensions, **CALLS.dimensions}


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of calls. `group` has the value of each dimension that was asked for, None where the calls did not tell."""

    group: Mapping[str, Value]
    bucket_at: datetime | None  # where the step begins, in a series
    call_count: int
    error_count: int
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    estimated_count: int  # calls whose tokens the provider did not tell
    cost_usd: Decimal  # of the calls whose cost is known
    unpriced_count: int  # ended calls whose cost is not known
    latency_sum_ms: int
    latency_count: int
    ttft_sum_ms: int
    ttft_count: int

    @property
    def prompt_tokens(self) -> int:
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def completion_tokens(self) -> int:
        return self.output_tokens + self.reasoning_tokens

    @property
    def mean_latency_ms(self) -> float | None:
        return self.latency_sum_ms / self.latency_count if self.latency_count else None

    @property
    def mean_ttft_ms(self) -> float | None:
        return self.ttft_sum_ms / self.ttft_count if self.ttft_count else None


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Durations in ms at the fractions that were asked for, over `count` calls."""

    group: Mapping[str, Value]
    bucket_at: datetime | None
    count: int
    values_ms: tuple[float, ...]
    is_exact: bool  # read from rows; else from sketches, within 1 % of percentile_cont


@dataclass(frozen=True, slots=True)
class Sketch:
    """How many calls there are in each bin of a duration: what can be added up before percentiles are told of it."""

    of: Duration
    group: Mapping[str, Value]
    bucket_at: datetime
    counts: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose calls, and which. `workspaces` None means all; `filters` are allowed values by dimension, None for "not told"."""

    workspaces: Sequence[UUID] | None
    filters: Mapping[Dimension, Sequence[Value]] = field(default_factory=dict)


def totals(window: Window, scope: Scope, *, by: Sequence[Dimension] = (), now: datetime) -> list[Totals]:
    """Sums over the window, a row for each group; without `by` one row, of zeros when there was no call."""
    found = _sums(window, scope, by=by, step=None, now=now)
    if not by and not found[0].call_count:
        return [_nothing()]
    return found


def series(window: Window, scope: Scope, *, step: Unit, by: Sequence[Dimension] = (), now: datetime) -> list[Totals]:
    """Sums by step (UTC), in order; a step without calls is not there. Minutes can be read for a week."""
    return _sums(window, scope, by=by, step=step, now=now)


def percentiles(
    window: Window,
    scope: Scope,
    fractions: Sequence[float],
    *,
    of: Duration = "latency",
    by: Sequence[Dimension] = (),
    step: Unit | None = None,
    now: datetime,
) -> list[Percentiles]:
    """Durations at these fractions (0 to 1). By user or key they are read from rows, as far back as there are rows."""
    if _family(by, scope) is USAGE:
        return _exact(window, scope, fractions, of=of, by=by, step=step)
    keyed = (*by, "bucket_at") if step else tuple(by)
    query, parameters = parts(CALLS, window, scope.workspaces, step=step, columns=(f"{of}_bins", f"{of}_counts"), now=now)
    where = _where(scope, parameters)
    inner = ", ".join((*by, *([_truncated(step)] if step else []))) or "1"
    selected = ", ".join(keyed) or "1"
    grouped = ", ".join((*keyed, "bin"))
    statement = BINS.format(selected=selected, inner=inner, name=of, parts=query, where=where, grouped=grouped)
    by_key: dict[tuple[Any, ...], dict[int, int]] = {}
    for *key, bin_number, count in _rows(statement, parameters):
        by_key.setdefault(tuple(key), {})[bin_number] = int(count)
    return [
        Percentiles(*_named(key, by, step), sum(sketch.values()), tuple(values), is_exact=False)
        for key, sketch in sorted(by_key.items(), key=lambda item: _order(item[0], step))
        if (values := sketches.percentiles(sketch, fractions)) is not None
    ]


def durations(
    window: Window, scope: Scope, *, by: Sequence[Dimension] = (), step: Unit, stride: timedelta, now: datetime
) -> list[Sketch]:
    """Both durations by group and by stretches of `stride`, which are made of whole steps. ValueError by user or key."""
    if _family(by, scope) is USAGE:
        raise ValueError("There are no sketches by user or key: read rows.")
    columns = [f"{name}_{part}" for name in ("latency", "ttft") for part in ("bins", "counts")]
    query, parameters = parts(CALLS, window, scope.workspaces, step=step, columns=columns, now=now)
    where = _where(scope, parameters)
    inner = ", ".join((*by, "date_bin(%(stride)s, bucket_at, %(origin)s) AS bucket_at"))
    statement = SKETCHED.format(inner=inner, keyed=", ".join((*by, "bucket_at")), parts=query, where=where)
    found = []
    for of, *key, bins, counts in _rows(statement, parameters | {"stride": stride, "origin": MONDAY}):
        group, bucket_at = _named(key, by, step)
        assert bucket_at is not None
        found.append(Sketch(of, group, bucket_at, dict(zip(bins, counts, strict=True))))
    return found


def _sums(window: Window, scope: Scope, *, by: Sequence[Dimension], step: Unit | None, now: datetime) -> list[Totals]:
    family = _family(by, scope)
    query, parameters = parts(family, window, scope.workspaces, step=step, columns=SUMS, now=now)
    where = _where(scope, parameters)
    keyed = (*by, "bucket_at") if step else tuple(by)
    selected = ", ".join((*by, *([_truncated(step)] if step else []))) or "1"
    grouped = f" GROUP BY {', '.join(str(number) for number, _ in enumerate(keyed, start=1))}" if keyed else ""
    summed = ", ".join(f"sum({name})" for name in SUMS)
    statement = TOTALS.format(selected=selected, summed=summed, parts=query, where=where, grouped=grouped)
    width = len(keyed) or 1
    found = []
    for row in sorted(_rows(statement, parameters), key=lambda row: _order(row[:width], step)):
        group, bucket_at = _named(row[:width], by, step)
        sums = {name: value or 0 for name, value in zip(SUMS, row[width:], strict=True)}
        cost = Decimal(sums.pop("cost_usd"))
        found.append(Totals(group, bucket_at, cost_usd=cost, **{name: int(value) for name, value in sums.items()}))
    return found


def _exact(
    window: Window, scope: Scope, fractions: Sequence[float], *, of: Duration, by: Sequence[Dimension], step: Unit | None
) -> list[Percentiles]:
    parameters: dict[str, Any] = {"start": window.start, "end": window.end, "fractions": list(fractions)}
    parameters["workspaces"] = list(scope.workspaces or ())
    keyed = (*by, "bucket_at") if step else tuple(by)
    selected = ", ".join(keyed) or "1"
    statement = EXACT.format(
        selected=selected,
        name=of,
        truncated=f"date_trunc('{step or 'day'}', received_at, 'UTC')",
        dimensions=", ".join(f"{expression} AS {name}" for name, expression in ROW_DIMENSIONS.items()),
        scope="true" if scope.workspaces is None else "workspace_id = ANY(%(workspaces)s)",
        where=_where(scope, parameters),
        grouped=", ".join(str(number) for number, _ in enumerate(keyed, start=1)) or "()",
    )
    return [
        Percentiles(*_named(key, by, step), count, tuple(values), is_exact=True)
        for *key, count, values in sorted(_rows(statement, parameters), key=lambda row: _order(row[:-2], step))
        if count
    ]


def _family(by: Sequence[Dimension], scope: Scope) -> Family:
    """The rollups that have all these dimensions."""
    asked = {*by, *scope.filters} - {"workspace_id"}
    if asked <= CALLS.dimensions.keys():
        return CALLS
    if asked <= USAGE.dimensions.keys():
        return USAGE
    raise ValueError(f"No rollup has {', '.join(sorted(asked))} together: read rows.")


def _where(scope: Scope, parameters: dict[str, Any]) -> str:
    conditions = []
    for name, values in scope.filters.items():
        parameters[f"only_{name}"] = [_stored(name, value) for value in values]
        conditions.append(f"{name} = ANY(%(only_{name})s)")
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _stored(name: str, value: Value) -> str | UUID:
    if name in {"user_id", "api_key_id", "workspace_id"}:
        return UUID(NIL) if value is None else UUID(str(value))
    return "" if value is None else str(value)


def _truncated(step: Unit | None) -> str:
    return f"date_trunc('{step}', bucket_at, 'UTC') AS bucket_at"


def _named(key: Sequence[Any], by: Sequence[Dimension], step: Unit | None) -> tuple[dict[str, Value], datetime | None]:
    values = [None if value in ("", UUID(NIL)) else value for value in key[: len(by)]]
    return dict(zip(by, values, strict=True)), key[len(by)].astimezone(UTC) if step else None


def _order(key: Sequence[Any], step: Unit | None) -> tuple[Any, ...]:
    """By time, then by the group."""
    return (key[-1], *map(str, key[:-1])) if step else tuple(map(str, key))


def _nothing() -> Totals:
    return Totals({}, None, cost_usd=Decimal(0), **dict.fromkeys((name for name in SUMS if name != "cost_usd"), 0))


def _rows(statement: str, parameters: Mapping[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
