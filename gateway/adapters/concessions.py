"""Giving way to servers that refuse a parameter by name: what may be left out or renamed, so that the call still works.

What a server refused is remembered, so that only its first call is asked twice.
"""

from collections.abc import Set as AbstractSet
from typing import Any

from gateway.protocol import ChatRequest, Target

LIMITS = ("max_tokens", "max_completion_tokens")
# Models that reason take their own value only; those that don't take no effort.
OPTIONAL = ("temperature", "top_p", "seed", "stop", "reasoning_effort", "parallel_tool_calls")
UNWANTED = ("unsupported", "not support", "unrecognized", "unknown", "extra", "not permitted", "unexpected", "instead")
REMEMBERED = 1000

_remembered: dict[tuple[str | None, str], frozenset[str]] = {}


def conceded_to(target: Target) -> frozenset[str]:
    """What this model's server refused before."""
    return _remembered.get((target.base_url, target.model), frozenset())


def remember(target: Target, conceded: frozenset[str]) -> None:
    if len(_remembered) >= REMEMBERED:
        _remembered.clear()
    _remembered[target.base_url, target.model] = conceded


def body_of(request: ChatRequest, conceded: AbstractSet[str], *, is_stream: bool = True) -> dict[str, Any]:
    """The body to send, less what was conceded."""
    body: dict[str, Any] = {"model": request.target.model, "messages": request.messages, **request.parameters}
    if is_stream:
        body["stream"] = True
        if "stream_options" not in conceded:
            body["stream_options"] = {"include_usage": True}
    limits = [body.pop(name, None) for name in LIMITS]
    limit = next((value for value in limits if value is not None), None)
    if limit is not None:
        body[_limit_name(request.target, conceded)] = limit
    for name in OPTIONAL:
        if name in conceded:
            body.pop(name, None)
    return body


def next_concession(status: int, refusal: str, body: dict[str, Any], conceded: AbstractSet[str]) -> str | None:
    """What to give up after a refusal, or None when giving up would not help. Each thing is given up once."""
    if status not in {400, 422}:
        return None
    text = refusal.lower()
    if "stream_options" in text and "stream_options" in body:
        return "stream_options"
    if not any(word in text for word in UNWANTED):
        return None
    if "max_tokens" not in conceded and any(name in text and name in body for name in LIMITS):
        return "max_tokens"
    return next((name for name in OPTIONAL if name in text and name in body), None)


def _limit_name(target: Target, conceded: AbstractSet[str]) -> str:
    """Newer servers of OpenAI's protocol call the limit otherwise, and each knows only one of the two names."""
    usual = str(target.options.get("max_tokens", LIMITS[0]))
    if "max_tokens" not in conceded:
        return usual
    return LIMITS[1] if usual == LIMITS[0] else LIMITS[0]


def forget() -> None:
    """Ask every server for everything again."""
    _remembered.clear()
