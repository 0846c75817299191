"""A trace as a waterfall: each step under its parent, with the place of its bar in the whole time. Pure.

Parents may be missing, named twice or go round in a circle: every step is shown once all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from telemetry.queries.trace_steps import Step

SCALE = 1000  # of the drawing's width
SMALLEST = 2  # of a bar, so that it is seen
NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True)
class Row:
    """One step as a line. `x`, `width` and `wait` (until the first token) are in thousandths of the whole time."""

    step: Step
    depth: int
    below_count: int  # steps under it, at any depth
    after_ms: int  # since the trace began
    x: int
    width: int
    wait: int


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The rows, each parent before its children, and what the whole comes to."""

    rows: Sequence[Row]
    started_at: datetime
    duration_ms: int
    call_count: int
    error_count: int
    token_count: int
    cost_usd: Decimal | None  # None where no call has a price
    unpriced_count: int

    @property
    def ticks_ms(self) -> list[int]:
        """The times at the quarters of the drawing."""
        return [self.duration_ms * quarter // 4 for quarter in range(5)]

    @property
    def first_error(self) -> int | None:
        """The place of the first row that failed."""
        return next((place for place, row in enumerate(self.rows) if row.step.status == "error"), None)


def of(steps: Sequence[Step]) -> Waterfall:
    """A waterfall of at least one step; `steps` are in the order of time."""
    start = min(step.started_at for step in steps)
    end = max(step.started_at + timedelta(milliseconds=step.latency_ms or 0) for step in steps)
    whole_ms = max(1, _ms(end - start))
    order = _in_depth(steps)
    calls = [step for step in steps if step.is_call]
    costs = [step.cost_usd for step in calls if step.cost_usd is not None]
    return Waterfall(
        rows=[_row(steps[place], depth, below, start=start, whole_ms=whole_ms) for place, depth, below in order],
        started_at=start,
        duration_ms=_ms(end - start),
        call_count=len(calls),
        error_count=sum(step.status == "error" for step in steps),
        token_count=sum(step.token_count for step in calls),
        cost_usd=sum(costs, Decimal(0)) if costs else None,
        unpriced_count=len(calls) - len(costs),
    )


def _row(step: Step, depth: int, below_count: int, *, start: datetime, whole_ms: int) -> Row:
    after = _ms(step.started_at - start)
    x = min(SCALE - SMALLEST, after * SCALE // whole_ms)
    width = max(SMALLEST, min(SCALE - x, (step.latency_ms or 0) * SCALE // whole_ms))
    wait = min(width, (step.ttft_ms or 0) * SCALE // whole_ms)
    return Row(step, depth, below_count, after, x, width, wait)


def _in_depth(steps: Sequence[Step]) -> list[tuple[int, int, int]]:
    """Place, depth and number of steps below of each step, parents first. No recursion: a chain may be thousands deep."""
    parents = _parents(steps)
    children: dict[int, list[int]] = {}
    for place, parent in enumerate(parents):
        if parent is not None:
            children.setdefault(parent, []).append(place)
    order: list[tuple[int, int]] = []
    seen: set[int] = set()
    roots = [place for place, parent in enumerate(parents) if parent is None]
    for root in [*roots, *range(len(steps))]:  # what goes round in a circle has no root, and begins with its first
        waiting = [(root, 0)]
        while waiting:
            place, depth = waiting.pop()
            if place not in seen:
                seen.add(place)
                order.append((place, depth))
                waiting += [(child, depth + 1) for child in reversed(children.get(place, ()))]
    return [(place, depth, below) for (place, depth), below in zip(order, _below([depth for _, depth in order]), strict=True)]


def _below(depths: Sequence[int]) -> list[int]:
    """How many of the rows that follow each row are deeper, until one is not."""
    found = [0] * len(depths)
    open_rows: list[int] = []
    for place, depth in enumerate([*depths, 0]):  # the last one ends all that are open
        while open_rows and depths[open_rows[-1]] >= depth:
            ended = open_rows.pop()
            found[ended] = place - ended - 1
        open_rows.append(place)
    return found


def _parents(steps: Sequence[Step]) -> list[int | None]:
    """By the span that a step names as its parent, else by the call that it belongs to."""
    by_span: dict[str, int] = {}
    by_call: dict[object, int] = {}
    for place, step in enumerate(steps):
        if step.span_id:
            by_span.setdefault(step.span_id, place)
        if step.is_call:
            by_call[step.id] = place
    found: list[int | None] = []
    for place, step in enumerate(steps):
        parent = by_span.get(step.parent_span_id) if step.parent_span_id else None
        if parent is None and not step.is_call and step.inference_id:
            parent = by_call.get(step.inference_id)
        found.append(None if parent == place else parent)
    return found


def _ms(duration: timedelta) -> int:
    return round(max(duration, NOTHING).total_seconds() * 1000)
