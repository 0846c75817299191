"""The overview's tiles and charts: each a drawing, made of what `overview.Overview` has read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from typing import Any, Literal, TypeVar

from telemetry import reading
from telemetry.drawings import Counted, Drawing, DrawnLine, Number, changed, written
from telemetry.overview import LINES, REST, Overview
from telemetry.queries import charts, feedback
from telemetry.queries import overview as queries
from telemetry.rollup_reads import Dimension, Duration, Totals, Value

T = TypeVar("T")
OF = {
    "provider": "provider", "model": "model", "source": "source", "status": "status", "user_id": "person",
    "api_key_id": "API key",
}  # fmt: skip
BEFORE = "the period before"
FRACTIONS = ("p50", "p90", "p95", "p99")
P95 = 2  # its place among them
BUCKETS = (
    ("Input", "input_tokens"),
    ("Cache read", "cache_read_tokens"),
    ("Cache write", "cache_write_tokens"),
    ("Output", "output_tokens"),
    ("Reasoning", "reasoning_tokens"),
)
NOT_BY_PERSON = "Of all calls together: percentiles are not kept by person and key."


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure of the whole period, and by which share it grew since the one before. `is_good` is whether more of it is."""

    label: str
    number: str
    change: float | None = None
    is_good: bool | None = None
    help: str = ""
    href: str | None = None

    @property
    def changed(self) -> str:
        return changed(self.change)

    @property
    def is_better(self) -> bool:
        return bool(self.change) and self.is_good is ((self.change or 0) > 0)

    @property
    def is_worse(self) -> bool:
        return bool(self.change) and self.is_good is not None and not self.is_better


def tiles(read: Overview) -> list[Tile]:
    """The figures that are looked at first."""
    now, before = read.whole, read.whole_before
    late, late_before = read.durations.whole, read.durations_before.whole
    thumbs, thumbs_before = feedback.added(read.judged.values()).up_share, read.judged_before.up_share

    def tile(label: str, counted_in: Counted, value: Number, earlier: Number, **more: Any) -> Tile:
        return Tile(label, written(value, counted_in), growth(value, earlier), **more)

    def percentile(of: Duration, found: Mapping[Duration, Sequence[float]]) -> float | None:
        return found[of][P95] if of in found else None

    slow = percentile("latency", late)
    unpriced = charts.unpriced_share(now)
    return [
        tile("Requests", "calls", now.call_count, before.call_count, href=read.href()),
        tile(
            "Error rate",
            "share",
            charts.error_rate(now),
            charts.error_rate(before),
            is_good=False,
            help=f"{now.error_count:,} failed",
            href=read.href(status=["error"]),
        ),
        tile("Cost", "usd", now.cost_usd, before.cost_usd, help=f"{unpriced:.1%} without a price" if unpriced else ""),
        tile("Tokens", "tokens", _tokens(now), _tokens(before), href=None),
        tile(
            "Latency, p95",
            "ms",
            slow,
            percentile("latency", late_before),
            is_good=False,
            href=read.href(min_latency_ms=int(slow)) if slow else None,
        ),
        tile("Time to first token, p95", "ms", percentile("ttft", late), percentile("ttft", late_before), is_good=False),
        tile("Tokens a second", "tokens/s", charts.tokens_per_second(now), charts.tokens_per_second(before), is_good=True),
        tile("Cache share", "share", charts.cache_share(now), charts.cache_share(before), is_good=True),
        tile("Thumbs up", "share", thumbs, thumbs_before, is_good=True),
    ]


def growth(after: Number, before: Number) -> float | None:
    """By which share a figure grew; None where there was nothing before, or is nothing now."""
    if after is None or not before:
        return None
    return (float(after) - float(before)) / float(before)


def requests(read: Overview) -> Drawing:
    title = f"Requests by {OF[read.by]}" if read.by else "Requests"
    return _summed(read, "requests", title, counted_in="calls", of=attrgetter("call_count"), by=read.by)


def errors(read: Overview) -> Drawing:
    found = dict(list(read.errors.items())[:LINES])
    rest = list(read.errors.values())[LINES:]
    lines = [_line(read, name, _told(counts, int, empty=0), error_class=[name]) for name, counts in found.items()]
    if rest:
        lines.append(_line(read, "others", lambda at: sum(counts.get(at, 0) for counts in rest), is_linked=False))
    return _timed(read, "errors", "Errors by class", "bar", counted_in="calls", lines=lines, is_stacked=True)


def error_rate(read: Overview) -> Drawing:
    return _rate(read, "error_rate", "Error rate", counted_in="share", of=charts.error_rate, more={"status": ["error"]})


def latency(read: Overview) -> Drawing:
    return _percentiles(read, "latency", "Latency", "latency")


def ttft(read: Overview) -> Drawing:
    return _percentiles(read, "time_to_first_token", "Time to first token", "ttft")


def speed(read: Overview) -> Drawing:
    drawing = _rate(read, "tokens_per_second", "Tokens a second", counted_in="tokens/s", of=charts.tokens_per_second)
    return _noted(drawing, "Completion tokens for each second of waiting, the mean over all calls that were timed.")


def tokens(read: Overview) -> Drawing:
    lines = [_line(read, label, _told(read.timed, attrgetter(name), empty=0)) for label, name in BUCKETS] if read.sums else []
    return _timed(read, "tokens", "Tokens by bucket", "bar", counted_in="tokens", lines=lines, is_stacked=True)


def cost(read: Overview) -> Drawing:
    by = read.by if read.by != "model" else None
    title = f"Cost by {OF[by]}" if by else "Cost"
    return _summed(read, "cost", title, counted_in="usd", of=lambda sums: sums.cost_usd, by=by)


def cost_by_model(read: Overview) -> Drawing:
    return _summed(read, "cost_by_model", "Cost by model", counted_in="usd", of=lambda sums: sums.cost_usd, by="model")


def cost_by_person(read: Overview) -> Drawing:
    shown, rest = read.people[:LINES], read.people[LINES:]
    names = read.names("user_id", [sums.group["user_id"] for sums in shown])
    values: list[Number] = [sums.cost_usd for sums in shown]
    hrefs = [read.wanted.logs_url(user_id=[value]) if (value := sums.group["user_id"]) else None for sums in shown]
    categories = [names[sums.group["user_id"]] for sums in shown]
    if rest:
        values.append(queries.added(rest).cost_usd)
        hrefs.append(None)
        categories.append(f"{len(rest)} others")
    note = "" if read.is_own or _sees_people(read) else "Your own: what others cost is told to owners and admins."
    line = DrawnLine("Cost", values, hrefs)
    return Drawing(
        "cost_by_person", "Cost by person", "bar", "usd", [line], categories=categories, of="Person", note=note
    )  # fmt: skip


def cache_share(read: Overview) -> Drawing:
    drawing = _rate(read, "cache_share", "Cache share", counted_in="share", of=charts.cache_share)
    return _noted(drawing, "Of the prompt's tokens, those that the provider read from its cache.")


def thumbs(read: Overview) -> Drawing:
    named = (("Up", "up_count"), ("Down", "down_count")) if read.judged else ()
    lines = [_line(read, label, _told(read.judged, attrgetter(name), empty=0), is_linked=False) for label, name in named]
    return _timed(read, "feedback", "Thumbs up and down", "bar", counted_in="count", lines=lines, is_stacked=True)


def rating(read: Overview) -> Drawing:
    mean = _line(read, "Mean rating", _told(read.judged, attrgetter("mean_rating"), empty=None), is_linked=False)
    note = "Of 1 to 5 stars, by when they were given."
    return _noted(_timed(read, "rating", "Rating", "line", counted_in="points", lines=[mean]), note)


CHARTS: Mapping[str, Callable[[Overview], Drawing]] = {
    "requests": requests,
    "errors": errors,
    "error_rate": error_rate,
    "latency": latency,
    "time_to_first_token": ttft,
    "tokens_per_second": speed,
    "tokens": tokens,
    "cost": cost,
    "cost_by_model": cost_by_model,
    "cost_by_person": cost_by_person,
    "cache_share": cache_share,
    "feedback": thumbs,
    "rating": rating,
}


def _summed(
    read: Overview, name: str, title: str, *, counted_in: Counted, of: Callable[[Totals], Any], by: Dimension | None
) -> Drawing:
    """Sums over time: stacked by the values of a dimension, else one bar a stretch beside that of the period before."""
    if by is None:
        lines = [_line(read, title, _told(read.timed, of, empty=0))] if read.sums else []
        lines += _before(read, of, empty=0)
        return _timed(read, name, title, "bar", counted_in=counted_in, lines=lines)
    split = read.split(by, of)
    names = read.names(by, [value for value, _ in split])
    lines = [
        _line(read, names[value], _told(timed, of, empty=0), is_linked=_is_linked(value), **{by: [value]})
        for value, timed in split
    ]
    return _timed(read, name, title, "bar", counted_in=counted_in, lines=lines, is_stacked=True)


def _rate(
    read: Overview,
    name: str,
    title: str,
    *,
    counted_in: Counted,
    of: Callable[[Totals], float | None],
    more: Mapping[str, Any] | None = None,
) -> Drawing:
    """What cannot be added up: a line, or one for each value of the dimension that the page is split by."""
    more = more or {}
    if read.by is None:
        lines = [_line(read, title, _told(read.timed, of, empty=None), **more)]
        return _timed(read, name, title, "line", counted_in=counted_in, lines=[*lines, *_before(read, of, empty=None)])
    split = [found for found in read.busiest if found[0] != REST]
    names = read.names(read.by, [value for value, _ in split])
    lines = [
        _line(read, names[value], _told(timed, of, empty=None), is_linked=_is_linked(value), **{read.by: [value], **more})
        for value, timed in split
    ]
    return _timed(read, name, f"{title} by {OF[read.by]}", "line", counted_in=counted_in, lines=lines)


def _percentiles(read: Overview, name: str, title: str, of: Duration) -> Drawing:
    grouped = read.durations.by_group[of]
    if read.by and grouped:
        busiest = [value for value, _ in read.busiest if value in grouped]
        names = read.names(read.by, busiest)
        lines = [_late(read, names[value], grouped[value], P95, of, **{read.by: [value]}) for value in busiest]
        return _timed(read, name, f"{title}, p95 by {OF[read.by]}", "line", counted_in="ms", lines=lines)
    timed = read.durations.over_time.get(of, {})
    lines = [_late(read, label, timed, place, of) for place, label in enumerate(FRACTIONS)] if timed else []
    if read.is_compared and lines:
        earlier = read.durations_before.over_time.get(of, {})
        shifted = dict(zip(read.grid_before.moments, read.moments, strict=False))
        before = {shifted[at]: values for at, values in earlier.items() if at in shifted}
        label = f"p95, {BEFORE}"
        values = [before[at][P95] if at in before else None for at in read.moments]
        lines.insert(P95 + 1, DrawnLine(label, values, is_before=True))
    drawing = _timed(read, name, title, "line", counted_in="ms", lines=lines)
    return _noted(drawing, NOT_BY_PERSON) if read.by in {"user_id", "api_key_id"} else drawing


def _late(
    read: Overview, label: str, timed: Mapping[datetime, Sequence[float]], place: int, of: Duration, **more: Any
) -> DrawnLine:
    """A percentile over time; a high one of the latency leads to the calls that took as long."""
    values = [timed[at][place] if at in timed else None for at in read.moments]
    if not _is_linked(*more.values()):
        return DrawnLine(label, values)
    hrefs = read.hrefs(values, **more)
    if of == "latency" and place and "min_latency_ms" not in read.wanted.given:
        pairs = zip(hrefs, values, strict=True)
        hrefs = [f"{href}&min_latency_ms={int(value)}" if href and value is not None else None for href, value in pairs]
    return DrawnLine(label, values, hrefs)


def _line(read: Overview, label: str, value: Callable[[datetime], Number], *, is_linked: bool = True, **more: Any) -> DrawnLine:
    values = [value(at) for at in read.moments]
    return DrawnLine(label, values, read.hrefs(values, **more) if is_linked else None)


def _told(timed: Mapping[datetime, T], of: Callable[[T], Any], *, empty: Literal[0] | None) -> Callable[[datetime], Number]:
    return lambda at: of(timed[at]) if at in timed else empty


def _before(read: Overview, of: Callable[[Totals], Any], *, empty: Literal[0] | None) -> list[DrawnLine]:
    if not read.is_compared:
        return []
    values = [of(read.timed_before[at]) if at in read.timed_before else empty for at in read.moments]
    return [DrawnLine(BEFORE.capitalize(), values, is_before=True)]


def _timed(
    read: Overview,
    name: str,
    title: str,
    kind: Literal["line", "bar"],
    *,
    counted_in: Counted,
    lines: Sequence[DrawnLine],
    is_stacked: bool = False,
) -> Drawing:
    return Drawing(name, title, kind, counted_in, lines, moments=read.moments, step=read.grid.step, is_stacked=is_stacked)


def _noted(drawing: Drawing, note: str) -> Drawing:
    return replace(drawing, note=note)


def _is_linked(*values: Value | Sequence[Value]) -> bool:
    """What is not told cannot be asked for, and what is left over is many things."""
    told = [value[0] if isinstance(value, list) else value for value in values]
    return not any(value in (None, REST) for value in told)


def _tokens(sums: Totals) -> int:
    return sums.prompt_tokens + sums.completion_tokens


def _sees_people(read: Overview) -> bool:
    return reading.sees_all(read.bearer)
