"""Token counts of any provenance, put into disjoint buckets.

OpenAI and OpenTelemetry count cached tokens inside the prompt and reasoning inside the completion; Anthropic counts its cache
outside, some others their reasoning. Which of them it was is told by the total, or by a part that is larger than the whole;
where neither tells, it is as OpenTelemetry has it.
"""

from collections.abc import Mapping
from typing import Any

LIMIT = 2**31 - 1


def buckets(
    prompt: Any, completion: Any, *, read: Any = None, written: Any = None, reasoning: Any = None, total: Any = None
) -> dict[str, int]:
    """Declared fields; none where nobody counted. What was not told of a counted call is 0."""
    told = [count(value) for value in (prompt, completion, read, written, reasoning, total)]
    if not any(value is not None for value in told[:3]):
        return {}
    asked, replied, cached, cache_written, reasoned, whole = (value or 0 for value in told)
    kept = cached + cache_written
    ways = [
        (plain, output)
        for plain, output in (
            (asked - kept, replied - reasoned),
            (asked - kept, replied),
            (asked, replied - reasoned),
            (asked, replied),
        )
        if plain >= 0 and output >= 0
    ]
    plain, output = next((way for way in ways if sum(way) + kept + reasoned == whole), ways[0])
    return {
        "input_tokens": plain,
        "cache_read_tokens": cached,
        "cache_write_tokens": cache_written,
        "output_tokens": output,
        "reasoning_tokens": reasoned,
    }


def from_openai(raw: Mapping[str, Any]) -> dict[str, int]:
    """Buckets of a `usage` object: OpenAI's chat or responses, Anthropic's, or LiteLLM's own of either."""
    prompt_details = part(raw, "prompt_tokens_details") or part(raw, "input_tokens_details")
    completion_details = part(raw, "completion_tokens_details") or part(raw, "output_tokens_details")
    return buckets(
        first(raw.get("prompt_tokens"), raw.get("input_tokens")),
        first(raw.get("completion_tokens"), raw.get("output_tokens")),
        read=first(
            prompt_details.get("cached_tokens"),
            raw.get("cached_prompt_tokens"),
            raw.get("cache_read_input_tokens"),
            raw.get("prompt_cache_hit_tokens"),
        ),
        written=first(
            prompt_details.get("cache_creation_tokens"),
            prompt_details.get("cache_write_tokens"),
            raw.get("cache_creation_input_tokens"),
        ),
        reasoning=first(completion_details.get("reasoning_tokens"), raw.get("reasoning_tokens")),
        total=raw.get("total_tokens"),
    )


def count(value: Any) -> int | None:
    """A count of tokens; None for whatever isn't one."""
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) < 12 else None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or not 0 <= value <= LIMIT:  # noqa: PLR0124 (NaN)
        return None
    return int(value)


def part(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = raw.get(name)
    return found if isinstance(found, Mapping) else {}


def first(*values: Any) -> int | None:
    """The first count that is more than nothing, else the first at all."""
    counts = [number for number in map(count, values) if number is not None]
    return next((number for number in counts if number), counts[0] if counts else None)
