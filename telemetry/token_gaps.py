"""How evenly a reply came: the waits between the sampled pieces of a stream, as bars of a drawing. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

HEIGHT = 100
PITCH, WIDTH = 4, 3  # of a bar, with and without the space after it


@dataclass(frozen=True, slots=True)
class Bar:
    """One wait, and when it ended; `x`, `y` and `height` are where the drawing has it."""

    at_ms: int
    gap_ms: int
    x: int
    y: float
    height: float
    is_longest: bool


@dataclass(frozen=True, slots=True)
class Gaps:
    """All waits of a stream after its first piece."""

    bars: Sequence[Bar]
    width: int
    longest: Bar
    median_ms: float


def of(times_ms: Sequence[int] | None) -> Gaps | None:
    """The waits between these times, ms since the start in rising order; None where there are not two of them."""
    if not times_ms or len(times_ms) < 2:
        return None
    waits = [max(0, late - early) for early, late in pairwise(times_ms)]
    most = max(waits)
    place = waits.index(most)
    bars = [
        Bar(at, wait, index * PITCH, HEIGHT - _height(wait, most), _height(wait, most), is_longest=index == place)
        for index, (at, wait) in enumerate(zip(times_ms[1:], waits, strict=True))
    ]
    return Gaps(bars, len(bars) * PITCH, bars[place], median(waits))


def _height(wait: int, most: int) -> float:
    """Even no wait at all leaves a line to be seen."""
    return round(max(1.0, HEIGHT * wait / most), 2) if most else 1.0
