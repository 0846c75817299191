"""What a provider says it used, put into disjoint buckets.

OpenAI counts cached tokens inside `prompt_tokens` and reasoning inside `completion_tokens`; some of those who speak its
protocol count reasoning outside, which their `total_tokens` gives away. The buckets sum to the provider's total.
"""

from collections.abc import Mapping
from typing import Any

from gateway.protocol import Usage


def from_openai(raw: Mapping[str, Any]) -> Usage:
    """`Usage` of OpenAI's `usage` object and of its relatives (DeepSeek, Anthropic through LiteLLM, OpenRouter)."""
    prompt, completion, total = (_count(raw.get(name)) for name in ("prompt_tokens", "completion_tokens", "total_tokens"))
    prompt_details = _details(raw, "prompt_tokens_details")
    completion_details = _details(raw, "completion_tokens_details")
    read = min(
        prompt,
        _first(prompt_details.get("cached_tokens"), raw.get("cache_read_input_tokens"), raw.get("prompt_cache_hit_tokens")),
    )
    written = min(
        prompt - read,
        _first(
            prompt_details.get("cache_creation_tokens"),
            prompt_details.get("cache_write_tokens"),
            raw.get("cache_creation_input_tokens"),
        ),
    )
    reasoning = _first(completion_details.get("reasoning_tokens"), raw.get("reasoning_tokens"))
    outside = max(0, total - prompt - completion)
    if outside:
        output, reasoning = completion, outside
    else:
        reasoning = min(reasoning, completion)
        output = completion - reasoning
    return Usage(
        input_tokens=prompt - read - written,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=output,
        reasoning_tokens=reasoning,
        raw=dict(raw),
    )


def _details(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = raw.get(name)
    return found if isinstance(found, Mapping) else {}


def _count(value: Any) -> int:
    """A count of tokens; whatever isn't one is none."""
    return max(0, int(value)) if isinstance(value, int | float) and value == value and abs(value) < 1e12 else 0  # noqa: PLR0124 (NaN)


def _first(*values: Any) -> int:
    return next((count for count in map(_count, values) if count), 0)
