"""The figures of the dashboards: each function is one chart or one table, over rollups and the rows not yet in them.

Where filters name what no rollup has together (a tag, an app, a user and a provider), rows are read instead: the same figures,
at a cost that grows with the calls that pass.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from telemetry import rollup_reads
from telemetry.queries import raw
from telemetry.queries.filters import Filters
from telemetry.rollup_reads import Dimension, Duration, Percentiles, Totals, Value
from telemetry.rollup_sums import CALLS, USAGE, Unit
from telemetry.rollup_windows import Window

FRACTIONS = (0.5, 0.9, 0.95, 0.99)
GROUPS = 10  # series in a chart, rows in a table of the greatest
Order = Literal["cost_usd", "call_count", "total_tokens", "error_count"]


@dataclass(frozen=True, slots=True)
class Overview:
    """The figures of a period beside those of the one before, which is as long."""

    current: Totals
    previous: Totals
    latency_ms: Mapping[float, float]  # by fraction; empty when nothing was timed
    ttft_ms: Mapping[float, float]

    def change(self, name: str) -> float | None:
        """By which share a figure of Totals grew; None when there was nothing before."""
        before, after = (float(getattr(sums, name)) for sums in (self.previous, self.current))
        return (after - before) / before if before else None


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart: the group's values by dimension, and its steps in order. A step without calls is not there."""

    group: Mapping[str, Value]
    points: Sequence[Totals]


@dataclass(frozen=True, slots=True)
class Lines:
    """The percentiles of one group over time."""

    group: Mapping[str, Value]
    points: Sequence[Percentiles]


def overview(filters: Filters, *, now: datetime) -> Overview:
    """The totals of a period and of the one before, and the period's percentiles."""
    window = window_of(filters, now)
    before = replace(filters, since=window.start - (window.end - window.start), until=window.start)
    return Overview(
        current=totals(filters, now=now)[0],
        previous=totals(before, now=now)[0],
        latency_ms=_only(latency(filters, now=now)),
        ttft_ms=_only(latency(filters, of="ttft", now=now)),
    )


def traffic(filters: Filters, *, step: Unit, by: Dimension | None = None, now: datetime) -> list[Series]:
    """Calls, errors, tokens and cost over time; by a dimension, a line for each of its ten greatest values."""
    groups = [by] if by else []
    points = _series(filters, step, groups, now=now)
    by_group: dict[Value, list[Totals]] = {}
    for point in points:
        by_group.setdefault(point.group[by] if by else None, []).append(point)
    busiest = sorted(by_group.values(), key=lambda line: -sum(point.call_count for point in line))[:GROUPS]
    return [Series(line[0].group, line) for line in busiest]


def latency(
    filters: Filters,
    *,
    of: Duration = "latency",
    by: Sequence[Dimension] = (),
    fractions: Sequence[float] = FRACTIONS,
    now: datetime,
) -> list[Percentiles]:
    """Durations of the whole period at the fractions, by group."""
    if is_rolled_up(filters, by):
        return rollup_reads.percentiles(window_of(filters, now), scope(filters), fractions, of=of, by=by, now=now)
    return raw.percentiles(_bounded(filters, now), fractions, of=of, by=by, step=None)


def latency_over_time(
    filters: Filters, *, step: Unit, of: Duration = "latency", by: Dimension | None = None, now: datetime
) -> list[Lines]:
    """p50, p90, p95 and p99 over time; by a dimension, for each of its ten values with the most calls."""
    groups: list[Dimension] = [by] if by else []
    if is_rolled_up(filters, groups):
        window = window_of(filters, now)
        points = rollup_reads.percentiles(window, scope(filters), FRACTIONS, of=of, by=groups, step=step, now=now)
    else:
        points = raw.percentiles(_bounded(filters, now), FRACTIONS, of=of, by=groups, step=step)
    by_group: dict[Value, list[Percentiles]] = {}
    for point in points:
        by_group.setdefault(point.group[by] if by else None, []).append(point)
    busiest = sorted(by_group.values(), key=lambda line: -sum(point.count for point in line))[:GROUPS]
    return [Lines(line[0].group, line) for line in busiest]


def greatest(filters: Filters, by: Dimension, *, order: Order = "cost_usd", limit: int = GROUPS, now: datetime) -> list[Totals]:
    """The models, users, keys, … with the most of something, most first."""
    found = totals(filters, [by], now=now)
    return sorted(found, key=lambda sums: (-amount(sums, order), str(sums.group[by])))[:limit]


def amount(totals: Totals, order: Order) -> Decimal | int:
    if order == "total_tokens":
        return totals.prompt_tokens + totals.completion_tokens
    value: Decimal | int = getattr(totals, order)
    return value


def error_rate(totals: Totals) -> float | None:
    return _share(totals.error_count, totals.call_count)


def unpriced_share(totals: Totals) -> float | None:
    """Of the calls: those that ended and whose cost is not known."""
    return _share(totals.unpriced_count, totals.call_count)


def estimated_share(totals: Totals) -> float | None:
    """Of the calls: those whose tokens the provider did not tell."""
    return _share(totals.estimated_count, totals.call_count)


def cache_share(totals: Totals) -> float | None:
    """Of the prompt's tokens: those that were read from a cache."""
    return _share(totals.cache_read_tokens, totals.prompt_tokens)


def tokens_per_second(totals: Totals) -> float | None:
    """Completion tokens a second of waiting, over all calls that were timed."""
    rate = _share(totals.completion_tokens, totals.latency_sum_ms)
    return rate * 1000 if rate is not None else None


def window_of(filters: Filters, now: datetime) -> Window:
    """The period; the last thirty days when none is named."""
    until = filters.until or now
    return Window(filters.since or until - timedelta(days=30), until)


def is_rolled_up(filters: Filters, by: Sequence[Dimension] = ()) -> bool:
    """Whether some rollup has all that is asked for."""
    asked = {*by, *filters.named} - {"workspace_id"}
    return asked <= CALLS.dimensions.keys() or asked <= USAGE.dimensions.keys()


def totals(filters: Filters, by: Sequence[Dimension] = (), *, now: datetime) -> list[Totals]:
    """The sums of the whole period, by group."""
    if is_rolled_up(filters, by):
        return rollup_reads.totals(window_of(filters, now), scope(filters), by=by, now=now)
    return raw.totals(_bounded(filters, now), by=by, step=None)


def _series(filters: Filters, step: Unit, by: Sequence[Dimension], *, now: datetime) -> list[Totals]:
    if is_rolled_up(filters, by):
        return rollup_reads.series(window_of(filters, now), scope(filters), step=step, by=by, now=now)
    return raw.totals(_bounded(filters, now), by=by, step=step)


def _bounded(filters: Filters, now: datetime) -> Filters:
    window = window_of(filters, now)
    return replace(filters, since=window.start, until=window.end)


def scope(filters: Filters) -> rollup_reads.Scope:
    named: Mapping[str, Sequence[Value]] = {name: getattr(filters, name) for name in filters.named}
    return rollup_reads.Scope([filters.workspace_id], named)  # type: ignore[arg-type]  # is_rolled_up has looked


def _only(found: Sequence[Percentiles]) -> dict[float, float]:
    return dict(zip(FRACTIONS, found[0].values_ms, strict=True)) if found else {}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
