"""What all protocols are written with: server-sent events, and pieces that are passed on as their provider wrote them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the answer in the provider's own words: an event's data, or the whole answer."""

    said: Any


def event(data: Mapping[str, Any], name: str = "") -> bytes:
    """A server-sent event."""
    return (b"event: " + name.encode() + b"\n" if name else b"") + b"data: " + orjson.dumps(data) + b"\n\n"
