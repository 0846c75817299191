"""Figures over time for programs: what the dashboards draw, as numbers."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from accounts.entrance import Bearer, Refused
from accounts.programs import needs
from telemetry import asked, figures

router = Router(tags=["Logs"])

Metric = Literal[
    "calls", "errors", "error_rate", "cost_usd", "prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens",
    "tokens_per_second", "latency_ms_mean", "latency_ms_p50", "latency_ms_p90", "latency_ms_p95", "latency_ms_p99",
    "time_to_first_token_ms_mean", "time_to_first_token_ms_p50", "time_to_first_token_ms_p90", "time_to_first_token_ms_p95",
    "time_to_first_token_ms_p99",
]  # fmt: skip
Group = Literal["provider", "model", "source", "status", "user_id", "api_key_id"]
WindowName = Literal["1h", "6h", "24h", "7d", "30d", "90d", "365d"]


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
    since = max(given.since or until - figures.WINDOWS[given.window], until - figures.LONGEST["day"])
    step = figures.step_for(until - since, wanted=given.interval, since=since, now=now)
    filters, whose = figures.scoped(given.filters(bearer), given.group_by, bearer)
    told: dict[str, Any] = {"metric": given.metric, "interval": step, "since": since, "until": until, "of": whose}
    if filters is None or since >= until:
        return TimeSeries(**told, series=[])
    bounded, figure = replace(filters, since=since, until=until), figures.FIGURES[given.metric]
    try:
        lines = figures.within_time(lambda: figures.lines(bounded, figure, step, given.group_by, now=now))
    except figures.TooMuch as error:
        raise Refused(503, "too_much", str(error)) from None
    steps = figures.moments(since, until, step)
    empty = 0.0 if figure.is_sum else None
    return TimeSeries(
        **told,
        series=[
            SeriesOut(group=dict(line.group), points=[Point(at=at, value=line.values.get(at, empty)) for at in steps])
            for line in lines
        ],
    )
