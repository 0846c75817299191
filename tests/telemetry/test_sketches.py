"""Sketches tell percentiles within 1 % of what PostgreSQL works out of the rows."""

import random
from collections import Counter
from collections.abc import Callable

import pytest
from django.db import connection

from telemetry import sketches

FRACTIONS = [0.0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0]
SHAPES: dict[str, Callable[[random.Random], float]] = {
    "normal": lambda dice: dice.gauss(800, 120),
    "lognormal": lambda dice: dice.lognormvariate(6.5, 1.0),
    "heavy": lambda dice: 40 * dice.paretovariate(0.8),
    "very heavy": lambda dice: dice.lognormvariate(5, 3),
    "two humps": lambda dice: dice.choice((dice.gauss(120, 10), dice.gauss(28_000, 2_000))),
    "instant": lambda dice: dice.choice((0, 0, 1, 2, 3, 900)),
    "one value": lambda _: 1234,
}


def draw(shape: str, count: int) -> list[int]:
    dice = random.Random(f"{shape}{count}")
    return [min(max(0, round(SHAPES[shape](dice))), 2**31 - 1) for _ in range(count)]


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 2, 7, 100, 5000])
@pytest.mark.parametrize("shape", SHAPES)
def test_percentiles_are_within_one_percent_of_the_rows(shape, count):
    durations = draw(shape, count)
    with connection.cursor() as cursor:
        bins = f"SELECT {sketches.bin_in_sql('ms')} AS bin, count(*) FROM unnest(%s::int[]) AS ms GROUP BY bin"
        cursor.execute(bins, [durations])
        sketch = dict(cursor.fetchall())
        cursor.execute(
            "SELECT percentile_cont(%s::float8[]) WITHIN GROUP (ORDER BY ms) FROM unnest(%s::int[]) AS ms", [FRACTIONS, durations]
        )
        exact = cursor.fetchone()[0]
    found = sketches.percentiles(sketch, FRACTIONS)
    assert found == pytest.approx(exact, rel=0.01)
    assert sketch == Counter(map(sketches.bin_of, durations))


def test_merging_sketches_is_sketching_all():
    durations = draw("heavy", 900)
    parts = [Counter(map(sketches.bin_of, durations[start::3])) for start in range(3)]
    assert sketches.merge(parts) == Counter(map(sketches.bin_of, durations))


def test_nothing_counted_has_no_percentiles():
    assert sketches.percentiles({}, [0.5]) is None
    assert sketches.percentiles({3: 0}, [0.5]) is None


def test_every_duration_is_within_one_percent_of_its_bin():
    for duration in [0, *range(1, 3000), 10**6, 2**31 - 1]:
        assert sketches.duration_ms(sketches.bin_of(duration)) == pytest.approx(duration, rel=0.0098)
