"""The values that the list of calls can be filtered by, with how many calls have each where that is cheap: from rollups.

What all lists of a period need is read once a minute and kept; the numbers beside a filter are worked out from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.cache import cache

from accounts.entrance import Bearer
from telemetry import log_columns, reading
from telemetry.listed import ALL, Look
from telemetry.queries import charts, shares
from telemetry.queries.filters import Filters
from telemetry.rollup_reads import Dimension

CALLS: tuple[Dimension, ...] = ("status", "source", "provider", "model")
USAGE: tuple[Dimension, ...] = ("user_id", "api_key_id", "model")
LABELS = {
    "status": "Status", "error_class": "Error class", "model": "Model", "provider": "Provider", "user_id": "Person",
    "api_key_id": "API key", "source": "Source", "operation": "Operation", "finish_reason": "Finish reason",
    "served_model": "Served model", "end_user": "End user", "app": "App", "environment": "Environment", "version": "Version",
    "tags": "Tags",
}  # fmt: skip
TYPED = ("operation", "finish_reason", "served_model", "end_user", "app", "environment", "version", "tags")
MOST = 40  # values of one filter
KEPT_SECONDS = 60
LONGEST = timedelta(days=400)
ERRORS_SPAN = timedelta(days=7)  # they are counted from the index of failed calls, not from rollups

Sums = Sequence[tuple[Mapping[str, str | None], int]]


@dataclass(frozen=True, slots=True)
class Choice:
    """A value, and how many calls there would be with it; None where that is not known."""

    value: str
    label: str
    call_count: int | None
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Facet:
    """A filter with its values. `is_typed` says that any other value can be written, too."""

    name: str
    label: str
    choices: Sequence[Choice]
    is_typed: bool = False

    @property
    def chosen_count(self) -> int:
        return sum(choice.is_chosen for choice in self.choices)


def facets(look: Look, bearer: Bearer, *, now: datetime) -> list[Facet]:
    """Every filter of several values, the most usual first."""
    given = look.wanted.given
    base = _base(look, bearer, now)
    counted: dict[str, dict[str, int | None]] = {**_of_calls(look, base, bearer, now), **_of_usage(look, base, bearer, now)}
    counted["error_class"] = _of_errors(look, base, now)
    found = []
    names = _names(counted)
    for name, label in LABELS.items():
        if name == "user_id" and not reading.sees_all(bearer):
            continue
        values = counted.get(name, {})
        chosen = given.get(name, ())
        ordered = sorted(values, key=lambda value: (value not in chosen, -(values[value] or 0), value))[:MOST]
        choices = [
            Choice(value, names.get(value, value), values.get(value), value in chosen)
            for value in [*ordered, *(value for value in chosen if value not in ordered)]
        ]
        found.append(Facet(name, label, choices, is_typed=name in TYPED or name == "error_class"))
    return found


def _base(look: Look, bearer: Bearer, now: datetime) -> Filters:
    """The period, and the person where they see their own calls alone."""
    period = look.filters(bearer.workspace_id)
    bare = Filters(bearer.workspace_id, since=period.since or now - LONGEST, until=period.until)
    return bare if reading.sees_all(bearer) else replace(bare, user_id=(bearer.user_id,))


def _of_calls(look: Look, base: Filters, bearer: Bearer, now: datetime) -> dict[str, dict[str, int | None]]:
    """By status, source, provider and model. Where other filters hold too, or a person's own calls, nothing is counted."""
    sums = _sums(look, replace(base, user_id=()), CALLS, now)
    is_counted = reading.sees_all(bearer) and not look.typed and set(look.wanted.given) <= set(CALLS)
    return _tallied(sums, CALLS, look.wanted.given, is_counted=is_counted)


def _of_usage(look: Look, base: Filters, bearer: Bearer, now: datetime) -> dict[str, dict[str, int | None]]:
    sums = _sums(look, base, USAGE, now)
    is_counted = not look.typed and set(look.wanted.given) <= set(USAGE)
    wanted = ("user_id", "api_key_id") if reading.sees_all(bearer) else ("api_key_id", "model")
    return _tallied(sums, wanted, look.wanted.given, is_counted=is_counted)


def _of_errors(look: Look, base: Filters, now: datetime) -> dict[str, int | None]:
    """Counted where the period is short and nothing else is asked for; of a longer one, the last days' classes."""
    until = base.until or now
    since = max(base.since or until - ERRORS_SPAN, until - ERRORS_SPAN)
    is_counted = since == base.since and not look.typed and set(look.wanted.given) <= {"error_class"}
    counts = shares.error_classes(replace(base, since=since), now=now)
    return {count.value: count.call_count if is_counted else None for count in counts if count.value}


def _tallied(
    sums: Sums, names: Sequence[str], given: Mapping[str, Sequence[str]], *, is_counted: bool
) -> dict[str, dict[str, int | None]]:
    """Each filter's values among the calls that pass the other ones."""
    found: dict[str, dict[str, int | None]] = {name: {} for name in names}
    for group, call_count in sums:
        failed = [name for name, value in group.items() if given.get(name) and value not in given[name]]
        for name in names:
            value = group[name]
            if value is None or (is_counted and any(other != name for other in failed)):
                continue
            found[name][value] = (found[name].get(value) or 0) + call_count if is_counted else None
    return found


def _sums(look: Look, filters: Filters, by: Sequence[Dimension], now: datetime) -> Sums:
    period = look.window if look.wanted.window or look.window == ALL else f"{filters.since}-{filters.until}"
    whose = ",".join(map(str, filters.user_id))
    key = f"log-facets:{filters.workspace_id}:{whose}:{period}:{','.join(by)}".replace(" ", "_")
    known: Any = cache.get(key)
    if known is None:
        totals = charts.totals(filters, list(by), now=now)
        known = [({name: _text(value) for name, value in sums.group.items()}, sums.call_count) for sums in totals]
        cache.set(key, known, KEPT_SECONDS)
    sums: Sums = known
    return sums


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _names(counted: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Of those who have calls here, and of nobody else whose id an address may hold."""
    people, keys = ([UUID(value) for value in counted.get(name, ())] for name in ("user_id", "api_key_id"))
    return {str(identity): name for identity, name in log_columns.names_of(people, keys).items()}
