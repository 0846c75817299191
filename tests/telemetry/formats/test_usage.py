"""Whatever the convention, the buckets are disjoint and sum to what the provider counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.formats import usage

BUCKETS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")


def counted(raw: dict) -> tuple[int, ...]:
    found = usage.from_openai(raw)
    return tuple(found[name] for name in BUCKETS)


@pytest.mark.parametrize(
    ("raw", "buckets"),
    [
        ({"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}, (100, 0, 0, 50, 0)),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "prompt_tokens_details": {"cached_tokens": 80},
                "completion_tokens_details": {"reasoning_tokens": 30},
            },
            (20, 80, 0, 20, 30),
        ),
        (
            {
                "input_tokens": 100,
                "output_tokens": 50,
                "input_tokens_details": {"cached_tokens": 80},
                "output_tokens_details": {"reasoning_tokens": 30},
            },
            (20, 80, 0, 20, 30),
        ),
        # Anthropic's own: the cache is outside
        (
            {"input_tokens": 10, "cache_read_input_tokens": 2000, "cache_creation_input_tokens": 5, "output_tokens": 7},
            (10, 2000, 5, 7, 0),
        ),
        (
            {"prompt_tokens": 100, "cache_read_input_tokens": 80, "completion_tokens": 50, "total_tokens": 230},
            (100, 80, 0, 50, 0),
        ),
        # LiteLLM's of the same: the cache is inside
        (
            {
                "prompt_tokens": 2015,
                "cache_read_input_tokens": 2000,
                "cache_creation_input_tokens": 5,
                "completion_tokens": 7,
                "total_tokens": 2022,
            },
            (10, 2000, 5, 7, 0),
        ),
        # Reasoning outside: the total gives it away
        ({"prompt_tokens": 10, "completion_tokens": 5, "reasoning_tokens": 20, "total_tokens": 35}, (10, 0, 0, 5, 20)),
        ({"prompt_tokens": 10, "completion_tokens": 25, "reasoning_tokens": 20, "total_tokens": 35}, (10, 0, 0, 5, 20)),
        ({"prompt_tokens": "12", "completion_tokens": 3.0}, (12, 0, 0, 3, 0)),
    ],
)
def test_each_shape_comes_to_the_same_buckets(raw, buckets):
    assert counted(raw) == buckets


@pytest.mark.parametrize(
    "raw", [{}, {"prompt_tokens": None}, {"prompt_tokens": -1, "completion_tokens": "many"}, {"prompt_tokens": True}]
)
def test_what_nobody_counted_is_not_nought(raw):
    assert usage.from_openai(raw) == {}


@given(*[st.integers(0, 10**6) for _ in range(4)], st.booleans(), st.booleans())
def test_the_buckets_sum_to_the_total(plain, read, output, reasoning, is_cache_inside, is_reasoning_inside):
    raw = {
        "prompt_tokens": plain + read * is_cache_inside,
        "completion_tokens": output + reasoning * is_reasoning_inside,
        "cache_read_input_tokens": read,
        "reasoning_tokens": reasoning,
        "total_tokens": plain + read + output + reasoning,
    }
    assert sum(counted(raw)) == raw["total_tokens"]
    if read != reasoning:  # else cache or reasoning may be what is outside
        assert counted(raw) == (plain, read, 0, output, reasoning)
