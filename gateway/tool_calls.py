"""The tool calls of one reply, put together from the pieces in which they are streamed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.protocol import ToolCallDelta


@dataclass(slots=True)
class ToolCall:
    """One tool that the model wants used. `arguments` is JSON as the model wrote it."""

    id: str
    name: str
    arguments: str = ""
    extra: Mapping[str, Any] | None = None

    def message(self) -> dict[str, Any]:
        """As OpenAI's `tool_calls` has it."""
        function = {"name": self.name, "arguments": self.arguments or "{}"}
        told: dict[str, Any] = {"id": self.id, "type": "function", "function": function}
        return told | {"extra_content": self.extra} if self.extra else told


class Collector:
    """Pieces in, calls out. Some servers number all their calls 0: another id with a name begins another call."""

    def __init__(self) -> None:
        self.calls: list[ToolCall] = []
        self._by_index: dict[int, ToolCall] = {}

    def take(self, pieces: Iterable[ToolCallDelta]) -> None:
        for piece in pieces:
            call = self._by_index.get(piece.index)
            if call is None or (piece.name and piece.id and call.id not in ("", piece.id)):
                call = self._by_index[piece.index] = ToolCall(piece.id, piece.name)
                self.calls.append(call)
            elif piece.name and not call.name:
                call.name = piece.name
            call.id = call.id or piece.id
            call.arguments += piece.arguments
            call.extra = piece.extra or call.extra
