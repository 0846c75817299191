"""What alerts can watch: every figure of calls, how far budgets are used up, and how telemetry itself fares."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from django.db import connection
from pydantic import ValidationError

from gateway.models import AlertRule
from telemetry import figures, health_samples
from telemetry.asked import Asked
from telemetry.figures import FIGURES, Counted
from telemetry.queries.filters import Filters

Of = Literal["calls", "budgets", "service"]

# What a rule may narrow its calls by.
FILTERS = ("provider", "model", "source", "status", "operation", "api_key_id", "tags", "environment", "app", "error_class")
USED = """
SELECT max(coalesce(held.spent_usd, 0) / budget.limit_usd)::float FROM gateway_budget AS budget
LEFT JOIN gateway_budgetperiod AS held ON held.budget_id = budget.id
    AND held.starts_on = date_trunc(budget.period, %(now)s AT TIME ZONE 'UTC')::date
WHERE budget.workspace_id = %(workspace)s AND budget.is_enabled AND budget.limit_usd > 0
    AND (%(budget)s::uuid IS NULL OR budget.id = %(budget)s::uuid)
"""


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that a rule can watch, and what it is counted in."""

    name: str
    label: str
    counted_in: Counted | Literal["s", "events"]
    of: Of = "calls"
    sampled: health_samples.Sampled = "oldest_seconds"


MEASURES: Mapping[str, Measure] = {
    **{figure.name: Measure(figure.name, figure.label, figure.counted_in) for figure in FIGURES.values()},
    "budget_used": Measure("budget_used", "Budget, share used", "share", "budgets"),
    "inbox_age_seconds": Measure("inbox_age_seconds", "Inbox, age of the oldest event", "s", "service", "oldest_seconds"),
    "inbox_events": Measure("inbox_events", "Inbox, events waiting", "events", "service", "pending_count"),
    "dead_letters": Measure("dead_letters", "Events given up", "events", "service", "dead_count"),
}
UNITS = {"calls": "", "usd": "US$", "tokens": "tokens", "ms": "ms", "share": "%", "tokens/s": "tokens/s", "s": "s", "events": ""}


class InvalidFilters(ValueError):
    """A filter that can't be; `field` says which."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


def read(rule: AlertRule, *, now: datetime) -> float | None:
    """The figure as it is now; None where there is nothing to read it from. Raises `figures.TooMuch`."""
    measure = MEASURES[rule.figure]
    since = now - timedelta(minutes=rule.window_minutes)
    if measure.of == "budgets":
        return _budget_used(rule, now)
    if measure.of == "service":
        return health_samples.worst(measure.sampled, since=since, until=now)
    filters = filters_of(rule.workspace_id, rule.filters, since=since, until=now)
    return figures.within_time(lambda: _of_calls(filters, rule, now))


def filters_of(
    workspace_id: UUID, given: Mapping[str, Any], *, since: datetime | None = None, until: datetime | None = None
) -> Filters:
    """Raises `InvalidFilters`."""
    if unknown := sorted(set(given) - set(FILTERS)):
        message = f"There is no filter {unknown[0][:60]!r} of alerts; there are {', '.join(FILTERS)}."
        raise InvalidFilters(message, unknown[0])
    try:
        asked = Asked.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        raise InvalidFilters(f"{field}: {first['msg']}.", field) from None
    return Filters(workspace_id, since, until, **{name: getattr(asked, name) for name in given})


def is_sum(rule: AlertRule) -> bool:
    """Whether nothing at all is 0 of it, so that it always has data."""
    return rule.figure in figures.SUMS


def said(value: float | None, counted_in: str) -> str:
    """As people write it: 2.5 %, 1,200 ms, US$ 3.50."""
    if value is None:
        return "no data"
    unit = UNITS[counted_in]
    if counted_in == "share":
        value *= 100
    number = f"{value:,.2f}" if abs(value) < 1000 else f"{value:,.0f}"
    if "." in number and not (counted_in == "usd" and value):
        number = number.rstrip("0").rstrip(".")
    if counted_in == "usd" and 0 < abs(value) < 0.01:
        number = f"{value:.4g}"
    return f"{unit} {number}" if counted_in == "usd" else f"{number} {unit}".rstrip()


def _of_calls(filters: Filters, rule: AlertRule, now: datetime) -> float | None:
    """Too few calls are no data: one failure of one call is no error rate."""
    figure = FIGURES[rule.figure]
    if rule.least_calls and not is_sum(rule) and (_one(filters, "calls", now) or 0) < rule.least_calls:
        return None
    return _one(filters, figure.name, now)


def _one(filters: Filters, name: str, now: datetime) -> float | None:
    figure = FIGURES[name]
    found = figures.whole(filters, figure, now=now)
    value = found[0][1] if found else None
    return 0.0 if value is None and figure.is_sum else value


def _budget_used(rule: AlertRule, now: datetime) -> float | None:
    with connection.cursor() as cursor:
        cursor.execute(USED, {"now": now, "workspace": rule.workspace_id, "budget": rule.budget_id})
        found = cursor.fetchone()[0]
    return None if found is None else float(found)
