"""The answer of Anthropic's messages API, out of what any provider says."""

import secrets
from collections.abc import Iterator
from typing import Any

import orjson

from accounts.entrance import Refused
from gateway.dialects import frames
from gateway.dialects.frames import event
from gateway.protocol import Delta, ToolCallDelta, Usage

STOP_REASONS = {"length": "max_tokens", "tool_calls": "tool_use", "function_call": "tool_use", "content_filter": "refusal"}
ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


class Writer(frames.Writer):
    """Writes one answer."""

    ping = event({"type": "ping"}, "ping")

    def __init__(self, model: str) -> None:
        super().__init__()
        self._model = model
        self._id = f"msg_{secrets.token_hex(12)}"
        self._blocks: list[dict[str, Any]] = []
        self._arguments: dict[int, str] = {}  # of the tools' blocks, by their place
        self._tools: dict[int, int] = {}  # a tool call's index → its block's place
        self._open: list[int] = []
        self._has_begun = False

    def end(self) -> bytes:
        if self._passed is not None:
            return b""
        frames = [*self._begin(), *self._close()]
        delta = {"stop_reason": self._stop_reason, "stop_sequence": None}
        frames.append(event({"type": "message_delta", "delta": delta, "usage": usage(self._usage or Usage())}, "message_delta"))
        frames.append(event({"type": "message_stop"}, "message_stop"))
        return b"".join(frames)

    def whole(self) -> dict[str, Any]:
        if self._passed is not None:
            return self._passed
        for place, arguments in self._arguments.items():
            self._blocks[place]["input"] = _object(arguments)
        return {
            **self._opening(),
            "content": self._blocks,
            "stop_reason": self._stop_reason,
            "usage": usage(self._usage or Usage()),
        }

    def fail(self, refused: Refused) -> bytes:
        return event(error(refused), "error")

    @property
    def _stop_reason(self) -> str:
        return STOP_REASONS.get(self._reason, "end_turn")

    def _opening(self) -> dict[str, Any]:
        return {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage(self._usage or Usage()),
        }

    def _begin(self) -> Iterator[bytes]:
        if not self._has_begun:
            self._has_begun = True
            yield event({"type": "message_start", "message": self._opening()}, "message_start")

    def _told(self, part: Delta) -> Iterator[bytes]:
        if part.reasoning:
            yield from self._say("thinking", {"thinking": "", "signature": ""}, part.reasoning)
        if part.content:
            yield from self._say("text", {"text": ""}, part.content)
        for call in part.tool_calls:
            yield from self._call(call)

    def _say(self, kind: str, empty: dict[str, Any], text: str) -> Iterator[bytes]:
        if not self._open or self._blocks[self._open[-1]]["type"] != kind:
            yield from self._close()
            yield self._start({"type": kind, **empty})
        place = self._open[-1]
        self._blocks[place][kind] += text
        yield _delta(place, {"type": f"{kind}_delta", kind: text})

    def _call(self, call: ToolCallDelta) -> Iterator[bytes]:
        if call.index not in self._tools:
            if self._open and self._blocks[self._open[-1]]["type"] != "tool_use":
                yield from self._close()
            self._tools[call.index] = len(self._blocks)
            self._arguments[len(self._blocks)] = ""
            yield self._start(
                {"type": "tool_use", "id": call.id or f"toolu_{secrets.token_hex(12)}", "name": call.name, "input": {}}
            )
        if call.arguments:
            place = self._tools[call.index]
            self._arguments[place] += call.arguments
            yield _delta(place, {"type": "input_json_delta", "partial_json": call.arguments})

    def _start(self, block: dict[str, Any]) -> bytes:
        self._open.append(len(self._blocks))
        frame = event({"type": "content_block_start", "index": len(self._blocks), "content_block": block}, "content_block_start")
        self._blocks.append(dict(block))
        return frame

    def _close(self) -> Iterator[bytes]:
        for place in self._open:
            yield event({"type": "content_block_stop", "index": place}, "content_block_stop")
        self._open.clear()


def usage(used: Usage) -> dict[str, int]:
    """Tokens as this protocol counts them: those of the cache are not among the others."""
    return {
        "input_tokens": used.input_tokens,
        "cache_creation_input_tokens": used.cache_write_tokens,
        "cache_read_input_tokens": used.cache_read_tokens,
        "output_tokens": used.completion_tokens,
    }


def error(refused: Refused) -> dict[str, Any]:
    """An error in this protocol's shape."""
    kind = ERROR_TYPES.get(refused.status, "api_error" if refused.status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": refused.message}}


def _delta(place: int, delta: dict[str, Any]) -> bytes:
    return event({"type": "content_block_delta", "index": place, "delta": delta}, "content_block_delta")


def _object(arguments: str) -> Any:
    try:
        return orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        return {"_raw": arguments}  # what the model wrote is not lost for being broken
