"""Figures over time for programs: what the dashboards draw, as numbers."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar
from uuid import UUID

import psycopg
from django.db import OperationalError, connection, transaction
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from accounts.entrance import Bearer, Refused
from accounts.programs import needs
from telemetry import asked, reading, rollups
from telemetry.queries import charts
from telemetry.queries.filters import Filters
from telemetry.rollup_reads import Dimension, Totals
from telemetry.rollup_sums import Unit

router = Router(tags=["Logs"])
R = TypeVar("R")

Metric = Literal[
    "calls", "errors", "error_rate", "cost_usd", "prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens",
    "tokens_per_second", "latency_ms_mean", "latency_ms_p50", "latency_ms_p90", "latency_ms_p95", "latency_ms_p99",
    "time_to_first_token_ms_mean", "time_to_first_token_ms_p50", "time_to_first_token_ms_p90", "time_to_first_token_ms_p95",
    "time_to_first_token_ms_p99",
]  # fmt: skip
Group = Literal["provider", "model", "source", "status", "user_id", "api_key_id"]
WINDOWS: Mapping[str, timedelta] = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "365d": timedelta(days=365),
}
WindowName = Literal["1h", "6h", "24h", "7d", "30d", "90d", "365d"]
STEPS: Mapping[Unit, timedelta] = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
LONGEST: Mapping[Unit, timedelta] = {"minute": timedelta(days=1), "hour": timedelta(days=31), "day": timedelta(days=400)}
COUNTED = {"calls", "errors", "cost_usd", "prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens"}
OF_TOTALS: Mapping[str, Callable[[Totals], float | None]] = {
    "calls": lambda sums: sums.call_count,
    "errors": lambda sums: sums.error_count,
    "error_rate": charts.error_rate,
    "cost_usd": lambda sums: float(sums.cost_usd),
    "prompt_tokens": lambda sums: sums.prompt_tokens,
    "completion_tokens": lambda sums: sums.completion_tokens,
    "total_tokens": lambda sums: sums.prompt_tokens + sums.completion_tokens,
    "cached_tokens": lambda sums: sums.cache_read_tokens,
    "tokens_per_second": charts.tokens_per_second,
    "latency_ms_mean": lambda sums: sums.mean_latency_ms,
    "time_to_first_token_ms_mean": lambda sums: sums.mean_ttft_ms,
}
PERCENTILE = re.compile(r"(latency|time_to_first_token)_ms_p(\d\d)")
TIMEOUT_MS = 10_000


class AskedSeries(asked.Asked):
    """Which figure, over which time, by what."""

    metric: Metric = "calls"
    window: WindowName = Field("24h", description="How far back from `until`, or from now; `since` goes before it.")
    interval: Literal["auto", "minute", "hour", "day"] = Field(
        "auto", description="Minutes reach a day back, hours 31 days: a longer period is told in the next coarser steps."
    )
    group_by: Group | None = Field(None, description="A series for each of the ten greatest values.")


class Point(Schema):
    """A step, by where it begins (UTC)."""

    at: datetime
    value: float | None = Field(description="Null where there is nothing to divide; counts and sums are 0.")


class SeriesOut(Schema):
    """One line of a chart."""

    group: dict[str, str | None]
    points: list[Point]


class TimeSeries(Schema):
    """A figure over time."""

    metric: Metric
    interval: Literal["minute", "hour", "day"]
    since: datetime
    until: datetime
    of: Literal["workspace", "own"] = Field(description="Whose calls: members are told of others' in sums that name nobody.")
    series: list[SeriesOut]


@router.get("/metrics/timeseries", auth=needs("metrics", "logs:read"), response=TimeSeries, summary="Figures over time")
def timeseries(request: HttpRequest, given: Query[AskedSeries]) -> Any:
    """Calls, errors, tokens, cost and durations over time, of all calls or of those that pass the log's filters."""
    asked.check_names(request, AskedSeries)
    bearer: Bearer = request.auth  # type: ignore[attr-defined]  # `needs` put it there
    now = timezone.now()
    until = given.until or now
    since = max(given.since or until - WINDOWS[given.window], until - LONGEST["day"])
    step = _step(given.interval, until - since, since=since, now=now)
    filters, whose = _scoped(given, bearer)
    told: dict[str, Any] = {"metric": given.metric, "interval": step, "since": since, "until": until, "of": whose}
    if filters is None or since >= until:
        return TimeSeries(**told, series=[])
    filters = Filters(**{name: getattr(filters, name) for name in Filters.__slots__} | {"since": since, "until": until})
    lines = _within_time(lambda: _lines(filters, given.metric, step, given.group_by, now=now))
    steps = list(_steps(since, until, step))
    empty = 0.0 if given.metric in COUNTED else None
    return TimeSeries(
        **told,
        series=[
            SeriesOut(group=group, points=[Point(at=at, value=values.get(at, empty)) for at in steps]) for group, values in lines
        ],
    )


def _scoped(given: AskedSeries, bearer: Bearer) -> tuple[Filters | None, Literal["workspace", "own"]]:
    """Sums of the whole workspace; who sees others' calls in sums alone gets their own where people are named."""
    filters = given.filters(bearer)
    is_personal = reading.PERSONAL & {*filters.named, given.group_by}
    if reading.sees_all(bearer) or not is_personal:
        return filters, "workspace"
    return reading.narrowed(filters, bearer), "own"


def _step(wanted: str, period: timedelta, *, since: datetime, now: datetime) -> Unit:
    """The step asked for, or the finest coarser one in which the period has not too many; minutes are gone after a week."""
    fine: Sequence[Unit] = ("minute", "hour", "day")
    first = 0 if wanted == "auto" else fine.index(wanted)
    if wanted == "auto":
        first = 0 if period <= timedelta(hours=6) else 1 if period <= timedelta(days=7) else 2
    if first == 0 and since < rollups.minutes_since(now):
        first = 1
    return next(step for step in fine[first:] if period <= LONGEST[step])


def _lines(
    filters: Filters, metric: str, step: Unit, by: Dimension | None, *, now: datetime
) -> list[tuple[dict[str, str | None], dict[datetime, float | None]]]:
    if found := PERCENTILE.fullmatch(metric):
        of: Literal["latency", "ttft"] = "latency" if found[1] == "latency" else "ttft"
        place = charts.FRACTIONS.index(int(found[2]) / 100)
        timed = charts.latency_over_time(filters, step=step, of=of, by=by, now=now)
        return [(_group(line.group), {_at(point): point.values_ms[place] for point in line.points}) for line in timed]
    value = OF_TOTALS[metric]
    summed = charts.traffic(filters, step=step, by=by, now=now)
    return [(_group(line.group), {_at(point): value(point) for point in line.points}) for line in summed]


def _at(point: Any) -> datetime:
    at: datetime = point.bucket_at
    return at


def _group(group: Mapping[str, str | UUID | None]) -> dict[str, str | None]:
    return {name: None if value is None else str(value) for name, value in group.items()}


def _steps(since: datetime, until: datetime, step: Unit) -> Sequence[datetime]:
    size = STEPS[step]
    first = since - (since - asked.FIRST) % size
    return [first + number * size for number in range(-((first - until) // size))]


def _within_time(read: Callable[[], R]) -> R:
    """What rollups do not hold is read from rows, and that may be too much. Raises `Refused`."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(TIMEOUT_MS)])
            return read()
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise Refused(503, "too_much", "This takes too long: ask for a shorter period or fewer filters.") from None
        raise
