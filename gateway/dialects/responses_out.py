"""The answer of OpenAI's responses API, out of what any provider says."""

import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any

from accounts.entrance import Refused
from gateway.dialects import frames
from gateway.dialects.frames import event
from gateway.protocol import Delta, ToolCallDelta, Usage

ECHOED = ("instructions", "max_output_tokens", "metadata", "reasoning", "temperature", "text", "tool_choice", "tools", "top_p")
DEFAULTS: Mapping[str, Any] = {"metadata": {}, "tools": [], "tool_choice": "auto", "text": {"format": {"type": "text"}}}
INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class Writer(frames.Writer):
    """Writes one answer."""

    ping = b": ping\n\n"

    def __init__(self, model: str, asked: Mapping[str, Any]) -> None:
        super().__init__()
        self._model = model
        self._asked = asked
        self._id = f"resp_{secrets.token_hex(24)}"
        self._created_at = int(time.time())
        self._items: list[dict[str, Any]] = []
        self._open: int | None = None  # the text or the thought that is being said
        self._calls: dict[int, int] = {}  # a tool call's index → its item's place
        self._number = 0

    def end(self) -> bytes:
        if self._passed is not None:
            return b""
        frames = [*self._begin(), *self._close()]
        for place in self._calls.values():
            frames += self._end_call(place)
        response = self.whole()
        return b"".join([*frames, self._frame(f"response.{response['status']}", response=response)])

    def whole(self) -> dict[str, Any]:
        if self._passed is not None:
            return self._passed
        why = INCOMPLETE.get(self._reason)
        return {
            **self._opening(),
            "status": "incomplete" if why else "completed",
            "incomplete_details": {"reason": why} if why else None,
            "output": self._items,
            "usage": usage(self._usage) if self._usage else None,
        }

    def fail(self, refused: Refused) -> bytes:
        error = {"code": refused.code, "message": refused.message}
        response = {**self._opening(), "status": "failed", "error": error, "output": self._items}
        return self._frame("response.failed", response=response)

    def _opening(self) -> dict[str, Any]:
        echoed = {name: self._asked.get(name, DEFAULTS.get(name)) for name in ECHOED}
        return {
            "id": self._id,
            "object": "response",
            "created_at": self._created_at,
            "status": "in_progress",
            "error": None,
            "incomplete_details": None,
            "model": self._model,
            "output": [],
            "parallel_tool_calls": self._asked.get("parallel_tool_calls", True),
            "previous_response_id": None,
            "store": False,
            "truncation": "disabled",
            "usage": None,
            **echoed,
        }

    def _frame(self, kind: str, **fields: Any) -> bytes:
        frame = event({"type": kind, "sequence_number": self._number, **fields}, kind)
        self._number += 1
        return frame

    def _begin(self) -> Iterator[bytes]:
        if not self._number:
            yield self._frame("response.created", response=self._opening())
            yield self._frame("response.in_progress", response=self._opening())

    def _told(self, part: Delta) -> Iterator[bytes]:
        if part.reasoning:
            yield from self._think(part.reasoning)
        if part.content:
            yield from self._say(part.content)
        for call in part.tool_calls:
            yield from self._call(call)

    def _is_open(self, kind: str) -> bool:
        return self._open is not None and self._items[self._open]["type"] == kind

    def _say(self, text: str) -> Iterator[bytes]:
        if not self._is_open("message"):
            yield from self._close()
            item: dict[str, Any] = {
                "id": f"msg_{secrets.token_hex(24)}",
                "type": "message",
                "status": "in_progress",
                "role": "assistant",
                "content": [],
            }
            yield self._add(item)
            item["content"] = [{"type": "output_text", "text": "", "annotations": [], "logprobs": []}]
            yield self._frame("response.content_part.added", **self._where(), content_index=0, part=dict(item["content"][0]))
        self._items[self._open or 0]["content"][0]["text"] += text
        yield self._frame("response.output_text.delta", **self._where(), content_index=0, delta=text, logprobs=[])

    def _think(self, text: str) -> Iterator[bytes]:
        if not self._is_open("reasoning"):
            yield from self._close()
            item: dict[str, Any] = {"id": f"rs_{secrets.token_hex(24)}", "type": "reasoning", "summary": []}
            yield self._add(item)
            item["summary"] = [{"type": "summary_text", "text": ""}]
            part = dict(item["summary"][0])
            yield self._frame("response.reasoning_summary_part.added", **self._where(), summary_index=0, part=part)
        self._items[self._open or 0]["summary"][0]["text"] += text
        yield self._frame("response.reasoning_summary_text.delta", **self._where(), summary_index=0, delta=text)

    def _call(self, call: ToolCallDelta) -> Iterator[bytes]:
        if call.index not in self._calls:
            yield from self._close()
            self._calls[call.index] = len(self._items)
            call_id = call.id or f"call_{secrets.token_hex(12)}"
            item = {"id": f"fc_{secrets.token_hex(24)}", "type": "function_call", "status": "in_progress", "call_id": call_id}
            yield self._add(item | {"name": call.name, "arguments": ""})
            self._open = None
        if call.arguments:
            place = self._calls[call.index]
            self._items[place]["arguments"] += call.arguments
            yield self._frame("response.function_call_arguments.delta", **self._where(place), delta=call.arguments)

    def _add(self, item: dict[str, Any]) -> bytes:
        self._open = len(self._items)
        self._items.append(item)
        return self._frame("response.output_item.added", output_index=self._open, item=dict(item))

    def _where(self, place: int | None = None) -> dict[str, Any]:
        place = self._open or 0 if place is None else place
        return {"item_id": self._items[place]["id"], "output_index": place}

    def _close(self) -> Iterator[bytes]:
        """End the text or the thought that is being said."""
        if self._open is None:
            return
        item, where = self._items[self._open], self._where()
        if item["type"] == "message":
            part = item["content"][0]
            yield self._frame("response.output_text.done", **where, content_index=0, text=part["text"], logprobs=[])
            yield self._frame("response.content_part.done", **where, content_index=0, part=part)
            item["status"] = "completed"
        else:
            part = item["summary"][0]
            yield self._frame("response.reasoning_summary_text.done", **where, summary_index=0, text=part["text"])
            yield self._frame("response.reasoning_summary_part.done", **where, summary_index=0, part=part)
        yield self._frame("response.output_item.done", output_index=self._open, item=item)
        self._open = None

    def _end_call(self, place: int) -> Iterator[bytes]:
        item = self._items[place]
        told = {"name": item["name"], "arguments": item["arguments"]}
        yield self._frame("response.function_call_arguments.done", **self._where(place), **told)
        item["status"] = "completed"
        yield self._frame("response.output_item.done", output_index=place, item=item)


def usage(used: Usage) -> dict[str, Any]:
    """Tokens as this protocol counts them."""
    return {
        "input_tokens": used.prompt_tokens,
        "input_tokens_details": {"cached_tokens": used.cache_read_tokens},
        "output_tokens": used.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
        "total_tokens": used.total_tokens,
    }
