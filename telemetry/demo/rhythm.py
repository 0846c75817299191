"""When demo traffic comes: more by day than by night, less at the weekend, never evenly. Pure."""

import math
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

MINUTES = 24 * 60
WEEKEND = 0.45
NIGHT = 0.15
PEAK_HOUR = 14.5  # UTC


def weight(minute: datetime) -> float:
    """How busy a minute is, beside the others."""
    hour = minute.hour + minute.minute / 60
    by_day = NIGHT + (1 - NIGHT) * ((1 + math.cos((hour - PEAK_HOUR) / 24 * 2 * math.pi)) / 2) ** 2
    noise = random.Random(minute.timestamp()).uniform(0.75, 1.25)
    return by_day * noise * (WEEKEND if minute.weekday() >= 5 else 1.0)


def minutes(day: date, until: datetime) -> Iterator[datetime]:
    """The minutes of a day that have passed by then."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    for number in range(MINUTES):
        if (minute := start + timedelta(minutes=number)) + timedelta(minutes=1) <= until:
            yield minute


def share(rows: int, days: list[date], until: datetime) -> dict[date, int]:
    """How many of the rows fall on each day; they sum up to `rows`."""
    weights = {day: sum(weight(minute) for minute in minutes(day, until)) for day in days}
    return dict(zip(days, portions(rows, list(weights.values())), strict=True))


def portions(rows: int, weights: list[float]) -> list[int]:
    """Whole numbers in proportion to the weights, that sum up to `rows`."""
    total = sum(weights) or 1.0
    counts, passed, given = [], 0.0, 0
    for part in weights:
        passed += part
        reached = round(rows * passed / total)
        counts.append(reached - given)
        given = reached
    return counts
