"""`POST /chat`, `POST /chat/stream` and `GET /chat/stream`: one message, one reply, nothing kept but the log."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any
from urllib.parse import parse_qs

import msgspec

from accounts.database import in_thread
from accounts.entrance import Refused, Request, Response, as_json
from gateway import answers, catalogue, completions
from gateway.adapters.sse import EventReader
from gateway.completions import Asked
from gateway.completions.relay import frame

MAX_CHARACTERS = 100_000


class Body(msgspec.Struct):
    """What is asked. Without a model it is the one that the workspace begins with."""

    message: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_CHARACTERS)]
    model: Annotated[str, msgspec.Meta(max_length=300)] | None = None
    system: Annotated[str, msgspec.Meta(max_length=MAX_CHARACTERS)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=262_144)] | None = None


async def reply(request: Request) -> Response:
    """`{reply, trace_id}`. Raises `Refused`."""

    async def produce() -> Response:
        found = await completions.answer(await _asked(request, is_stream=False), request)
        message = msgspec.json.decode(found.body)["choices"][0]["message"]
        told = as_json({"reply": message.get("content") or "", "trace_id": request.trace_id})
        return Response(200, told.body, found.headers)

    return await answers.once(request, produce)


async def stream(request: Request) -> Response:
    """Events `{"content", "done"}`; the last one has `trace_id`, or `error` where the reply broke. Raises `Refused`."""

    async def produce() -> Response:
        found = await completions.answer(await _asked(request, is_stream=True), request)
        assert found.chunks is not None
        return Response(200, headers=found.headers, chunks=_retold(found.chunks, request.trace_id), ping=found.ping)

    return await (produce() if request.method == "GET" else answers.once(request, produce))


async def _asked(request: Request, *, is_stream: bool) -> Asked:
    given = _of_query(request.query) if request.method == "GET" else _of_body(request.body)
    if not given.message.strip():
        raise Refused(422, "invalid_request", "The message is empty.", param="message")
    bearer = request.bearer
    model = given.model or await in_thread(catalogue.default_path, bearer.workspace_id, bearer.role)
    if not model:
        raise Refused(503, "no_provider", "No model is configured here yet: add a provider in the settings, under Providers.")
    messages = [{"role": "system", "content": given.system}] if given.system else []
    parameters: dict[str, Any] = {"temperature": given.temperature, "max_tokens": given.max_tokens}
    return Asked(
        model,
        [*messages, {"role": "user", "content": given.message}],
        {name: value for name, value in parameters.items() if value is not None},
        is_stream=is_stream,
        size=len(given.message.encode("utf-8", "replace")) + len((given.system or "").encode("utf-8", "replace")),
    )


def _of_body(body: bytes) -> Body:
    try:
        return msgspec.json.decode(body, type=Body)
    except msgspec.ValidationError as error:
        raise Refused(422, "invalid_request", f"{error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(400, "invalid_json", "The body is not JSON.") from None


def _of_query(query: str) -> Body:
    try:
        named = {name: values[-1] for name, values in parse_qs(query, errors="strict", max_num_fields=20).items()}
        return msgspec.convert(named, Body, strict=False)
    except msgspec.ValidationError as error:
        raise Refused(422, "invalid_request", f"{error}.") from None
    except ValueError:
        raise Refused(400, "invalid_query", "The address cannot be read: encode the message, in UTF-8.") from None


async def _retold(chunks: AsyncGenerator[bytes, None], trace_id: str) -> AsyncGenerator[bytes, None]:
    """OpenAI's events in few words."""
    events, error = EventReader(), ""
    async with aclosing(chunks):
        async for chunk in chunks:
            for data in events.feed(chunk):
                if data == b"[DONE]":
                    continue
                told = msgspec.json.decode(data)
                if "error" in told:
                    error = told["error"]["message"]
                elif text := "".join(choice["delta"].get("content") or "" for choice in told["choices"]):
                    yield frame({"content": text, "done": False})
    yield frame({"error": error, "done": True} if error else {"content": "", "done": True, "trace_id": trace_id})
