"""Percentiles that can be added up: durations counted in fixed logarithmic bins.

A bin is e^0.0195 wide, so its middle is within 0.98 % of every duration in it. Bins are the same everywhere: sketches are
merged by adding counts, in SQL as here, and a rebuilt sketch equals the one that it replaces.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import accumulate
from math import exp, floor, log

WIDTH = 0.0195
INSTANT = -1  # the bin of durations below a millisecond


def bin_of(duration_ms: float) -> int:
    """The bin that a duration falls in."""
    return round(log(duration_ms) / WIDTH) if duration_ms >= 1 else INSTANT


def bin_in_sql(column: str) -> str:
    """The same as an SQL expression; NULL for NULL."""
    logarithm = f"round(ln({column}::float8) / {WIDTH})"
    return f"(CASE WHEN {column} >= 1 THEN {logarithm} WHEN {column} IS NOT NULL THEN {INSTANT} END)::smallint"


def duration_ms(bin_number: int) -> float:
    """The middle of a bin."""
    return 0.0 if bin_number == INSTANT else exp(bin_number * WIDTH)


def merge(sketches: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """Sketches (bin → count) added up."""
    merged: dict[int, int] = {}
    for sketch in sketches:
        for bin_number, count in sketch.items():
            merged[bin_number] = merged.get(bin_number, 0) + count
    return merged


def percentiles(sketch: Mapping[int, int], fractions: Iterable[float]) -> list[float] | None:
    """The durations in ms at these fractions (0 to 1), within 1 % of `percentile_cont`; None when nothing was counted."""
    bins = sorted(bin_number for bin_number, count in sketch.items() if count > 0)
    reached = list(accumulate(sketch[bin_number] for bin_number in bins))
    if not reached:
        return None
    return [_interpolate(bins, reached, fraction * (reached[-1] - 1)) for fraction in fractions]


def _interpolate(bins: list[int], reached: list[int], rank: float) -> float:
    """Between the two calls that a rank lies between, as percentile_cont does: each is within 1 %, so what is between them is."""
    below = floor(rank)
    above = min(below + 1, reached[-1] - 1)
    low, high = (duration_ms(bins[bisect_right(reached, at)]) for at in (below, above))
    return low + (rank - below) * (high - low)
