"""The charts and tables of the analytics page, and their CSV: made of one reading of `product_analytics`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from telemetry.drawings import Counted, Drawing, DrawnLine, Number, changed, written
from telemetry.money import usd
from telemetry.product_analytics import Analytics, Day, PersonUse, Stretch, WorkspaceUse
from telemetry.retention_cohorts import Cohort

LEVELS = 5  # of the colour of a cohort's week


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure of the whole period, and by which share it grew since the one before. `is_good` is whether more of it is."""

    label: str
    number: str
    change: float | None
    is_good: bool | None
    help: str = ""

    @property
    def changed(self) -> str:
        return changed(self.change)

    @property
    def is_better(self) -> bool:
        return bool(self.change) and self.is_good is ((self.change or 0) > 0)

    @property
    def is_worse(self) -> bool:
        return bool(self.change) and self.is_good is not None and not self.is_better


@dataclass(frozen=True, slots=True)
class Week:
    """One cell of the retention table; `level` 0 to 5 is how dark it is."""

    share: str
    count: int
    level: int


@dataclass(frozen=True, slots=True)
class CohortRow:
    """A cohort as the table shows it."""

    monday: date
    size: str
    weeks: Sequence[Week]
    missing: Sequence[None]  # weeks that have not begun, beside the oldest cohort's


@dataclass(frozen=True, slots=True)
class TableRow:
    """`href` leads to what the row sums up."""

    head: str
    cells: Sequence[str]
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose columns are counted in different things, as people read it. `nothing` is said where it has no row."""

    name: str
    title: str
    heads: Sequence[str]
    rows: Sequence[TableRow]
    nothing: str = ""
    note: str = ""
    csv_url: str = ""


def tiles(found: Analytics) -> list[Tile]:
    """The figures that are looked at first."""
    now, before = found.now, found.before
    last = now.days[-1]

    def tile(label: str, counted_in: Counted, of: Callable[[Stretch], Any], is_good: bool | None, told: str = "") -> Tile:
        value, unit = of(now), " min" if of is _minutes else ""
        number = written(value, counted_in) + (unit if value is not None else "")
        return Tile(label, number, _change(value, of(before) if before else None), is_good, told)

    return [
        Tile("People today", f"{last.active_users:,}", None, None, "Who has been active today, so far"),
        tile("People a day, mean", "count", lambda of: of.mean_active_users, True, "The mean of the daily active users"),
        Tile("People this week", f"{last.weekly_users:,}", None, None, "Active in the last 7 days"),
        Tile("People this month", f"{last.monthly_users:,}", None, None, "Active in the last 30 days"),
        tile("People of the period", "count", lambda of: of.people, True),
        tile("New people", "count", lambda of: of.total("newcomers"), True, "Whose first day this was"),
        tile("Stickiness", "share", lambda of: of.stickiness, True, "Daily by monthly active users"),
        tile("Succeeded", "share", lambda of: of.success_rate, True, "Of the calls that nobody stopped"),
        tile("Tokens", "tokens", lambda of: of.total("tokens"), None),
        tile("Cost", "usd", lambda of: of.total("cost_usd"), None, "Of the calls whose price is known"),
        tile("Time a person and day", "count", _minutes, True, "From the first to the last act of a day, the mean"),
        tile("Approval", "share", lambda of: of.approval, True, "Thumbs up among all thumbs"),
        tile("Judged calls", "share", lambda of: of.feedback_rate, True, "Of the calls that succeeded"),
        tile("Rating", "points", lambda of: of.mean_rating, True, "The mean of 1 to 5"),
    ]


def charts(found: Analytics) -> list[Drawing]:
    """Over the days of the period."""
    days = found.now.days

    def drawing(name: str, title: str, counted_in: Counted, *lines: DrawnLine, **more: Any) -> Drawing:
        kind = more.pop("kind", "line")
        return Drawing(name, title, kind, counted_in, lines, moments=[_at(day.day) for day in days], of="Day", step="day", **more)

    def line(label: str, value: Callable[[Day], Number]) -> DrawnLine:
        return DrawnLine(label, [value(day) for day in days])

    thumbs = [line("Thumbs up", lambda day: day.thumbs_up), line("Thumbs down", lambda day: day.thumbs_down)]
    has_thumbs = any(day.thumbs_up or day.thumbs_down for day in days)
    return [
        drawing(
            "people", "Active people", "count", line("A day", lambda day: day.active_users),
            line("7 days", lambda day: day.weekly_users), line("30 days", lambda day: day.monthly_users),
            note="People who were there on the day, and in the 7 and the 30 days that end with it.",
        ),
        drawing("new", "New people", "count", line("New people", lambda day: day.newcomers), kind="bar"),
        drawing("success", "Success rate", "share", line("Succeeded", lambda day: day.success_rate)),
        drawing("tokens", "Tokens", "tokens", line("Tokens", lambda day: day.tokens), kind="bar"),
        drawing("cost", "Cost", "usd", line("Cost", lambda day: day.cost_usd), kind="bar"),
        drawing("time", "Minutes a person", "count", line("Minutes, mean", _minutes)),
        drawing("feedback", "Thumbs", "count", *(thumbs if has_thumbs else ()), kind="bar", is_stacked=True),
        Drawing(
            "reasons", "Reasons given", "bar", "count", [DrawnLine("Times", [count for _, count in found.reasons])],
            categories=[reason.replace("_", " ") for reason, _ in found.reasons], of="Reason",
        ),
    ]  # fmt: skip


def retention(found: Analytics) -> list[CohortRow]:
    """The newest cohort last, as the triangle is read."""
    longest = max((len(cohort.counts) for cohort in found.presence.cohorts), default=0)
    return [_row(cohort, longest) for cohort in found.presence.cohorts]


def models(found: Analytics, csv_url: str) -> Table:
    rows = [
        TableRow(
            use.model or "Not told",
            [f"{use.people:,}", f"{use.calls:,}", f"{use.errors:,}", f"{use.tokens:,}", usd(use.cost_usd)],
        )
        for use in found.models
    ]
    note = f"The {len(rows)} that were called most, of {found.model_count}." if found.model_count > len(rows) else ""
    heads = ("Model", "People", "Calls", "Errors", "Tokens", "Cost")
    return Table("models", "Models", heads, rows, "No call was recorded in this period.", note, csv_url)


def people(uses: Sequence[tuple[str, PersonUse, str | None]]) -> Table:
    """By name: for who sees other people's calls anyway."""
    rows = [
        TableRow(name, [f"{use.days:,}", f"{use.calls:,}", f"{use.tokens:,}", usd(use.cost_usd)], href)
        for name, use, href in uses
    ]
    nothing = "No call was made in anybody's name in this period."
    heads = ("Person", "Days", "Calls", "Tokens", "Cost")
    return Table("by-person", "Who calls the most", heads, rows, nothing, "Only owners and admins see this table.")


def workspaces(uses: Sequence[tuple[str, WorkspaceUse]]) -> Table:
    rows = [
        TableRow(name, [f"{use.calls:,}", written(use.success_rate, "share"), f"{use.tokens:,}", usd(use.cost_usd)])
        for name, use in uses
    ]
    return Table("by-workspace", "By workspace", ("Workspace", "Calls", "Succeeded", "Tokens", "Cost"), rows)


def files(found: Analytics) -> list[Drawing]:
    """What the page shows in tables of its own, for their CSV."""
    cohorts = found.presence.cohorts
    longest = max((len(cohort.counts) for cohort in cohorts), default=0)
    counted = [[cohort.counts[week] if week < len(cohort.counts) else None for cohort in cohorts] for week in range(longest)]
    columns = ("people", "calls", "errors", "tokens", "cost_usd")
    return [
        Drawing(
            "retention", "Who came back", "table", "count", [DrawnLine(f"Week {week}", of) for week, of in enumerate(counted)],
            categories=[cohort.monday.isoformat() for cohort in cohorts], of="Week of the first day",
        ),
        Drawing(
            "models", "Models", "table", "count",
            [DrawnLine(name, [getattr(use, name) for use in found.models]) for name in columns],
            categories=[use.model for use in found.models], of="Model",
        ),
    ]  # fmt: skip


def drawing_of(found: Analytics, name: str) -> Drawing | None:
    return next((drawing for drawing in (*charts(found), *files(found)) if drawing.name == name), None)


def _row(cohort: Cohort, longest: int) -> CohortRow:
    weeks = [
        Week(f"{share:.0%}", count, 0 if not count else max(1, round(share * LEVELS)))
        for share, count in zip(cohort.shares, cohort.counts, strict=True)
    ]
    return CohortRow(cohort.monday, f"{cohort.size:,}", weeks, [None] * (longest - len(weeks)))


def _minutes(of: Day | Stretch) -> float | None:
    return None if of.mean_seconds is None else of.mean_seconds / 60


def _change(value: Any, before: Any) -> float | None:
    return float(value) / float(before) - 1 if before and value is not None else None


def _at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
