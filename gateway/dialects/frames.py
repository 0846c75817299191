"""What all protocols are written with: server-sent events, and pieces that are passed on as their provider wrote them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.protocol import Delta, StreamPart, Usage


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the answer in the provider's own words: an event's data, or the whole answer."""

    said: Any


def event(data: Mapping[str, Any], name: str = "") -> bytes:
    """A server-sent event."""
    return (b"event: " + name.encode() + b"\n" if name else b"") + b"data: " + orjson.dumps(data) + b"\n\n"


class Writer(ABC):
    """Writes one answer, event by event. What a provider of this protocol said is passed on as it is."""

    def __init__(self) -> None:
        self._usage: Usage | None = None
        self._reason = "stop"
        self._passed: dict[str, Any] | None = None

    def take(self, part: StreamPart | Piece) -> bytes:
        """The events that tell of the part."""
        if isinstance(part, Piece):
            self._passed = part.said
            return event(part.said, str(part.said.get("type", "")))
        if self._passed is not None:
            return b""
        if isinstance(part, Delta):
            return b"".join([*self._begin(), *self._told(part)])
        if isinstance(part, Usage):
            self._usage = part
        else:
            self._reason = part.reason
        return b""

    @abstractmethod
    def _begin(self) -> Iterator[bytes]:
        """The events before the first word; none the second time."""

    @abstractmethod
    def _told(self, part: Delta) -> Iterator[bytes]:
        """The events of what was said."""
