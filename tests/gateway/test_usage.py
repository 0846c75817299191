"""Usage is put into disjoint buckets that sum to the provider's own total."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.usage import from_openai
from gateway.protocol import Usage


def buckets(usage: Usage) -> tuple[int, int, int, int, int]:
    return usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens, usage.output_tokens, usage.reasoning_tokens


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}, (9, 0, 0, 5, 0)),
        (  # OpenAI: cached in the prompt, reasoning in the completion
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 150,
                "prompt_tokens_details": {"cached_tokens": 64},
                "completion_tokens_details": {"reasoning_tokens": 30},
            },
            (36, 64, 0, 20, 30),
        ),
        (  # xAI: reasoning beside the completion
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 45,
                "completion_tokens_details": {"reasoning_tokens": 30},
            },
            (10, 0, 0, 5, 30),
        ),
        # Gemini: thoughts that only the total knows of
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 40}, (10, 0, 0, 5, 25)),
        # DeepSeek
        (
            {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 2},
            (2, 8, 0, 5, 0),
        ),
        (  # Anthropic, as LiteLLM tells it
            {
                "prompt_tokens": 100,
                "completion_tokens": 5,
                "total_tokens": 105,
                "cache_read_input_tokens": 60,
                "cache_creation_input_tokens": 30,
            },
            (10, 60, 30, 5, 0),
        ),
        ({"prompt_tokens": None, "completion_tokens": 3.0, "prompt_tokens_details": None}, (0, 0, 0, 3, 0)),
        ({}, (0, 0, 0, 0, 0)),
    ],
)
def test_each_dialect_is_understood(raw, expected):
    assert buckets(from_openai(raw)) == expected


COUNTS = st.integers(min_value=-5, max_value=10**6)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_the_buckets_sum_to_what_was_told(prompt, completion, cached, reasoning):
    usage = from_openai(
        {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": max(prompt, 0) + max(completion, 0),
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        }
    )
    assert min(buckets(usage)) >= 0
    assert (usage.prompt_tokens, usage.completion_tokens) == (max(prompt, 0), max(completion, 0))


NONSENSE: st.SearchStrategy[Any] = st.floats() | st.sampled_from(["", "7", "many", None, [], {}, True])


@given(st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens", "total_tokens"]), NONSENSE))
def test_nonsense_is_no_tokens_and_no_error(raw):
    assert min(buckets(from_openai(raw))) >= 0


def test_the_providers_own_words_are_kept():
    raw = {"prompt_tokens": 1, "completion_tokens": 2, "cost": 0.1}
    assert from_openai(raw).raw == raw
