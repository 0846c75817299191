"""OpenAI's older completions of a text, and its embeddings: as the provider writes them, under the name that was asked for."""

import base64
import struct
from collections.abc import Mapping
from typing import Any

from accounts.entrance import Refused
from gateway.completions.refusals import as_error
from gateway.dialects.fields import MAX_OUTPUT_TOKENS, Fields, wrong
from gateway.dialects.frames import Piece, event
from gateway.protocol import StreamPart

MAX_INPUTS = 2_048
MAX_TOKENS = 400_000
LONG = 4_000_000
PENALTIES = ("frequency_penalty", "presence_penalty")


def read_completion(fields: Fields) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The prompts and what they shall lead to as messages, and the parameters. Raises `Refused`."""
    parameters: dict[str, Any] = {
        "max_tokens": fields.whole("max_tokens", 1, MAX_OUTPUT_TOKENS),
        "temperature": fields.number("temperature", 0, 2),
        "top_p": fields.number("top_p", 0, 1),
        "n": fields.whole("n", 1, 16),
        "best_of": fields.whole("best_of", 1, 16),
        "logprobs": fields.whole("logprobs", 0, 5),
        "seed": fields.whole("seed", -(2**63), 2**63 - 1),
        "echo": fields.flag("echo") or None,
        "stop": fields.stops("stop") or None,
    }
    parameters |= {name: fields.number(name, -2, 2) for name in PENALTIES}
    messages = read_input(fields, "prompt", most=128)
    if suffix := fields.text("suffix", limit=LONG):
        messages.append({"role": "user", "content": suffix})
    return messages, {name: value for name, value in parameters.items() if value is not None}


def read_embedding(fields: Fields) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The inputs as messages, and the parameters. Raises `Refused`."""
    dimensions = fields.whole("dimensions", 1, 100_000)
    return read_input(fields, "input", most=MAX_INPUTS), {"dimensions": dimensions} if dimensions else {}


def read_input(fields: Fields, name: str, *, most: int) -> list[dict[str, Any]]:
    """A text, texts, tokens or lists of tokens, each as a message for the log. Raises `Refused`."""
    given = fields.given.get(name)
    if given is None:
        fields.text(name, is_needed=True)
    inputs = [given] if isinstance(given, str) or _is_tokens(given) else given
    if not isinstance(inputs, list) or not 0 < len(inputs) <= most:
        raise wrong(name, f"must be a text, or a list of 1 to {most:,}")
    is_text = isinstance(inputs[0], str)
    if not all(isinstance(one, str) and one != "" if is_text else _is_tokens(one) for one in inputs):
        raise wrong(name, "must hold texts, none of them empty, or lists of tokens")
    return [{"role": "user", "content": one if is_text else f"[{len(one):,} tokens]"} for one in inputs]


def has_tokens(given: Any) -> bool:
    """Whether it comes as tokens, which nobody here can read."""
    return isinstance(given, list) and bool(given) and not isinstance(given[0], str)


class Completion:
    """Writes one completion of a text."""

    ping = b": ping\n\n"

    def __init__(self, model: str, *, has_usage: bool) -> None:
        self._model = model
        self._has_usage = has_usage
        self._last: Mapping[str, Any] = {}

    def take(self, part: StreamPart | Piece) -> bytes:
        if not isinstance(part, Piece):
            return b""
        choices = [
            {"logprobs": None, "finish_reason": None, **one, "text": one.get("text") or ""}
            for one in part.said.get("choices") or ()
        ]
        self._last = {**part.said, "object": "text_completion", "model": self._model, "choices": choices}
        if not choices and not self._has_usage:
            return b""
        return event(self._last)

    def end(self) -> bytes:
        return b"data: [DONE]\n\n"

    def whole(self) -> Mapping[str, Any]:
        return self._last

    def fail(self, refused: Refused) -> bytes:
        return event({"error": as_error(refused)})


class Embedding:
    """Writes one answer of vectors. They are numbers or base64, as it was asked, whatever the provider gives."""

    ping = b""

    def __init__(self, model: str, *, is_base64: bool) -> None:
        self._model = model
        self._is_base64 = is_base64
        self._answer: Mapping[str, Any] = {}

    def take(self, part: StreamPart | Piece) -> bytes:
        if isinstance(part, Piece):
            self._answer = part.said
        return b""

    def end(self) -> bytes:
        return b""

    def whole(self) -> Mapping[str, Any]:
        data = [{**row, "object": "embedding", "embedding": self._vector(row.get("embedding"))} for row in self._answer["data"]]
        told = {"object": "list", "data": data, "model": self._model}
        used = self._answer.get("usage") or {}
        prompt = used.get("prompt_tokens") or used.get("total_tokens") or 0
        return {**told, "usage": {"prompt_tokens": prompt, "total_tokens": used.get("total_tokens") or prompt}}

    def fail(self, refused: Refused) -> bytes:
        return b""

    def _vector(self, given: Any) -> Any:
        if self._is_base64 and isinstance(given, list):
            return base64.b64encode(struct.pack(f"<{len(given)}f", *given)).decode()
        if not self._is_base64 and isinstance(given, str):
            data = base64.b64decode(given)
            return list(struct.unpack(f"<{len(data) // 4}f", data))
        return given


def _is_tokens(given: Any) -> bool:
    is_list = isinstance(given, list) and 0 < len(given) <= MAX_TOKENS
    return is_list and all(isinstance(token, int) and not isinstance(token, bool) and 0 <= token < 2**31 for token in given)
