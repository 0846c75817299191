"""The figures of the overview: each family of rollups is read once for a period, and all charts are made of what was read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from telemetry import rollup_reads, sketches
from telemetry.queries import charts, raw
from telemetry.queries.filters import Filters
from telemetry.rollup_reads import MONDAY, Dimension, Duration, Totals, Value
from telemetry.rollup_sums import CALLS, SUMS, Unit
from telemetry.rollup_windows import DAY, HOUR, MINUTE, Window

SIZES: Mapping[Unit, timedelta] = {"minute": MINUTE, "hour": HOUR, "day": DAY}
POINTS = 100  # in a chart, at most about as many
STRIDES: Mapping[Unit, Sequence[int]] = {"minute": (1, 2, 5, 10, 15, 30), "hour": (1, 2, 3, 6, 12), "day": (1, 7)}
Millis = tuple[float, ...]  # p50, p90, p95 and p99


@dataclass(frozen=True, slots=True)
class Grid:
    """The stretches that a period is cut into. Where rows are read instead of rollups, a stretch is one step."""

    since: datetime
    until: datetime
    step: Unit
    stride: timedelta

    @classmethod
    def over(cls, since: datetime, until: datetime, step: Unit, *, is_merged: bool) -> "Grid":
        fitting = [number for number in STRIDES[step] if (until - since) / (SIZES[step] * number) <= POINTS]
        number = 1 if not is_merged else fitting[0] if fitting else STRIDES[step][-1]
        return cls(since, until, step, SIZES[step] * number)

    @property
    def moments(self) -> list[datetime]:
        first = self.of(self.since)
        return [first + number * self.stride for number in range(-((first - self.until) // self.stride))]

    def of(self, at: datetime) -> datetime:
        """The stretch that a moment is in."""
        return at - (at - MONDAY) % self.stride


@dataclass(frozen=True, slots=True)
class Durations:
    """Percentiles of the whole period, by stretch, and by a group's value and stretch."""

    whole: Mapping[Duration, Millis]
    over_time: Mapping[Duration, Mapping[datetime, Millis]]
    by_group: Mapping[Duration, Mapping[Value, Mapping[datetime, Millis]]]


def sums(filters: Filters, grid: Grid, by: Sequence[Dimension], *, now: datetime) -> list[Totals]:
    """Sums by step and groups; the steps of a stretch are apart."""
    if charts.is_rolled_up(filters, by):
        return rollup_reads.series(_window(filters), charts.scope(filters), step=grid.step, by=by, now=now)
    return raw.totals(filters, by=by, step=grid.step)


def durations(filters: Filters, grid: Grid, by: Dimension | None, *, now: datetime) -> Durations:
    """Of both durations. By user or key, rows are read."""
    groups: tuple[Dimension, ...] = (by,) if by else ()
    if {*groups, *filters.named} <= CALLS.dimensions.keys():
        found = rollup_reads.durations(
            _window(filters), charts.scope(filters), by=groups, step=grid.step, stride=grid.stride, now=now
        )
        return _of_sketches(found, by)
    return _of_rows(filters, grid)


def added(totals: Iterable[Totals]) -> Totals:
    """One Totals of many, of no group and no moment."""
    totals = list(totals)
    if len(totals) == 1:
        return totals[0]
    found = dict.fromkeys(SUMS, 0) | {"cost_usd": Decimal(0)}
    for one in totals:
        for name in SUMS:
            found[name] += getattr(one, name)
    return Totals({}, None, **found)  # type: ignore[arg-type]  # each is of the field's own type


def _of_sketches(found: Sequence[rollup_reads.Sketch], by: Dimension | None) -> Durations:
    whole: dict[Duration, list[Mapping[int, int]]] = {"latency": [], "ttft": []}
    timed: dict[Duration, dict[datetime, list[Mapping[int, int]]]] = {"latency": {}, "ttft": {}}
    grouped: dict[Duration, dict[Value, dict[datetime, Millis]]] = {"latency": {}, "ttft": {}}
    for one in found:
        whole[one.of].append(one.counts)
        timed[one.of].setdefault(one.bucket_at, []).append(one.counts)
        if by and (alone := _merged([one.counts])):
            grouped[one.of].setdefault(one.group[by], {})[one.bucket_at] = alone
    names: tuple[Duration, ...] = ("latency", "ttft")
    return Durations(
        {name: values for name in names if (values := _merged(whole[name]))},
        {name: {at: values for at, parts in timed[name].items() if (values := _merged(parts))} for name in names},
        grouped,
    )


def _of_rows(filters: Filters, grid: Grid) -> Durations:
    names: tuple[Duration, ...] = ("latency", "ttft")
    over_time: dict[Duration, dict[datetime, Millis]] = {}
    whole: dict[Duration, Millis] = {}
    for name in names:
        points = raw.percentiles(filters, charts.FRACTIONS, of=name, by=(), step=grid.step)
        over_time[name] = {point.bucket_at: point.values_ms for point in points if point.bucket_at}
        for point in raw.percentiles(filters, charts.FRACTIONS, of=name, by=(), step=None):
            whole[name] = point.values_ms
    return Durations(whole, over_time, {"latency": {}, "ttft": {}})


def _merged(parts: Sequence[Mapping[int, int]]) -> Millis | None:
    values = sketches.percentiles(parts[0] if len(parts) == 1 else sketches.merge(parts), charts.FRACTIONS)
    return tuple(values) if values else None


def _window(filters: Filters) -> Window:
    """An address always has both ends."""
    if filters.since is None or filters.until is None:
        raise ValueError("The overview is of a period: it needs a beginning and an end.")
    return Window(filters.since, filters.until)
