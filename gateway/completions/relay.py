"""Passes a provider's events on as they are, and reads along: what was said, what it used, how it ended.

An event is written anew only where a client of OpenAI's would stumble over it: without an id or with another one, a first piece
without its role, a reason to finish that OpenAI doesn't know. The usage comes at the very end, to those who asked for it.
"""

import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from gateway.adapters import wire
from gateway.adapters.direct import DONE
from gateway.adapters.faults import fault, of_error
from gateway.adapters.sse import EventReader
from gateway.completions.collected import Collected, Said
from gateway.protocol import ProviderError

CHUNK = "chat.completion.chunk"
START, END = b"data: ", b"\n\n"
encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode


def frame(value: Any) -> bytes:
    """One event."""
    return START + encode(value) + END


def new_id() -> str:
    return f"chatcmpl-{uuid.uuid4().hex}"


class Relay:
    """A `Reading` of one reply; gives the bytes to send. Nothing is given before the model has said anything: until then
    another attempt may take its place.
    """

    def __init__(self, who: str, model: str, choice_count: int, said: Collected) -> None:
        self.head: dict[str, Any] = {"id": "", "object": CHUNK, "created": 0, "model": model}
        self.is_done = self.has_output = self.has_events = False
        self.usage: Mapping[str, Any] | None = None
        self._who = who
        self._choice_count = choice_count
        self._said = said
        self._reader = EventReader()
        self._held: list[bytes] = []
        self._is_odd = False  # every event has to be written anew
        self._finished_count = 0
        self._has_sent = False
        self._fault: ProviderError | None = None

    @property
    def is_finished(self) -> bool:
        return self._finished_count >= self._choice_count

    def feed(self, data: bytes) -> Iterable[bytes]:
        return self._take(self._reader.feed(data))

    def rest(self) -> Iterable[bytes]:
        if self._fault is not None:
            raise self._fault
        return () if self.is_done else self._take(self._reader.rest())

    def take_whole(self, body: bytes) -> Iterable[bytes]:
        self._is_odd = True
        pieces = self._take([body])
        self.is_done = True
        return pieces

    def ends(self, content_type: str) -> Iterable[bytes]:
        """What is left to send before the usage."""
        if not (self.is_done or self.is_finished):
            if not self.has_events:
                raise fault(
                    "bad_response", self._who, f"It is {content_type or 'empty'}, not a stream of events.", retryable=False
                )
            raise fault("connection", self._who, "It ended the stream before the reply was complete.")
        frames, self._held = self._held, []
        for index in range(self._choice_count):
            if not self._said[index].finish:
                self._said[index].finish = "stop"
                frames.append(frame(self._named() | {"choices": [{"index": index, "delta": {}, "finish_reason": "stop"}]}))
        self.has_output = True
        return [b"".join(frames)] if frames else ()

    def _take(self, payloads: list[bytes]) -> Iterable[bytes]:
        frames: list[bytes] = []
        for payload in payloads:
            if payload == DONE:
                self.is_done = True
                break
            try:
                sent = self._read(payload)
            except (ProviderError, msgspec.MsgspecError) as error:
                if not (self._has_sent and frames):
                    raise
                # What was said before it is passed on first.
                self._fault, self.is_done = self._in_table(error), True
                break
            if sent is not None:
                frames += (START, sent, END)
        if not frames:
            return ()
        if not self.has_output:
            self._held += frames
            return ()
        if self._held:
            frames, self._held = [*self._held, *frames], []
        self._has_sent = True
        return (b"".join(frames),)

    def _in_table(self, error: Exception) -> ProviderError:
        if isinstance(error, ProviderError):
            return error
        return fault("bad_response", self._who, f"A piece of the stream is not what it should be: {error}.")

    def _read(self, payload: bytes) -> bytes | None:
        """The event as it is to be sent on, if it is."""
        chunk = wire.decode(payload)
        if chunk.error or chunk.object == "error":
            raise of_error(self._who, chunk.error or decode(payload))
        if chunk.usage:
            self.usage = chunk.usage
        if not chunk.choices:
            self.has_events = self.has_events or chunk.choices is not None
            return None
        if not self.has_events:
            self._begin(chunk, payload)
        is_plain = chunk.id == self.head["id"] and not self._is_odd
        for choice in chunk.choices:
            piece, index = choice.delta, choice.index or 0
            is_first = index not in self._said
            said = self._said[index]
            if piece is None or (is_first and piece.role is None):
                is_plain = False
            if piece is not None or choice.message is not None:
                is_plain = self._hear(said, piece or choice.message, is_first) and is_plain
            if choice.finish_reason:
                self._finished_count += not said.finish
                self.has_output = True
                said.finish = wire.FINISH_REASONS.get(choice.finish_reason, choice.finish_reason)
                is_plain = is_plain and said.finish == choice.finish_reason
        return payload if is_plain else self._rewritten(payload)

    def _hear(self, said: Said, piece: Any, is_first: bool) -> bool:
        """Note what was said; False if it was said in a way that is not OpenAI's."""
        content = piece.content
        if content.__class__ is str and not (piece.tool_calls or piece.reasoning_content or piece.reasoning):
            if content:
                said.content.append(content)
                self.has_output = True
            return True
        delta = wire.delta_of(piece, 0)
        if delta is not None:
            self.has_output = True
            if delta.content:
                said.content.append(delta.content)
            if delta.reasoning:
                said.reasoning.append(delta.reasoning)
            said.asked.take(delta.tool_calls)
        elif not is_first:
            self.has_output = True  # in words that we do not know, such as a voice's
        return content.__class__ is not list

    def _begin(self, chunk: wire.Chunk, payload: bytes) -> None:
        self.has_events = True
        self.head["model"] = chunk.model or self.head["model"]
        self._named(chunk.id or "")
        self._is_odd = self._is_odd or chunk.object != CHUNK or b'"created"' not in payload or not chunk.model

    def _named(self, given: str = "") -> dict[str, Any]:
        """What all events have in common."""
        if not self.head["id"]:
            self.head |= {"id": given or new_id(), "created": int(time.time())}
        return self.head

    def _rewritten(self, payload: bytes) -> bytes:
        event: dict[str, Any] = decode(payload)
        created = event.get("created") or self.head["created"]
        choices = [self._choice(choice) for choice in event["choices"]]
        return encode(event | self.head | {"created": created, "choices": choices})

    def _choice(self, choice: dict[str, Any]) -> dict[str, Any]:
        index = choice.get("index") or 0
        delta = dict(choice.pop("delta", None) or choice.pop("message", None) or {})
        if isinstance(delta.get("content"), list):
            told = wire.delta_of(msgspec.convert(delta, wire.Piece), 0)
            delta["content"] = told.content if told else ""
            if told and told.reasoning:
                delta["reasoning_content"] = told.reasoning
        for place, call in enumerate(delta.get("tool_calls") or ()):
            call.setdefault("index", place)
        delta = {"role": "assistant"} | delta
        reason = choice.get("finish_reason")
        if reason is not None:
            reason = wire.FINISH_REASONS.get(reason, reason)
        return choice | {"index": index, "delta": delta, "finish_reason": reason}
