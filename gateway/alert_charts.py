"""How the figure of an alert went lately, beside the line at which it fires."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.http import QueryDict

from gateway import alert_reading
from gateway.alert_reading import MEASURES, Measure, said
from gateway.models import AlertRule
from telemetry import addressed, figures, health_samples
from telemetry.drawings import Counted, Drawing, DrawnLine, Number
from telemetry.figures import FIGURES, STEPS
from telemetry.rollup_sums import Unit

# Up to so many minutes of a window → how far back, and in which steps.
SHOWN: Sequence[tuple[int, timedelta, Unit]] = (
    (60, timedelta(hours=3), "minute"),
    (1440, timedelta(days=7), "hour"),
    (1_000_000, timedelta(days=60), "day"),
)
SPANS = {
    "minute": "the last 3 hours, by the minute",
    "hour": "the last 7 days, by the hour",
    "day": "the last 60 days, by the day",
}
SAMPLES = {"oldest_seconds": ("ms", 1000.0), "pending_count": ("count", 1.0), "dead_count": ("count", 1.0)}


def drawing(rule: AlertRule, *, now: datetime) -> Drawing | None:
    """None for what has no history, and where reading it takes too long."""
    measure = MEASURES[rule.figure]
    _, period, step = next(shown for shown in SHOWN if rule.window_minutes <= shown[0])
    since = now - period
    moments = figures.moments(since, now, step)
    if measure.of == "budgets":
        return None
    if measure.of == "service":
        values = _samples(measure, since, now, step)
        counted_in, scale = SAMPLES[measure.sampled]
        return _drawn(rule, [values.get(at) for at in moments], moments, step, counted_in=counted_in, scale=scale)  # type: ignore[arg-type]
    try:
        points = figures.within_time(lambda: _calls(rule, since, now, step))
    except (figures.TooMuch, alert_reading.InvalidFilters):
        return None
    nothing = 0.0 if alert_reading.is_sum(rule) else None
    values_of_calls = [points.get(at, nothing) for at in moments]
    hrefs = _hrefs(rule, moments, step, now)
    return _drawn(rule, values_of_calls, moments, step, counted_in=measure.counted_in, hrefs=hrefs)  # type: ignore[arg-type]


def _calls(rule: AlertRule, since: datetime, now: datetime, step: Unit) -> Mapping[datetime, float | None]:
    filters = alert_reading.filters_of(rule.workspace_id, rule.filters, since=since, until=now)
    drawn = figures.lines(filters, FIGURES[rule.figure], step, now=now)
    return drawn[0].values if drawn else {}


def _samples(measure: Measure, since: datetime, now: datetime, step: Unit) -> Mapping[datetime, float]:
    """The worst of each step."""
    scale = SAMPLES[measure.sampled][1]
    found: dict[datetime, float] = {}
    for at, value in health_samples.worst_by(step, measure.sampled, since=since, until=now):
        found[at] = value * scale
    return found


def _hrefs(rule: AlertRule, moments: Sequence[datetime], step: Unit, now: datetime) -> list[str | None]:
    """The calls behind each point."""
    told = {**rule.filters, "since": addressed.rfc_3339(moments[0])}
    wanted = addressed.read(QueryDict(urlencode(told, doseq=True)), now)
    return [wanted.logs_url(since=at, until=at + STEPS[step]) for at in moments]


def _drawn(
    rule: AlertRule,
    values: Sequence[Number],
    moments: Sequence[datetime],
    step: Unit,
    *,
    counted_in: Counted,
    scale: float = 1.0,
    hrefs: Sequence[str | None] | None = None,
) -> Drawing:
    measure = MEASURES[rule.figure]
    limits = [(f"Fires {rule.comparison} {said(rule.threshold, measure.counted_in)}", rule.threshold)]
    if rule.recover_threshold is not None and rule.recover_threshold != rule.threshold:
        limits.append((f"Recovers at {said(rule.recover_threshold, measure.counted_in)}", rule.recover_threshold))
    return Drawing(
        name="alert",
        title=measure.label,
        kind="line",
        counted_in=counted_in,
        lines=[
            DrawnLine(measure.label, values, hrefs),
            *(DrawnLine(label, [limit * scale] * len(moments), is_before=True) for label, limit in limits),
        ],
        moments=moments,
        step=step,
        note=f"{SPANS[step].capitalize()}. The alert reads its whole window at once.",
    )
