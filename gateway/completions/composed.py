"""Writes OpenAI's chunks out of the deltas of an adapter: where the wire is another, or where values have to be put back.

In the mode `mask` what the model says passes the redactor of its choice and field, which holds back what may become a secret;
then placeholders of ours become values again, in what is read, never in the arguments of tools.
"""

import time
from collections.abc import Mapping
from typing import Any

from gateway.completions.collected import Collected
from gateway.completions.relay import CHUNK, frame, new_id
from gateway.protocol import Delta, Finish, ToolCallDelta
from telemetry.redaction import Redactor
from telemetry.redaction.masking import StreamRestorer


class Veil:
    """One choice in the mode `mask`."""

    def __init__(self, redactor: Redactor, values: Mapping[str, str]) -> None:
        self._redactor = redactor
        self._content = redactor.stream()
        self._reasoning = redactor.stream()
        self._restorer = StreamRestorer(values)
        self._arguments: dict[int, Any] = {}

    def pass_on(self, delta: Delta) -> tuple[Delta, str]:
        """The delta as it may be kept, and the content as it is sent."""
        content = self._content.feed(delta.content) if delta.content else ""
        reasoning = self._reasoning.feed(delta.reasoning) if delta.reasoning else ""
        calls = tuple(self._call(call) for call in delta.tool_calls)
        return Delta(content, reasoning, calls, delta.index), self._restorer.feed(content) if content else ""

    def rest(self, index: int) -> tuple[Delta, str]:
        """What was held back when the reply ended."""
        content = self._content.flush()
        calls = tuple(
            ToolCallDelta(place, arguments=rest) for place, stream in self._arguments.items() if (rest := stream.flush())
        )
        sent = self._restorer.feed(content) + self._restorer.flush()
        return Delta(content, self._reasoning.flush(), calls, index), sent

    def _call(self, call: ToolCallDelta) -> ToolCallDelta:
        if not call.arguments:
            return call
        stream = self._arguments.get(call.index)
        if stream is None:
            stream = self._arguments[call.index] = self._redactor.stream()
        return ToolCallDelta(call.index, call.id, call.name, stream.feed(call.arguments), call.extra)


class Composer:
    """Deltas in, bytes of events out. `values` are those of the placeholders, None where nothing is masked."""

    def __init__(
        self, model: str, choice_count: int, said: Collected, *, redactor: Redactor, values: Mapping[str, str] | None
    ) -> None:
        self.head: dict[str, Any] = {"id": new_id(), "object": CHUNK, "created": int(time.time()), "model": model}
        self.sent: dict[int, list[str]] = {}  # the contents as they were sent
        self._choice_count = choice_count
        self._said = said
        self._redactor = redactor
        self._values = values
        self._veils: dict[int, Veil] = {}

    def take(self, delta: Delta) -> bytes:
        if self._values is None:
            return self._tell(delta, delta.content)
        veil = self._veils.get(delta.index)
        if veil is None:
            veil = self._veils[delta.index] = Veil(self._redactor, self._values)
        return self._tell(*veil.pass_on(delta))

    def end(self, finishes: list[Finish]) -> bytes:
        """The rest of every choice, and why it ended."""
        frames = [self._tell(*veil.rest(index)) for index, veil in sorted(self._veils.items())]
        self._veils = {}
        reasons = {finish.index: finish.reason for finish in finishes}
        for index in range(self._choice_count):
            self._said[index].finish = reasons.get(index) or "stop"
            delta = {} if index in self.sent else {"role": "assistant", "content": ""}
            choice = {"index": index, "delta": delta, "finish_reason": self._said[index].finish}
            frames.append(frame(self.head | {"choices": [choice]}))
        return b"".join(frames)

    def _tell(self, kept: Delta, content: str) -> bytes:
        """Note what may be kept, and write what is sent."""
        is_first = kept.index not in self.sent
        said = self._said[kept.index]
        if kept.content:
            said.content.append(kept.content)
        if kept.reasoning:
            said.reasoning.append(kept.reasoning)
        said.asked.take(kept.tool_calls)
        delta: dict[str, Any] = {"role": "assistant"} if is_first else {}
        if content or is_first:
            delta["content"] = content
        if kept.reasoning:
            delta["reasoning_content"] = kept.reasoning
        if kept.tool_calls:
            delta["tool_calls"] = [_call(call) for call in kept.tool_calls]
        if not delta:
            return b""
        self.sent.setdefault(kept.index, []).append(content)
        return frame(self.head | {"choices": [{"index": kept.index, "delta": delta, "finish_reason": None}]})

    def whole(self) -> dict[str, Any]:
        """What was taken, as an answer in one piece; `end` comes first."""
        choices = []
        for index, said in sorted(self._said.items()):
            message: dict[str, Any] = {"role": "assistant", "content": "".join(self.sent.get(index, ())), "refusal": None}
            if said.reasoning:
                message["reasoning_content"] = "".join(said.reasoning)
            if said.asked.calls:
                message |= {"content": message["content"] or None, "tool_calls": [call.message() for call in said.asked.calls]}
            choices.append({"index": index, "message": message, "logprobs": None, "finish_reason": said.finish})
        return self.head | {"object": "chat.completion", "choices": choices}


def _call(call: ToolCallDelta) -> dict[str, Any]:
    function = {"arguments": call.arguments} | ({"name": call.name} if call.name else {})
    told: dict[str, Any] = {"index": call.index, "function": function}
    if call.id:
        told |= {"id": call.id, "type": "function"}
    return told | {"extra_content": call.extra} if call.extra else told
