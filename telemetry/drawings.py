"""What a chart shows, before it is drawn: its table. The page renders the table, the script draws it, the CSV is made of it."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from django.utils import timezone
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from telemetry.money import usd
from telemetry.rollup_sums import Unit

Kind = Literal["line", "bar", "pie", "number", "table"]
Counted = Literal["calls", "usd", "tokens", "ms", "share", "tokens/s", "count", "points"]
Number = float | Decimal | None

NOTHING = "–"
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would work out


@dataclass(frozen=True, slots=True)
class DrawnLine:
    """One line, or the bars of one colour: a value for each moment or category, None where there is none.

    `hrefs` lead from each point to the calls behind it. `is_before` is the same line a period earlier, drawn fainter.
    """

    label: str
    values: Sequence[Number]
    hrefs: Sequence[str | None] | None = None
    is_before: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """`value` is what the script and the CSV read; empty for nothing."""

    value: str
    written: str
    href: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """One moment or category. `at` is told in the table's own time zone."""

    label: str
    at: datetime | None
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart: either over `moments` (aware, ascending, `step` apart) or over `categories`.

    `name` is unique in its page: ids and the CSV's address are made of it. A number has one line with one value; `change` is by
    which share it grew since the period before. A table may be of several lines (columns), each counted in the same.
    """

    name: str
    title: str
    kind: Kind
    counted_in: Counted
    lines: Sequence[DrawnLine] = ()
    moments: Sequence[datetime] = ()
    categories: Sequence[str] = ()
    of: str = "Time"  # the head of the first column
    step: Unit = "hour"
    is_stacked: bool = False
    note: str = ""
    change: float | None = None
    csv_url: str = ""
    edit_url: str = ""

    @property
    def is_empty(self) -> bool:
        return not any(value is not None for line in self.lines for value in line.values)

    @property
    def is_drawn(self) -> bool:
        """Whether there is more to see than a table or a number."""
        return self.kind in {"line", "bar", "pie"} and not self.is_empty

    @property
    def is_timed(self) -> bool:
        return bool(self.moments)

    @property
    def zone(self) -> str:
        """Days are summed up by UTC, so they are told in it."""
        return "UTC" if self.step == "day" else timezone.get_current_timezone_name()

    @property
    def number(self) -> str:
        return written(self.lines[0].values[0], self.counted_in) if self.lines and self.lines[0].values else NOTHING

    @property
    def number_href(self) -> str | None:
        return self.lines[0].hrefs[0] if self.lines and self.lines[0].hrefs else None

    @property
    def changed(self) -> str:
        return changed(self.change)

    @property
    def rows(self) -> list[Row]:
        heads: list[tuple[str, datetime | None]] = [(self._told(at), at) for at in self.moments]
        heads = heads or [(category, None) for category in self.categories]
        return [Row(label, at, [self._cell(line, place) for line in self.lines]) for place, (label, at) in enumerate(heads)]

    @property
    def body(self) -> SafeString:
        """The table's rows, put together here: a page has thousands of cells, and a template takes its time over each."""
        return mark_safe("".join(map(_row, self.rows)))  # noqa: S308  (each value is escaped)

    @property
    def summary(self) -> str:
        """What the picture shows, for who cannot see it."""
        lines = ", ".join(line.label for line in self.lines[:10])
        return f"{self.title}: {lines}" if lines and lines != self.title else self.title

    def _cell(self, line: DrawnLine, place: int) -> Cell:
        value = line.values[place]
        href = line.hrefs[place] if line.hrefs else None
        return Cell(plain(value), written(value, self.counted_in), href)

    def _told(self, at: datetime) -> str:
        if self.step == "day":
            return f"{at.astimezone(UTC):%Y-%m-%d}"
        local = timezone.localtime(at)
        return f"{local:%Y-%m-%d %H:%M}"


def _row(row: Row) -> str:
    return f'<tr><th scope="row">{escape(row.label)}</th>{"".join(map(_cell, row.cells))}</tr>\n'


def _cell(cell: Cell) -> str:
    told = escape(cell.written)
    return f'<td data-value="{cell.value}">{f"""<a href="{escape(cell.href)}">{told}</a>""" if cell.href else told}</td>'


def with_csv(drawing: Drawing, url: str) -> Drawing:
    return replace(drawing, csv_url=url)


def as_csv(drawing: Drawing) -> str:
    """The chart's table for spreadsheets (RFC 4180): times in RFC 3339, numbers as they are, no cell taken for a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([_harmless(head) for head in (drawing.of, *(line.label for line in drawing.lines))])
    for row in drawing.rows:
        first = row.at.astimezone(UTC).isoformat().replace("+00:00", "Z") if row.at else _harmless(row.label)
        writer.writerow([first, *(cell.value for cell in row.cells)])
    if drawing.kind == "number" and not drawing.rows:
        writer.writerow(["", *(plain(line.values[0]) for line in drawing.lines)])
    return out.getvalue()


def plain(value: Number) -> str:
    """A number as programs read it: never in powers of ten, empty for nothing."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if float(value).is_integer():
        return str(int(value))
    return f"{value:.10f}".rstrip("0")


def written(value: Number, counted_in: Counted) -> str:
    """A number for people, never more exact than it is: `$0.0012`, `850 ms`, `1.25 s`, `12.3%`, `45.2`."""
    if value is None:
        return NOTHING
    if counted_in == "usd":
        return usd(Decimal(str(value)))
    number = float(value)
    if counted_in == "ms":
        return _duration(number)
    if counted_in == "share":
        return f"{number:.1%}"
    if counted_in in {"tokens/s", "points"}:
        return f"{number:,.1f}"
    return f"{number:,.0f}" if number.is_integer() else f"{number:,.1f}"


def changed(share: float | None) -> str:
    """`12%`: by how much, the direction aside."""
    if share is None:
        return ""
    return f"{abs(share):.0%}" if abs(share) >= 0.0995 else f"{abs(share):.1%}"


def _duration(ms: float) -> str:
    if ms < 1000:
        return f"{ms:.0f} ms"
    if ms < 100_000:
        return f"{ms / 1000:.3g} s"
    return f"{ms / 1000:,.0f} s"


def _harmless(text: str) -> str:
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text
