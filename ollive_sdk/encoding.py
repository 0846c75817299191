"""Events as JSON, whatever is in them: unknown objects become words, what is too long loses its content, nothing raises."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from ollive_sdk.safety import harmless

EVENT_LIMIT = 2 * 1024 * 1024  # bytes
CONTENT = (
    "raw_payload",
    "tools",
    "result",
    "arguments",
    "messages",
    "reasoning",
    "reply",
)  # given up in this order
DEPTH, TEXT = 32, 1_000
UNSENT = {"NotGiven", "Omit"}  # how OpenAI's client writes "not given"


def encode(event: Mapping[str, Any]) -> tuple[bytes, bool]:
    """The event's JSON, and whether content was left out of it because it was too long or could not be read."""
    data = _encoded(event)
    if data is not None and len(data) <= EVENT_LIMIT:
        return data, False
    kept = dict(event)
    for name in CONTENT:
        if kept.pop(name, None) is not None:
            data = _encoded(kept)
            if data is not None and len(data) <= EVENT_LIMIT:
                return data, True
    bare = {name: value for name, value in kept.items() if isinstance(value, int | float) or len(str(value)) <= TEXT}
    return _encoded(bare) or b"{}", True


def is_given(value: object) -> bool:
    return value is not None and type(value).__name__ not in UNSENT


@harmless
def plain(value: Any) -> Any:
    """What JSON has no form for, in one that it has; None where the value itself raises."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", exclude_none=True, warnings=False)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    return str(value)[:TEXT]


_encoder = json.JSONEncoder(default=plain, allow_nan=False, separators=(",", ":"))


def _encoded(event: Mapping[str, Any]) -> bytes | None:
    try:
        return _encoder.encode(event).encode()
    except (ValueError, TypeError, RecursionError):  # NaN, a circle, keys that are no text
        try:
            return _encoder.encode(_cleaned(event)).encode()
        except (ValueError, TypeError, RecursionError):
            return None


def _cleaned(value: Any, depth: int = 0) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth == DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {str(key): _cleaned(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(inner, depth + 1) for inner in value]
    return _cleaned(plain(value), depth + 1)
