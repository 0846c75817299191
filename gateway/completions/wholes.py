"""Answers in one piece: read along for the log, and passed on as the provider wrote them wherever a client can read that."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.adapters import wire
from gateway.adapters.faults import fault, of_error
from gateway.completions.collected import Collected
from gateway.completions.relay import decode, encode, new_id
from telemetry.policies import Rules
from telemetry.redaction.masking import StreamRestorer

OBJECT = "chat.completion"
SPOKEN = ("content", "reasoning_content", "reasoning", "refusal")


@dataclass(slots=True)
class Whole:
    """An answer as the provider sent it; `body` is what the program gets."""

    body: bytes
    model: str
    usage: Mapping[str, Any] | None

    def add_usage(self, usage: Mapping[str, int]) -> None:
        """Programs count on it, where the provider doesn't tell."""
        self.body = encode(decode(self.body) | {"usage": usage})


def read(body: bytes, said: Collected, *, who: str, model: str) -> Whole:
    """Note what an answer says. Raises `ProviderError`."""
    try:
        chunk = wire.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise fault("bad_response", who, f"It is not what it should be: {error}.") from error
    if chunk.error or chunk.object == "error":
        raise of_error(who, chunk.error or decode(body))
    if not chunk.choices or any(choice.message is None for choice in chunk.choices):
        raise fault("bad_response", who, "It holds no message.")
    is_plain = bool(chunk.id and chunk.model and chunk.object == OBJECT and b'"created"' in body)
    for place, choice in enumerate(chunk.choices):
        heard = said[place if choice.index is None else choice.index]
        message = choice.message or wire.Piece()
        delta = wire.delta_of(message, 0)
        if delta is not None:
            heard.content.append(delta.content)
            heard.reasoning.append(delta.reasoning)
            heard.asked.take(delta.tool_calls)
        heard.finish = wire.FINISH_REASONS.get(choice.finish_reason or "", choice.finish_reason or "stop")
        is_plain = is_plain and heard.finish == choice.finish_reason and not isinstance(message.content, list)
        is_plain = is_plain and choice.index is not None and message.role is not None
    return Whole(body if is_plain else _mended(body, model), chunk.model or model, chunk.usage)


def unmask(whole: Whole, said: Collected, *, rules: Rules, values: Mapping[str, str]) -> None:
    """Redact what the model brought along by itself, and put values back for placeholders of ours, in what is read.

    What nobody here knows the meaning of is redacted too; log probabilities would tell the text once more.
    """
    answer: dict[str, Any] = decode(whole.body)
    said.clear()
    for choice in answer["choices"]:
        choice["logprobs"] = None
        message = choice["message"]
        kept = {name: _redacted(name, value, rules) for name, value in message.items()}
        heard = said[choice["index"]]
        heard.finish = choice["finish_reason"]
        if (delta := wire.delta_of(msgspec.convert(kept, wire.Piece), 0)) is not None:
            heard.content.append(delta.content)
            heard.reasoning.append(delta.reasoning)
            heard.asked.take(delta.tool_calls)
        if isinstance(kept.get("content"), str):
            restorer = StreamRestorer(values)
            kept["content"] = restorer.feed(kept["content"]) + restorer.flush()
        choice["message"] = kept
    whole.body = encode(answer)


def _redacted(name: str, value: Any, rules: Rules) -> Any:
    if isinstance(value, str):
        return rules.redactor.redact(value).text if name in SPOKEN else value
    if name == "tool_calls":
        return [_call(call, rules) for call in value or ()] or None
    return rules.redactor.redact_json(value)


def _call(call: Mapping[str, Any], rules: Rules) -> Mapping[str, Any]:
    function = call.get("function") or {}
    return {**call, "function": {**function, "arguments": rules.redactor.redact(str(function.get("arguments") or "")).text}}


def _mended(body: bytes, model: str) -> bytes:
    """With all that OpenAI's clients read, for servers that leave some of it out."""
    answer: dict[str, Any] = decode(body)
    head = {"id": answer.get("id") or new_id(), "object": OBJECT, "created": answer.get("created") or int(time.time())}
    choices = [_choice(choice, place) for place, choice in enumerate(answer["choices"])]
    return encode(answer | head | {"model": answer.get("model") or model, "choices": choices})


def _choice(choice: Mapping[str, Any], place: int) -> dict[str, Any]:
    message = {"role": "assistant", "content": None} | choice["message"]
    if isinstance(message["content"], list):
        told = wire.delta_of(msgspec.convert(message, wire.Piece), 0)
        message["content"] = told.content if told else ""
        if told and told.reasoning:
            message["reasoning_content"] = told.reasoning
    reason = choice.get("finish_reason") or "stop"
    index = place if choice.get("index") is None else choice["index"]
    return {
        "logprobs": None,
        **choice,
        "index": index,
        "message": message,
        "finish_reason": wire.FINISH_REASONS.get(reason, reason),
    }
