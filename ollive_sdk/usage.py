"""What a provider says it used, in buckets that don't overlap and sum to its total.

OpenAI counts cached tokens inside `prompt_tokens` and reasoning inside `completion_tokens`; so do LiteLLM and most relatives.
Some count reasoning outside, which their `total_tokens` gives away. The Responses API says `input_tokens` and `output_tokens`.
"""

from collections.abc import Mapping
from typing import Any


def usage_fields(raw: Any) -> dict[str, Any]:
    """The event's fields of OpenAI's `usage`, as an object or as a mapping; empty without one."""
    told = raw.model_dump(exclude_none=True, warnings=False) if hasattr(raw, "model_dump") else raw
    if not isinstance(told, Mapping) or not told:
        return {}
    prompt = _first(told.get("prompt_tokens"), told.get("input_tokens"))
    completion = _first(told.get("completion_tokens"), told.get("output_tokens"))
    into = {**_details(told, "input_tokens_details"), **_details(told, "prompt_tokens_details")}
    out = {**_details(told, "output_tokens_details"), **_details(told, "completion_tokens_details")}
    cached = (into.get("cached_tokens"), told.get("cache_read_input_tokens"), told.get("prompt_cache_hit_tokens"))
    written = (into.get("cache_creation_tokens"), into.get("cache_write_tokens"), told.get("cache_creation_input_tokens"))
    read = min(prompt, _first(*cached))
    wrote = min(prompt - read, _first(*written))
    outside = max(0, _first(told.get("total_tokens")) - prompt - completion)
    reasoning = min(completion, _first(out.get("reasoning_tokens"), told.get("reasoning_tokens")))
    return {
        "input_tokens": prompt - read - wrote,
        "cache_read_tokens": read,
        "cache_write_tokens": wrote,
        "output_tokens": completion if outside else completion - reasoning,
        "reasoning_tokens": outside or reasoning,
        "usage": dict(told),
        "usage_source": "provider",
    }


def _details(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = told.get(name)
    return found if isinstance(found, Mapping) else {}


def _first(*values: Any) -> int:
    """The first count that is one."""
    return next((int(value) for value in values if isinstance(value, int | float) and 0 < value < 1e12), 0)
