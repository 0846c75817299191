"""Panels, read: the figures of each for one reader and one period.

What several panels of a dashboard need is read once. A panel that cannot be read says why, and leaves the others alone.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from accounts.entrance import Bearer
from telemetry import figures
from telemetry.addressed import Wanted
from telemetry.drawings import Counted
from telemetry.figures import FIGURES, Figure, Group, TooMuch, Whose
from telemetry.panels import CONVERSATIONS, Panel
from telemetry.queries import charts, shares
from telemetry.queries.filters import Filters
from telemetry.rollup_sums import Unit

R = TypeVar("R")
SECONDS = 12.0  # for all panels of a page; whatever comes later says so
MOST_CALLS = 500_000  # of which conversations are added up
OTHERS = {"others": "others"}
OWN = "Your own calls alone: others' are shown to owners and admins."


@dataclass(frozen=True, slots=True)
class Line:
    """One group: a value for each moment, or a single one of the whole period. `href` leads to its calls."""

    group: Group
    values: Sequence[float | None]
    call_count: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a panel shows. Without `moments` each line has one value."""

    panel: Panel
    counted_in: Counted = "calls"
    whose: Whose = "workspace"
    step: Unit = "hour"
    moments: Sequence[datetime] = ()
    lines: Sequence[Line] = ()
    before: float | None = None
    filters: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    problem: str = ""


@dataclass(slots=True)
class Reads:
    """One page's reading."""

    wanted: Wanted
    bearer: Bearer
    deadline: float
    known: dict[str, Any] = field(default_factory=dict)

    def find(self, panel: Panel) -> Found:
        if panel.problem:
            return Found(panel, problem=panel.problem)
        if time.monotonic() > self.deadline:
            return Found(panel, problem="The panels before it took too long: choose a shorter period.")
        try:
            return figures.within_time(lambda: self._find(panel))
        except TooMuch as error:
            return Found(panel, problem=str(error))

    def _find(self, panel: Panel) -> Found:
        given, filters = self._filters(panel)
        by = "conversation_id" if panel.figure == CONVERSATIONS else panel.group_by
        scoped, whose = figures.scoped(filters, by, self.bearer) if filters else (None, "workspace")
        note = OWN if whose == "own" else ""
        found = Found(panel, counted_in=_counted_in(panel), whose=whose, step=self.wanted.unit, filters=given, note=note)
        if scoped is None:
            return replace(found, note=note or "The filters of the page leave nothing of this panel's.")
        if panel.figure == CONVERSATIONS:
            return self._conversations(found, scoped)
        if panel.is_timed:
            return self._over_time(found, scoped)
        return self._whole(found, scoped)

    def _filters(self, panel: Panel) -> tuple[dict[str, Any], Filters | None]:
        """The panel's filters and the page's together, as they are written and as they are read; None where none can pass."""
        given: dict[str, Any] = {name: list(texts) for name, texts in self.wanted.given.items()}
        values: dict[str, Any] = dict(self.wanted.read)
        own = panel.filters.model_dump(exclude_defaults=True)  # type: ignore[attr-defined]  # PanelFilters
        is_empty = False
        for name, value in own.items():
            both = values.get(name)
            if isinstance(value, list) and both:
                values[name] = [*both, *value] if name == "tags" else [one for one in value if one in both]
                is_empty = is_empty or not values[name]
                given[name] = _as_texts(values[name])
            else:
                values[name] = Decimal(repr(value)) if isinstance(value, float) else value
                given[name] = _as_texts(panel.given[name])
        filters = Filters(self.bearer.workspace_id, since=self.wanted.since, until=self.wanted.until, **values)
        return given, None if is_empty else filters

    def _over_time(self, found: Found, filters: Filters) -> Found:
        panel, figure = found.panel, FIGURES[found.panel.figure]
        moments = figures.moments(self.wanted.since, self.wanted.until, found.step)
        drawn = self._lines(filters, figure, found.step, panel)
        empty = 0.0 if figure.is_sum else None
        lines = [Line(group, [values.get(at, empty) for at in moments]) for group, values in drawn]
        if panel.by and (len(lines) > panel.limit or len(lines) == charts.GROUPS):
            lines = self._with_others(lines, filters, figure, found)
        if not panel.by and not lines:
            lines = [Line({}, [empty] * len(moments))]
        return replace(found, moments=moments, lines=lines)

    def _with_others(self, lines: list[Line], filters: Filters, figure: Figure, found: Found) -> list[Line]:
        """The greatest, and of a sum what is left of it."""
        kept = sorted(lines, key=lambda line: -sum(value or 0 for value in line.values)) if figure.is_sum else lines
        kept = kept[: found.panel.limit]
        if not figure.is_sum:
            return kept
        moments = figures.moments(self.wanted.since, self.wanted.until, found.step)
        total: Mapping[datetime, float | None] = dict(
            next((values for _, values in self._lines(filters, figure, found.step, None)), {})
        )
        rest = [
            max(0.0, (total.get(at) or 0) - sum(line.values[place] or 0 for line in kept)) for place, at in enumerate(moments)
        ]
        return [*kept, Line(OTHERS, rest)] if any(value > 1e-9 for value in rest) else kept

    def _lines(
        self, filters: Filters, figure: Figure, step: Unit, panel: Panel | None
    ) -> list[tuple[Group, Mapping[datetime, float | None]]]:
        by, now = panel.by if panel else None, self.wanted.now
        value = figure.of
        if value is None:
            timed = self._once(
                f"latency {figure.duration} {step} {by} {filters}",
                lambda: charts.latency_over_time(filters, step=step, of=figure.duration, by=by, now=now),
            )
            place = figure.place
            return [
                (figures.named(one.group), {point.bucket_at: point.values_ms[place] for point in one.points if point.bucket_at})
                for one in timed
            ]
        summed = self._once(f"traffic {step} {by} {filters}", lambda: charts.traffic(filters, step=step, by=by, now=now))
        return [
            (figures.named(one.group), {point.bucket_at: value(point) for point in one.points if point.bucket_at})
            for one in summed
        ]

    def _whole(self, found: Found, filters: Filters) -> Found:
        panel, figure = found.panel, FIGURES[found.panel.figure]
        every = self._values(filters, figure, panel)
        kept = every[: panel.limit]
        rest = sum(value or 0 for _, value in every[panel.limit :]) if figure.is_sum else 0
        lines = [Line(group, [value]) for group, value in kept]
        if rest:
            lines.append(Line(OTHERS, [rest]))
        if panel.kind != "number":
            note = found.note
            if len(every) > len(kept) and not figure.is_sum:
                note = f"{note} The first {len(kept)} of {len(every)}.".strip()
            return replace(found, lines=[line for line in lines if panel.kind != "pie" or line.values[0]], note=note)
        earlier = replace(filters, since=self.wanted.since - self.wanted.length, until=self.wanted.since)
        before = self._values(earlier, figure, panel)
        return replace(found, lines=lines or [Line({}, [None])], before=before[0][1] if before else None)

    def _values(self, filters: Filters, figure: Figure, panel: Panel) -> list[tuple[Group, float | None]]:
        by, now = [panel.by] if panel.by else [], self.wanted.now
        value = figure.of
        if value is None:
            timed = self._once(
                f"latency {figure.duration} {by} {filters}", lambda: charts.latency(filters, of=figure.duration, by=by, now=now)
            )
            found: list[tuple[Group, float | None]] = [(figures.named(one.group), one.values_ms[figure.place]) for one in timed]
        else:
            summed = self._once(f"totals {by} {filters}", lambda: charts.totals(filters, by, now=now))
            found = [(figures.named(sums.group), value(sums)) for sums in summed]
        return sorted(found, key=lambda pair: (pair[1] is None, -(pair[1] or 0), str(pair[0])))

    def _conversations(self, found: Found, filters: Filters) -> Found:
        """Rows are added up, so that only as many of the last days are looked at as have a bearable number of calls."""
        days = self._once(f"traffic day {filters}", lambda: charts.traffic(filters, step="day", now=self.wanted.now))
        counted, span = 0, timedelta()
        for point in reversed(days[0].points if days else []):
            counted += point.call_count
            if counted > MOST_CALLS and span:
                break
            span = max(self.wanted.until - (point.bucket_at or self.wanted.since), shares.COSTLY_SPAN)
        is_whole = counted <= MOST_CALLS
        costly = shares.costly_conversations(
            filters, limit=found.panel.limit, now=self.wanted.now, span=self.wanted.length if is_whole else span
        )
        lines = [
            Line({"conversation_id": str(one.conversation_id)}, [float(one.cost_usd)], one.call_count)
            for one in costly.conversations
        ]
        since = "" if is_whole else f"Since {costly.since:%Y-%m-%d %H:%M} UTC: the whole period has too many calls to add up."
        return replace(found, lines=lines, note=f"{found.note} {since}".strip())

    def _once(self, key: str, read: Callable[[], R]) -> R:
        if key not in self.known:
            self.known[key] = read()
        found: R = self.known[key]
        return found


def find(panels: Sequence[Panel], wanted: Wanted, bearer: Bearer) -> list[Found]:
    """Each panel's figures, in order."""
    reads = Reads(wanted, bearer, time.monotonic() + SECONDS)
    return [reads.find(panel) for panel in panels]


def _counted_in(panel: Panel) -> Counted:
    return "usd" if panel.figure == CONVERSATIONS else FIGURES[panel.figure].counted_in


def _as_texts(value: Any) -> Any:
    """As an address has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return [str(one) for one in value] if isinstance(value, list) else str(value)
