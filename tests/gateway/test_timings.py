"""When tokens came is sampled evenly, however many come."""

from itertools import pairwise

import pytest

from gateway.timings import LIMIT, Timings


@pytest.mark.parametrize("count", [1, 3, LIMIT - 1, LIMIT, LIMIT + 1, 2 * LIMIT, 1000, 10_000, 100_000])
def test_the_sample_is_even_bounded_and_begins_with_the_first(count):
    timings = Timings()
    for number in range(count):
        timings.add(float(number))
    sampled = timings.sampled or []
    strides = {later - earlier for earlier, later in pairwise(sampled)}
    assert sampled[0] == 0
    assert len(strides) <= 1
    assert min(count, LIMIT // 2) <= len(sampled) <= LIMIT
    assert count - sampled[-1] <= max(strides, default=1)


def test_nothing_came_and_nothing_is_told():
    assert Timings().sampled is None
