"""How the doors beside chat completions ask a provider: in the door's own protocol where it speaks that, else for a chat.

Each is a `Source`: it tells what is to be recorded, and passes the provider's own words on as `Piece`.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import orjson

from gateway import directory
from gateway.adapters import adapter_for, lite_calls, plain
from gateway.adapters.faults import fault, of_error
from gateway.adapters.timeouts import Timeouts
from gateway.adapters.usage import from_openai
from gateway.dialects.frames import Piece
from gateway.directory import DIRECT
from gateway.inquiry import Heard, Part, Source
from gateway.protocol import ChatRequest, Delta, Finish, ProviderError, Target, ToolCallDelta, Usage

ANTHROPIC, ANTHROPIC_VERSION = "https://api.anthropic.com", "2023-06-01"
COMPLETION_REASONS = {None: "stop", "max_output_tokens": "length", "content_filter": "content_filter"}
STOP_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}

REMEMBERED = 1000
# Servers of OpenAI's kind that have no responses API for a model, by their address.
_without_responses: set[tuple[str | None, str]] = set()


async def chat(call: Heard) -> AsyncGenerator[Part, None]:
    """Ask by a chat completion."""
    async with aclosing(adapter_for(call.request.target).stream(call.request)) as parts:
        async for part in parts:
            yield part


def embeddings(given: Any) -> Source:
    """Vectors of what was given, which may be masked by then."""

    async def ask(call: Heard) -> AsyncGenerator[Part, None]:
        target = call.request.target
        asked = {**call.request.parameters, "input": _input(given, call.request), "encoding_format": "float"}
        if target.adapter == DIRECT:
            answer = await plain.ask(target, "/embeddings", {"model": target.model, **asked})
        else:
            answer = await lite_calls.embed(target, asked, Timeouts.of(target))
        if not isinstance(answer.get("data"), list):
            raise fault("bad_response", directory.label(target.provider), "It holds no embeddings.", retryable=False)
        if isinstance(used := answer.get("usage"), dict):
            yield from_openai(used)
        yield Piece(answer)
        yield Finish("", served_model=str(answer.get("model") or ""))

    return ask


def texts(given: Any, *, has_suffix: bool) -> Source:
    """Completions of what was given, which may be masked by then; what they shall lead to is the last message."""

    async def ask(call: Heard) -> AsyncGenerator[Part, None]:
        target = call.request.target
        asked = {**call.request.parameters, "prompt": _input(given, call.request)}
        if has_suffix:
            asked["suffix"] = call.request.messages[-1]["content"]
        if call.origin.is_stream:
            parts = _streamed_texts(target, asked)
        else:
            parts = _whole_texts(target, asked)
        async with aclosing(parts):
            async for part in parts:
                yield part

    return ask


def responses(body: Mapping[str, Any]) -> Source:
    """OpenAI's responses: as they are from OpenAI and servers of its kind that have them, by chat completions from others."""

    async def ask(call: Heard) -> AsyncGenerator[Part, None]:
        target = call.request.target
        is_native = target.vendor == "openai" and target.adapter == DIRECT and not call.is_masked
        if is_native and (target.base_url, target.model) not in _without_responses:
            asked = {**body, "model": target.model}
            native = _streamed_responses(target, asked) if body.get("stream") else _whole_responses(target, asked)
            try:
                async with aclosing(native):
                    async for part in native:
                        yield part
                return
            except ProviderError as error:
                if error.status not in (404, 405) or call.has_output or _names_model(error):
                    raise
                if len(_without_responses) >= REMEMBERED:
                    _without_responses.clear()
                _without_responses.add((target.base_url, target.model))
        async with aclosing(chat(call)) as parts:
            async for part in parts:
                yield part

    return ask


def messages(body: Mapping[str, Any], *, beta: str) -> Source:
    """Anthropic's messages: as they are from Anthropic, by chat completions from others. `beta` names what is tried there."""

    async def ask(call: Heard) -> AsyncGenerator[Part, None]:
        target = call.request.target
        if target.vendor != "anthropic" or call.is_masked:
            parts: AsyncGenerator[Part, None] = chat(call)
        else:
            headers = {"anthropic-version": ANTHROPIC_VERSION, **({"anthropic-beta": beta} if beta else {})}
            asked = {**body, "model": target.model}
            there = _as_anthropic(target)
            if body.get("stream"):
                parts = _streamed_messages(there, asked, headers)
            else:
                parts = _whole_messages(there, asked, headers)
        async with aclosing(parts):
            async for part in parts:
                yield part

    return ask


def _as_anthropic(target: Target) -> Target:
    """Where Anthropic's own protocol is spoken, and how its key goes there. Addresses come with and without their path."""
    address = (target.base_url or ANTHROPIC).rstrip("/").removesuffix("/messages").removesuffix("/v1")
    return replace(target, base_url=f"{address}/v1", options={"key_header": "x-api-key"})


def _names_model(error: ProviderError) -> bool:
    """Whether it is the model that is not there, in the provider's own words, and not the address."""
    return "model" in error.message.partition("It said:")[2].lower()


def _input(given: Any, request: ChatRequest) -> Any:
    """What was asked about, as the provider may be told it: texts as they came out of the screening, tokens as they are."""
    if isinstance(given, str):
        return request.messages[0]["content"]
    if given and isinstance(given[0], str):
        return [message["content"] for message in request.messages[: len(given)]]
    return given


async def _whole_texts(target: Target, body: Mapping[str, Any]) -> AsyncGenerator[Part, None]:
    if target.adapter == DIRECT:
        answer = await plain.ask(target, "/completions", {"model": target.model, **body})
    else:
        answer = await lite_calls.complete(target, body, Timeouts.of(target))
    for part in _of_texts(answer):
        yield part
    if isinstance(used := answer.get("usage"), dict):
        yield from_openai(used)
    yield Piece(answer)


async def _streamed_texts(target: Target, body: Mapping[str, Any]) -> AsyncGenerator[Part, None]:
    if target.adapter == DIRECT:
        asked = {"model": target.model, **body, "stream": True, "stream_options": {"include_usage": True}}
        chunks = _objects(plain.stream(target, "/completions", asked), target)
    else:
        chunks = lite_calls.stream_texts(target, body, Timeouts.of(target))
    async with aclosing(chunks):
        async for chunk in chunks:
            if chunk.get("error"):
                raise of_error(directory.label(target.provider), chunk["error"])
            for part in _of_texts(chunk):
                yield part
            if isinstance(used := chunk.get("usage"), dict):
                yield from_openai(used)
            yield Piece(chunk)


def _of_texts(answer: Mapping[str, Any]) -> list[Part]:
    """What is recorded of a completion of a text."""
    parts: list[Part] = []
    for choice in answer.get("choices") or ():
        if choice.get("text"):
            parts.append(Delta(str(choice["text"])))
        if choice.get("finish_reason"):
            parts.append(Finish(str(choice["finish_reason"]), served_model=str(answer.get("model") or "")))
    return parts


async def _whole_responses(target: Target, body: Mapping[str, Any]) -> AsyncGenerator[Part, None]:
    answer = await plain.ask(target, "/responses", body)
    for place, item in enumerate(answer.get("output") or ()):
        for part in _of_item(item, place):
            yield part
    for part in _end_of_response(answer):
        yield part
    yield Piece(answer)


async def _streamed_responses(target: Target, body: Mapping[str, Any]) -> AsyncGenerator[Part, None]:
    who = directory.label(target.provider)
    has_ended = False
    async with aclosing(_objects(plain.stream(target, "/responses", body), target)) as events:
        async for said in events:
            kind = str(said.get("type", ""))
            if kind in ("error", "response.failed"):
                raise of_error(who, (said.get("response") or {}).get("error") or said.get("error") or said)
            for part in _of_response_event(kind, said):
                yield part
            yield Piece(said)
            has_ended = has_ended or kind in ("response.completed", "response.incomplete")
    if not has_ended:
        raise fault("connection", who, "It ended the stream before the reply was complete.")


def _of_response_event(kind: str, said: Mapping[str, Any]) -> list[Part]:
    """What is recorded of an event of the responses API."""
    match kind:
        case "response.output_text.delta" | "response.refusal.delta":
            return [Delta(str(said.get("delta") or ""))]
        case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
            return [Delta(reasoning=str(said.get("delta") or ""))]
        case "response.output_item.added" if (said.get("item") or {}).get("type") == "function_call":
            item = said["item"]
            return [
                Delta(
                    tool_calls=[
                        ToolCallDelta(int(said.get("output_index") or 0), str(item.get("call_id")), str(item.get("name")))
                    ]
                )
            ]
        case "response.function_call_arguments.delta":
            return [Delta(tool_calls=[ToolCallDelta(int(said.get("output_index") or 0), arguments=str(said.get("delta") or ""))])]
        case "response.completed" | "response.incomplete":
            return _end_of_response(said.get("response") or {})
    return []


def _of_item(item: Mapping[str, Any], place: int) -> list[Part]:
    match item.get("type"):
        case "message":
            return [Delta(str(part.get("text") or part.get("refusal") or "")) for part in item.get("content") or ()]
        case "reasoning":
            return [Delta(reasoning=str(part.get("text") or "")) for part in item.get("summary") or ()]
        case "function_call":
            call = ToolCallDelta(place, str(item.get("call_id")), str(item.get("name")), str(item.get("arguments") or ""))
            return [Delta(tool_calls=[call])]
    return []


def _end_of_response(answer: Mapping[str, Any]) -> list[Part]:
    parts: list[Part] = []
    if isinstance(used := answer.get("usage"), dict):
        cached = int((used.get("input_tokens_details") or {}).get("cached_tokens") or 0)
        thought = int((used.get("output_tokens_details") or {}).get("reasoning_tokens") or 0)
        total, written = int(used.get("input_tokens") or 0), int(used.get("output_tokens") or 0)
        parts.append(Usage(max(0, total - cached), cached, 0, max(0, written - thought), thought, raw=used))
    why = (answer.get("incomplete_details") or {}).get("reason")
    has_calls = any(item.get("type") == "function_call" for item in answer.get("output") or ())
    reason = "tool_calls" if has_calls and why is None else COMPLETION_REASONS.get(why, str(why))
    return [*parts, Finish(reason, served_model=str(answer.get("model") or ""))]


async def _whole_messages(target: Target, body: Mapping[str, Any], headers: Mapping[str, str]) -> AsyncGenerator[Part, None]:
    answer = await plain.ask(target, "/messages", body, headers=headers)
    for place, block in enumerate(answer.get("content") or ()):
        for part in _of_block(block, place):
            yield part
        if block.get("type") == "tool_use":
            yield Delta(tool_calls=[ToolCallDelta(place, arguments=orjson.dumps(block.get("input") or {}).decode())])
    yield _used(answer.get("usage") or {})
    reason = str(answer.get("stop_reason") or "end_turn")
    yield Finish(STOP_REASONS.get(reason, reason), served_model=str(answer.get("model") or ""))
    yield Piece(answer)


async def _streamed_messages(target: Target, body: Mapping[str, Any], headers: Mapping[str, str]) -> AsyncGenerator[Part, None]:
    who = directory.label(target.provider)
    used: dict[str, Any] = {}
    reason, model, has_ended = "end_turn", "", False
    async with aclosing(_objects(plain.stream(target, "/messages", body, headers=headers), target)) as events:
        async for said in events:
            match said.get("type"):
                case "error":
                    raise of_error(who, said.get("error"))
                case "message_start":
                    message = said.get("message") or {}
                    used, model = dict(message.get("usage") or {}), str(message.get("model") or "")
                case "content_block_start":
                    for part in _of_block(said.get("content_block") or {}, int(said.get("index") or 0)):
                        yield part
                case "content_block_delta":
                    for part in _of_delta(said.get("delta") or {}, int(said.get("index") or 0)):
                        yield part
                case "message_delta":
                    used |= {name: count for name, count in (said.get("usage") or {}).items() if count is not None}
                    reason = str((said.get("delta") or {}).get("stop_reason") or reason)
                case "message_stop":
                    has_ended = True
                    yield _used(used)
                    yield Finish(STOP_REASONS.get(reason, reason), served_model=model)
            yield Piece(said)
    if not has_ended:
        raise fault("connection", who, "It ended the stream before the reply was complete.")


def _of_block(block: Mapping[str, Any], place: int) -> list[Part]:
    match block.get("type"):
        case "text":
            return [Delta(str(block.get("text") or ""))] if block.get("text") else []
        case "thinking":
            return [Delta(reasoning=str(block.get("thinking") or ""))] if block.get("thinking") else []
        case "tool_use":
            return [Delta(tool_calls=[ToolCallDelta(place, str(block.get("id")), str(block.get("name")))])]
    return []


def _of_delta(delta: Mapping[str, Any], place: int) -> list[Part]:
    match delta.get("type"):
        case "text_delta":
            return [Delta(str(delta.get("text") or ""))]
        case "thinking_delta":
            return [Delta(reasoning=str(delta.get("thinking") or ""))]
        case "input_json_delta":
            return [Delta(tool_calls=[ToolCallDelta(place, arguments=str(delta.get("partial_json") or ""))])]
    return []


def _used(used: Mapping[str, Any]) -> Usage:
    """Anthropic's buckets are disjoint already."""
    read, written = int(used.get("cache_read_input_tokens") or 0), int(used.get("cache_creation_input_tokens") or 0)
    return Usage(int(used.get("input_tokens") or 0), read, written, int(used.get("output_tokens") or 0), raw=dict(used))


async def _objects(events: AsyncGenerator[bytes, None], target: Target) -> AsyncGenerator[dict[str, Any], None]:
    """The JSON objects of a stream's events."""
    who = directory.label(target.provider)
    async with aclosing(events):
        async for data in events:
            try:
                said = orjson.loads(data)
            except orjson.JSONDecodeError as error:
                raise fault("bad_response", who, f"A piece of the stream is not what it should be: {error}.") from error
            if isinstance(said, dict):
                yield said
