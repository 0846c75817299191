"""What the fake provider answers beside chat completions: embeddings, texts, OpenAI's responses and Anthropic's messages.

A model's name chooses its manners there too: `error-429`, `slow-headers-2`, `tools`, `reasoning`, `hang-mid`, `error-mid`.
`no-responses` is one whose server has no responses API; `base64` gives vectors in that form whatever is asked.
"""

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiohttp import web

from tests.fakes.behaviours import Behaviour, Manners, error_of
from tests.fakes.replies import pieces

DIMENSIONS = 8


async def answer(request: web.Request, body: dict[str, Any], manners: Manners) -> web.StreamResponse:
    """The answer at any of these addresses."""
    endpoint = request.path.rpartition("/")[2]
    model = str(body.get("model", ""))
    behaviour = manners.of(model)
    await asyncio.sleep(behaviour.headers_delay)
    if endpoint == "responses" and model == "no-responses":
        return web.json_response({"detail": "Not Found"}, status=404)
    if behaviour.status != 200:
        headers = {"Retry-After": behaviour.retry_after} if behaviour.retry_after else {}
        error = error_of(behaviour)
        told = (
            {"type": "error", "error": {"type": error["type"], "message": error["message"]}}
            if endpoint == "messages"
            else {"error": error}
        )
        return web.json_response(told, status=behaviour.status, headers=headers)
    if endpoint == "embeddings":
        return web.json_response(embeddings(body, model))
    found: dict[str, Any] = {"completions": texts, "responses": responses, "messages": messages}[endpoint](behaviour, body, model)
    if not body.get("stream"):
        return web.json_response(found["whole"])
    return await _stream(request, behaviour, found["events"], is_named=endpoint != "completions")


async def _stream(
    request: web.Request, behaviour: Behaviour, events: list[dict[str, Any]], *, is_named: bool
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    async for event in _paced(behaviour, events):
        name = f"event: {event['type']}\n" if is_named else ""
        await response.write(f"{name}data: {json.dumps(event)}\n\n".encode())
    if not is_named:
        await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response


async def _paced(behaviour: Behaviour, events: list[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    for position, event in enumerate(events):
        if position > 3 and behaviour.breaks_with == "hang":
            await asyncio.Event().wait()
        if position > 3 and behaviour.breaks_with == "error":
            yield {"type": "error", "error": {"type": "overloaded_error", "message": "The model crashed."}}
            return
        if behaviour.rate:
            await asyncio.sleep(1 / behaviour.rate)
        yield event


def embeddings(body: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Vectors that tell the length of what they stand for."""
    given = body["input"]
    inputs = [given] if isinstance(given, str) or isinstance(given[0], int) else given
    size = int(body.get("dimensions") or DIMENSIONS)
    vectors: list[Any] = [[float(len(one)), *[0.5] * (size - 1)] for one in inputs]
    if model == "base64" or body.get("encoding_format") == "base64":
        vectors = [base64.b64encode(struct.pack(f"<{size}f", *vector)).decode() for vector in vectors]
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    count = sum(len(one.split()) if isinstance(one, str) else len(one) for one in inputs)
    return {"object": "list", "data": data, "model": model, "usage": {"prompt_tokens": count, "total_tokens": count}}


def texts(behaviour: Behaviour, body: Mapping[str, Any], model: str) -> dict[str, Any]:
    said = list(pieces(behaviour))
    shared = {"id": "cmpl-fake", "object": "text_completion", "created": 1, "model": model}
    usage = {"prompt_tokens": len(str(body["prompt"]).split()), "completion_tokens": len(said)}
    usage["total_tokens"] = sum(usage.values())
    count = int(body.get("n") or 1)
    whole = [{"index": index, "text": "".join(said), "logprobs": None, "finish_reason": "stop"} for index in range(count)]
    events = [
        {**shared, "choices": [{"index": index, "text": piece, "finish_reason": None}]}
        for piece in said
        for index in range(count)
    ]
    events += [{**shared, "choices": [{"index": index, "text": "", "finish_reason": "stop"}]} for index in range(count)]
    return {"whole": {**shared, "choices": whole, "usage": usage}, "events": [*events, {**shared, "choices": [], "usage": usage}]}


def responses(behaviour: Behaviour, body: Mapping[str, Any], model: str) -> dict[str, Any]:
    said = list(pieces(behaviour))
    usage: dict[str, Any] = {"input_tokens": 9, "output_tokens": len(said), "total_tokens": 9 + len(said)}
    usage |= {"input_tokens_details": {"cached_tokens": 4}, "output_tokens_details": {"reasoning_tokens": 0}}
    part = {"type": "output_text", "text": "".join(said), "annotations": []}
    message = {"id": "msg_fake", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    calls = [
        {
            "id": f"fc_{call['id']}",
            "type": "function_call",
            "status": "completed",
            "call_id": call["id"],
            "name": call["name"],
            "arguments": "".join(call["arguments"]),
        }
        for call in behaviour.tool_calls
    ]
    output = calls or [message]
    opening: dict[str, Any] = {
        "id": "resp_fake",
        "object": "response",
        "created_at": 1,
        "model": model,
        "status": "in_progress",
        "output": [],
    }
    opening |= {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "error": None, "incomplete_details": None}
    whole = {**opening, "status": "completed", "output": output, "usage": usage}
    events: list[dict[str, Any]] = [{"type": "response.created", "response": opening}]
    for place, item in enumerate(output):
        empty: dict[str, Any] = {"arguments": ""} if "arguments" in item else {"content": []}
        events.append(
            {"type": "response.output_item.added", "output_index": place, "item": {**item, **empty, "status": "in_progress"}}
        )
        where = {"output_index": place, "item_id": item["id"]}
        if "arguments" in item:
            events.append({"type": "response.function_call_arguments.delta", **where, "delta": item["arguments"]})
        else:
            events.append({"type": "response.content_part.added", **where, "content_index": 0, "part": {**part, "text": ""}})
            events += [
                {"type": "response.output_text.delta", **where, "content_index": 0, "delta": piece, "logprobs": []}
                for piece in said
            ]
            events.append(
                {"type": "response.output_text.done", **where, "content_index": 0, "text": part["text"], "logprobs": []}
            )
        events.append({"type": "response.output_item.done", "output_index": place, "item": item})
    events.append({"type": "response.completed", "response": whole})
    return {"whole": whole, "events": [{**event, "sequence_number": number} for number, event in enumerate(events)]}


def messages(behaviour: Behaviour, body: Mapping[str, Any], model: str) -> dict[str, Any]:
    said = list(pieces(behaviour))
    blocks: list[dict[str, Any]] = []
    if behaviour.reasoning:
        blocks.append({"type": "thinking", "thinking": "".join(behaviour.reasoning), "signature": "signed-by-fake"})
    if said:
        blocks.append({"type": "text", "text": "".join(said)})
    blocks += [
        {"type": "tool_use", "id": call["id"], "name": call["name"], "input": json.loads("".join(call["arguments"]))}
        for call in behaviour.tool_calls
    ]
    reason = "tool_use" if behaviour.tool_calls else "end_turn"
    usage = {"input_tokens": 9, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 0, "output_tokens": len(said) + 1}
    opening: dict[str, Any] = {
        "id": "msg_fake",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
    }
    opening |= {"stop_sequence": None, "usage": {**usage, "output_tokens": 1}}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": opening}]
    for place, block in enumerate(blocks):
        events += _block(block, place, said)
    delta = {"stop_reason": reason, "stop_sequence": None}
    events.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": usage["output_tokens"]}})
    events.append({"type": "message_stop"})
    return {"whole": {**opening, "content": blocks, "stop_reason": reason, "usage": usage}, "events": events}


def _block(block: dict[str, Any], place: int, said: list[str]) -> list[dict[str, Any]]:
    kind = block["type"]
    empties: dict[str, dict[str, Any]] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"input": {}},
    }
    empty = empties[kind]
    if kind == "text":
        deltas: list[dict[str, Any]] = [{"type": "text_delta", "text": piece} for piece in said]
    elif kind == "thinking":
        deltas = [
            {"type": "thinking_delta", "thinking": block["thinking"]},
            {"type": "signature_delta", "signature": block["signature"]},
        ]
    else:
        deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
    return [
        {"type": "content_block_start", "index": place, "content_block": {**block, **empty}},
        *({"type": "content_block_delta", "index": place, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": place},
    ]
