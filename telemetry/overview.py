"""What the overview is made of: a workspace's calls of a period as one person may read them, each part read once, when asked."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, cast
from uuid import UUID

from accounts.entrance import Bearer
from accounts.models import ApiKey, User
from telemetry import figures, inbox, reading, rollups, tallies
from telemetry.addressed import Wanted
from telemetry.queries import charts, error_steps, feedback, overview
from telemetry.queries.filters import Filters
from telemetry.queries.overview import Durations, Grid
from telemetry.rollup_reads import Dimension, Totals, Value
from telemetry.rollup_sums import CALLS

LINES = 9  # of a split chart; what is left is drawn as one more
REST = "\0"  # no value of any dimension
UNTOLD = "not told"
Timed = Mapping[datetime, Totals]


class Overview:
    """`is_own` says that the reader gets their own calls alone, because people are named in what they ask for."""

    def __init__(self, wanted: Wanted, bearer: Bearer) -> None:
        self.wanted = wanted
        self.bearer = bearer
        self.by = cast("Dimension | None", wanted.by)
        filters, whose = figures.scoped(wanted.filters(bearer.workspace_id), wanted.by, bearer)
        self.is_own = whose == "own"
        # Somebody else's calls were asked for: there is nothing to read, and that is not told apart from no calls.
        self.is_shut = filters is None
        self.filters = filters or wanted.filters(bearer.workspace_id)
        # Others' calls are not listed to who sees them in sums alone.
        self.is_linked = self.is_own or reading.sees_all(bearer)

    @property
    def now(self) -> datetime:
        return self.wanted.now

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        return ("model", self.by) if self.by and self.by != "model" else ("model",)

    @cached_property
    def grid(self) -> Grid:
        return self._grid(self.filters, is_own_step=True)

    @cached_property
    def moments(self) -> Sequence[datetime]:
        return self.grid.moments

    @cached_property
    def sums(self) -> list[Totals]:
        return [] if self.is_shut else overview.sums(self.filters, self.grid, self.dimensions, now=self.now)

    @cached_property
    def whole(self) -> Totals:
        return overview.added(self.sums)

    @cached_property
    def timed(self) -> Timed:
        """All calls by stretch."""
        return self.by_moment(self.sums, self.grid)

    @property
    def models(self) -> set[str]:
        return {str(model) for one in self.sums if (model := one.group["model"])}

    @cached_property
    def durations(self) -> Durations:
        if self.is_shut:
            return Durations({}, {}, {"latency": {}, "ttft": {}})
        by = self.by if self.by in {"provider", "model", "source", "status"} else None
        return overview.durations(self.filters, self.grid, by, now=self.now)

    @cached_property
    def filters_before(self) -> Filters:
        before = self.wanted.filters_before(self.bearer.workspace_id)
        return figures.scoped(before, self.by, self.bearer)[0] or before

    @cached_property
    def grid_before(self) -> Grid:
        return self._grid(self.filters_before, is_own_step=self.is_comparable)

    @property
    def is_comparable(self) -> bool:
        """Whether the period before still has the steps that the charts are drawn in: minutes are kept for a week."""
        since = self.wanted.since - self.wanted.length
        return self.grid.step != "minute" or since >= rollups.minutes_since(self.now)

    @property
    def is_compared(self) -> bool:
        return self.wanted.compare and self.is_comparable

    @cached_property
    def whole_before(self) -> Totals:
        if self.is_shut:
            return overview.added([])
        if self.is_compared:
            return overview.added(self._sums_before)
        return charts.totals(self.filters_before, now=self.now)[0]

    @cached_property
    def timed_before(self) -> Timed:
        """The calls of the period before, each stretch where the same one of this period is."""
        if not self.is_compared or self.is_shut:
            return {}
        found = self.by_moment(self._sums_before, self.grid_before)
        return {at: found[before] for at, before in zip(self.moments, self.grid_before.moments, strict=False) if before in found}

    @cached_property
    def durations_before(self) -> Durations:
        if self.is_shut:
            return Durations({}, {}, {"latency": {}, "ttft": {}})
        return overview.durations(self.filters_before, self.grid_before, None, now=self.now)

    @cached_property
    def errors(self) -> Mapping[str, Mapping[datetime, int]]:
        return {} if self.is_shut else error_steps.error_classes(self.filters, self.grid)

    @cached_property
    def judged(self) -> Mapping[datetime, feedback.Judged]:
        return {} if self.is_shut else feedback.judged(self.filters, self.grid)

    @cached_property
    def judged_before(self) -> feedback.Judged:
        if self.is_shut:
            return feedback.Judged()
        return feedback.added(feedback.judged(self.filters_before, self.grid_before).values())

    @cached_property
    def people(self) -> list[Totals]:
        """Sums by person, the dearest first; who sees sums alone gets their own."""
        filters, _ = figures.scoped(self.filters, "user_id", self.bearer)
        if self.is_shut or filters is None:
            return []
        return charts.greatest(filters, "user_id", limit=10_000, now=self.now)

    @cached_property
    def balance(self) -> tallies.Balance:
        """Of the whole installation: events belong to no workspace before they are read."""
        return tallies.balance()

    @cached_property
    def waiting_seconds(self) -> float:
        return inbox.oldest_seconds()

    def by_moment(self, sums: Sequence[Totals], grid: Grid) -> Timed:
        parts: dict[datetime, list[Totals]] = {}
        for one in sums:
            if one.bucket_at is not None:
                parts.setdefault(grid.of(one.bucket_at), []).append(one)
        return {at: overview.added(found) for at, found in parts.items()}

    @cached_property
    def busiest(self) -> list[tuple[Value, Timed]]:
        """By the dimension that the page is split by."""
        return self.split(self.by, lambda sums: sums.call_count) if self.by else []

    def split(self, by: Dimension, amount: Callable[[Totals], Any]) -> list[tuple[Value, Timed]]:
        """The calls by a dimension's values and by stretch, those with the most first; what is left comes last, as REST."""
        parts: dict[Value, list[Totals]] = {}
        for one in self.sums:
            parts.setdefault(one.group[by], []).append(one)
        ordered = sorted(parts, key=lambda value: (-amount(overview.added(parts[value])), str(value)))
        shown = [(value, self.by_moment(parts[value], self.grid)) for value in ordered[:LINES]]
        rest = [one for value in ordered[LINES:] for one in parts[value]]
        return [*shown, (REST, self.by_moment(rest, self.grid))] if rest else shown

    def names(self, by: str, values: Sequence[Value]) -> dict[Value, str]:
        """What people call a dimension's values."""
        known: dict[Any, str] = {REST: "others"}
        ids = [value for value in values if isinstance(value, UUID)]
        if by == "user_id" and ids:
            known |= {user.pk: str(user) for user in User.objects.filter(pk__in=ids)}
        elif by == "api_key_id" and ids:
            known |= {key.pk: f"{key.name} (…{key.last_four})" for key in ApiKey.objects.filter(pk__in=ids)}
        return {value: UNTOLD if value is None else known.get(value, str(value)) for value in values}

    def href(self, **more: Any) -> str | None:
        """The list of the calls behind a figure of the whole period."""
        return self.wanted.logs_url(**more) if self.is_linked else None

    def hrefs(self, values: Sequence[Any], **more: Any) -> list[str | None]:
        """The lists of the calls behind a line's points; nothing leads on from nothing."""
        links = self.wanted.logs_links(**more) if self.is_linked else None
        if links is None:
            return [None] * len(values)
        stride = self.grid.stride
        return [links(at, at + stride) if value else None for at, value in zip(self.moments, values, strict=True)]

    @cached_property
    def _sums_before(self) -> list[Totals]:
        return overview.sums(self.filters_before, self.grid_before, (), now=self.now)

    def _grid(self, filters: Filters, *, is_own_step: bool) -> Grid:
        since, until = filters.since or self.now - timedelta(days=1), filters.until or self.now
        step = self.wanted.unit if is_own_step else "hour"
        # Percentiles of rows come by whole steps; sketches are added up to any stretch.
        return Grid.over(since, until, step, is_merged=set(filters.named) <= CALLS.dimensions.keys())
