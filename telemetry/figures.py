"""Figures of calls: how each is called, what it is counted in, and how it is read over time or as a whole.

Pages, panels, alerts and the REST API all read them here, so that a name means one thing everywhere.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar
from uuid import UUID

import psycopg
from django.db import OperationalError, connection, transaction

from accounts.entrance import Bearer
from telemetry import reading, rollups
from telemetry.queries import charts
from telemetry.queries.filters import Filters
from telemetry.rollup_reads import Dimension, Duration, Totals
from telemetry.rollup_sums import Unit

R = TypeVar("R")
Counted = Literal["calls", "usd", "tokens", "ms", "share", "tokens/s"]
Whose = Literal["workspace", "own"]
Group = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Figure:
    """`of` works it out of sums; without it, it is a percentile: `place` in `charts.FRACTIONS` of a duration."""

    name: str
    label: str
    counted_in: Counted
    of: Callable[[Totals], float | None] | None = None
    duration: Duration = "latency"
    place: int = 0

    @property
    def is_sum(self) -> bool:
        """Whether nothing at all is 0 of it, and parts add up to the whole."""
        return self.name in SUMS


@dataclass(frozen=True, slots=True)
class Drawn:
    """One line of a chart. A step that is not there had no calls."""

    group: Group
    values: Mapping[datetime, float | None]


class TooMuch(Exception):
    """What rollups do not hold is read from rows, and that took too long."""


SUMS = frozenset(
    ("calls", "errors", "cost_usd", "prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens", "unpriced_calls")
)
_TIMED: tuple[tuple[str, str, Duration], ...] = (
    ("latency", "Latency", "latency"),
    ("time_to_first_token", "Time to first token", "ttft"),
)
_PERCENTILES = tuple(
    Figure(f"{name}_ms_p{round(fraction * 100)}", f"{label}, p{round(fraction * 100)}", "ms", None, duration, place)
    for name, label, duration in _TIMED
    for place, fraction in enumerate(charts.FRACTIONS)
)
FIGURES: Mapping[str, Figure] = {
    figure.name: figure
    for figure in (
        Figure("calls", "Calls", "calls", lambda sums: sums.call_count),
        Figure("errors", "Errors", "calls", lambda sums: sums.error_count),
        Figure("error_rate", "Error rate", "share", charts.error_rate),
        Figure("cost_usd", "Cost", "usd", lambda sums: float(sums.cost_usd)),
        Figure("prompt_tokens", "Prompt tokens", "tokens", lambda sums: sums.prompt_tokens),
        Figure("completion_tokens", "Completion tokens", "tokens", lambda sums: sums.completion_tokens),
        Figure("total_tokens", "Tokens", "tokens", lambda sums: sums.prompt_tokens + sums.completion_tokens),
        Figure("cached_tokens", "Tokens read from a cache", "tokens", lambda sums: sums.cache_read_tokens),
        Figure("cache_share", "Cache share", "share", charts.cache_share),
        Figure("tokens_per_second", "Tokens a second", "tokens/s", charts.tokens_per_second),
        Figure("unpriced_calls", "Calls without a price", "calls", lambda sums: sums.unpriced_count),
        Figure("latency_ms_mean", "Latency, mean", "ms", lambda sums: sums.mean_latency_ms),
        Figure("time_to_first_token_ms_mean", "Time to first token, mean", "ms", lambda sums: sums.mean_ttft_ms),
        *_PERCENTILES,
    )
}
WINDOWS: Mapping[str, timedelta] = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "365d": timedelta(days=365),
}
STEPS: Mapping[Unit, timedelta] = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
LONGEST: Mapping[Unit, timedelta] = {"minute": timedelta(days=1), "hour": timedelta(days=31), "day": timedelta(days=400)}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMEOUT_MS = 10_000


def lines(filters: Filters, figure: Figure, step: Unit, by: Dimension | None = None, *, now: datetime) -> list[Drawn]:
    """A figure over time; by a dimension, a line for each of its ten greatest values."""
    if figure.of is None:
        timed = charts.latency_over_time(filters, step=step, of=figure.duration, by=by, now=now)
        return [Drawn(named(line.group), {_at(point): point.values_ms[figure.place] for point in line.points}) for line in timed]
    value = figure.of
    summed = charts.traffic(filters, step=step, by=by, now=now)
    return [Drawn(named(line.group), {_at(point): value(point) for point in line.points}) for line in summed]


def whole(filters: Filters, figure: Figure, by: Dimension | None = None, *, now: datetime) -> list[tuple[Group, float | None]]:
    """A figure of the whole period, or of each value of a dimension, the greatest first. Nothing where there were no calls."""
    if figure.of is None:
        timed = charts.latency(filters, of=figure.duration, by=[by] if by else [], now=now)
        found: list[tuple[Group, float | None]] = [(named(one.group), one.values_ms[figure.place]) for one in timed]
    else:
        value = figure.of
        found = [(named(sums.group), value(sums)) for sums in charts.totals(filters, [by] if by else [], now=now)]
    return sorted(found, key=lambda pair: (pair[1] is None, -(pair[1] or 0), str(pair[0])))


def scoped(filters: Filters, by: str | None, bearer: Bearer) -> tuple[Filters | None, Whose]:
    """Sums of the whole workspace; who sees others' calls in sums alone gets their own where people are named.

    None where nothing is left to read.
    """
    is_personal = reading.PERSONAL & {*filters.named, by}
    if reading.sees_all(bearer) or not is_personal:
        return filters, "workspace"
    return reading.narrowed(filters, bearer), "own"


def step_for(period: timedelta, *, wanted: str = "auto", since: datetime, now: datetime) -> Unit:
    """The step asked for, or the finest coarser one in which the period has not too many; minutes are gone after a week."""
    fine: Sequence[Unit] = ("minute", "hour", "day")
    first = 0 if wanted == "auto" else fine.index(wanted)
    if wanted == "auto":
        first = 0 if period <= timedelta(hours=6) else 1 if period <= timedelta(days=7) else 2
    if first == 0 and since < rollups.minutes_since(now):
        first = 1
    return next(step for step in fine[first:] if period <= LONGEST[step])


def moments(since: datetime, until: datetime, step: Unit) -> list[datetime]:
    """Where the steps of a period begin (UTC)."""
    size = STEPS[step]
    first = since - (since - EPOCH) % size
    return [first + number * size for number in range(-((first - until) // size))]


def within_time(read: Callable[[], R]) -> R:
    """Raises `TooMuch`."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(TIMEOUT_MS)])
            return read()
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise TooMuch("This takes too long: ask for a shorter period or fewer filters.") from None
        raise


def named(group: Mapping[str, str | UUID | None]) -> Group:
    """A group's values as text."""
    return {name: None if value is None else str(value) for name, value in group.items()}


def _at(point: object) -> datetime:
    at: datetime = point.bucket_at  # type: ignore[attr-defined]  # of a series, which has it
    return at
