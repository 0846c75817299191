"""OpenAI's streamed chunks as they are read: only the fields that are used, all of them optional, as servers differ."""

from typing import Any

import msgspec

from gateway.adapters.usage import from_openai
from gateway.protocol import Delta, Finish, ToolCallDelta, Usage


class Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class ToolCall(msgspec.Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: Function | None = None
    extra_content: dict[str, Any] | None = None


class Piece(msgspec.Struct):
    """A `delta`, or the `message` of an answer that isn't streamed."""

    role: str | None = None
    content: str | list[dict[str, Any]] | None = None
    reasoning_content: str | None = None
    reasoning: str | dict[str, Any] | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None


class Choice(msgspec.Struct):
    index: int | None = None
    delta: Piece | None = None
    message: Piece | None = None
    finish_reason: str | None = None


class Chunk(msgspec.Struct):
    id: str | None = None
    choices: list[Choice] | None = None
    usage: dict[str, Any] | None = None
    model: str | None = None
    error: Any = None
    object: str | None = None


decode = msgspec.json.Decoder(Chunk).decode

FINISH_REASONS = {"eos": "stop", "end_turn": "stop", "eos_token": "stop", "model_length": "length", "max_tokens": "length"}


def delta_of(piece: Piece, index: int) -> Delta | None:
    """The delta of one choice, or None where the piece says nothing (the role alone, an empty text)."""
    content, reasoning = piece.content, piece.reasoning_content or ""
    if not reasoning and isinstance(piece.reasoning, str):
        reasoning = piece.reasoning
    if isinstance(content, list):
        content, thought = _joined(content)
        reasoning = reasoning or thought
    content = content or piece.refusal or ""
    if piece.tool_calls:
        calls = [_tool_call(call, position) for position, call in enumerate(piece.tool_calls)]
        return Delta(content, reasoning, calls, index)
    return Delta(content, reasoning, (), index) if content or reasoning else None


def _joined(parts: list[dict[str, Any]]) -> tuple[str, str]:
    """Text and reasoning of a content that comes in typed parts."""
    text, thought = [], []
    for part in parts:
        inner = part.get("thinking")
        if isinstance(inner, list):
            thought += [str(item.get("text", "")) for item in inner if isinstance(item, dict)]
        elif isinstance(inner, str):
            thought.append(inner)
        else:
            text.append(str(part.get("text") or ""))
    return "".join(text), "".join(thought)


def _tool_call(call: ToolCall, position: int) -> ToolCallDelta:
    function = call.function or Function()
    index = position if call.index is None else call.index
    return ToolCallDelta(index, call.id or "", function.name or "", function.arguments or "", call.extra_content)


class Transcript:
    """Turns the chunks of one call into parts; usage and the finishes are kept for the end, which is one place."""

    __slots__ = ("_choice_count", "_finishes", "_model", "_usage", "has_parts")

    def __init__(self, choice_count: int) -> None:
        self._choice_count = choice_count
        self._finishes: dict[int, str] = {}
        self._usage: Usage | None = None
        self._model = ""
        self.has_parts = False

    def read(self, chunk: Chunk) -> list[Delta]:
        """The deltas of a chunk."""
        deltas = []
        for choice in chunk.choices or ():
            piece = choice.delta or choice.message
            index = choice.index or 0
            if piece is not None and (delta := delta_of(piece, index)) is not None:
                deltas.append(delta)
                self.has_parts = True
            if choice.finish_reason:
                self._finishes[index] = FINISH_REASONS.get(choice.finish_reason, choice.finish_reason)
                self._model = chunk.model or ""
        if chunk.usage:
            self._usage = from_openai(chunk.usage)
        return deltas

    @property
    def is_finished(self) -> bool:
        """Whether every choice has said how it ended."""
        return len(self._finishes) >= self._choice_count

    def end(self) -> list[Usage | Finish]:
        """Usage, where the provider told it, and one finish a choice."""
        finishes = self._finishes or {0: "stop"}
        ends: list[Usage | Finish] = [self._usage] if self._usage else []
        return [*ends, *(Finish(reason, index, self._model) for index, reason in sorted(finishes.items()))]
