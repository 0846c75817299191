"""Conversations at OpenAI's address: a message and the id of a conversation, whose history is in the database.

`POST /v1/conversations` makes one; `POST /v1/chat/completions` with `conversation_id` and `message` asks in it, in JSON or, at
`…/completions.pb`, in protobuf (protos/chat.proto). The answer has OpenAI's fields beside `request_id`, `reply` and `usage`.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Annotated, Any

import msgspec
import orjson
from django.utils import timezone
from google.protobuf.message import DecodeError
from msgspec import Meta

from accounts.database import in_thread
from accounts.entrance import Refused, Request, Response, as_json
from chat import asking, bodies, making, server_events, wire
from chat.asking import Answering, Question
from chat.bodies import Limit, Model, Provider, Temperature, Text
from chat.models import Conversation, Message
from chat.server_events import event
from gateway import answers
from gateway.completions import refusals
from protos import chat_pb2

Door = Callable[[Request], Awaitable[Response]]
PROTOBUF = ("application/x-protobuf", "application/protobuf")
FORM = b'"conversation_id"'
Penalty = Annotated[float, Meta(ge=-2, le=2)]
PASSED = ("temperature", "top_p", "max_tokens", "stop", "seed", "presence_penalty", "frequency_penalty")


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class Sent(msgspec.Struct):
    """The conversation form. What it does not name is passed on to nobody."""

    conversation_id: Annotated[str, Meta(min_length=1, max_length=60)]
    message: Text
    provider: Provider | None = None
    model: Model | None = None
    temperature: Temperature | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    max_tokens: Limit | None = None
    max_completion_tokens: Limit | None = None
    stop: str | Annotated[list[str], Meta(max_length=16)] | None = None
    seed: int | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: Annotated[str, Meta(max_length=512)] | None = None
    metadata: dict[str, Any] | None = None

    @property
    def question(self) -> Question:
        given = {name: getattr(self, name) for name in PASSED}
        given["max_tokens"] = self.max_completion_tokens or self.max_tokens
        return Question(
            self.message,
            provider=(self.provider or "").strip(),
            model=(self.model or "").strip(),
            parameters={name: value for name, value in given.items() if value is not None},
            end_user=self.user or "",
            metadata=self.metadata or {},
        )


class NewConversation(msgspec.Struct):
    user_id: Annotated[str, Meta(max_length=making.LABEL_CHARACTERS)] | None = None
    title: Annotated[str, Meta(max_length=making.TITLE_CHARACTERS)] | None = None
    metadata: dict[str, Any] | None = None


def beside(completions: Door) -> Door:
    """The door at OpenAI's address: the conversation form is answered here, everything else by `completions`."""

    async def answer(request: Request) -> Response:
        if FORM in request.body and _is_ours(request.body):
            return await answers.once(request, lambda: complete(request))
        return await completions(request)

    return answer


async def make(request: Request) -> Response:
    """A new conversation: `{"conversation_id": "c_…", "created_at": …}`."""

    async def answer() -> Response:
        given = bodies.read(request.body, NewConversation, status=400)

        def create() -> Conversation:
            return making.make(
                request.bearer,
                now=timezone.now(),
                title=given.title or "",
                end_user=given.user_id or "",
                metadata=given.metadata,
            )

        made = await in_thread(create)
        return as_json({"conversation_id": public_id(made), "created_at": wire.moment(made.created_at)})

    return await answers.once(request, answer)


async def complete(request: Request) -> Response:
    """The reply in a conversation, as JSON or as a stream of OpenAI's chunks."""
    sent = bodies.read(request.body, Sent, status=400)
    answering = await asking.ask(request, sent.conversation_id, sent.question)
    if sent.stream:
        has_usage = bool(sent.stream_options and sent.stream_options.include_usage)
        chunks = _chunks(answering, request, has_usage=has_usage)
        return Response(200, headers={**server_events.HEADERS, **answering.headers}, chunks=chunks)
    reply = await _whole(answering)
    body = {
        **_envelope(answering, "chat.completion"),
        "model": _model(reply),
        "choices": [{"index": 0, "message": _said(reply, answering), "logprobs": None, "finish_reason": _reason(reply)}],
        **_ours(reply, answering, request),
    }
    return Response(200, orjson.dumps(body), dict(answering.headers))


async def complete_protobuf(request: Request) -> Response:
    """The same on the wire of protos/chat.proto; errors are JSON there too."""

    async def answer() -> Response:
        asked = chat_pb2.ChatRequest()
        try:
            asked.ParseFromString(request.body)
        except DecodeError:
            raise Refused(400, "invalid_protobuf", "The body of your request is no llm.ChatRequest.") from None
        given = {"conversation_id": asked.conversation_id, "message": asked.message.replace("\0", "\ufffd")}
        sent = bodies.as_kind(given, Sent, status=400)
        answering = await asking.ask(request, sent.conversation_id, sent.question)
        told = _ours(await _whole(answering), answering, request)
        usage = {name: value or 0 for name, value in told.pop("usage").items() if name != "model"}
        model = _model(answering.reply)
        body = chat_pb2.ChatResponse(**told, usage=chat_pb2.Usage(**usage, model=model)).SerializeToString()
        return Response(200, body, {**answering.headers, "content-type": PROTOBUF[0]})

    return await answers.once(request, answer)


def public_id(conversation: Conversation) -> str:
    return f"c_{conversation.id.hex}"


def _is_ours(body: bytes) -> bool:
    """Whether it is the conversation form; what cannot be read is refused at the other door, as ever."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(given, dict) and given.get("conversation_id") is not None and "messages" not in given


async def _whole(answering: Answering) -> Message:
    """The reply at its end. Raises `Refused` where it is not the whole one."""
    reply = await answering.end()
    fault = asking.fault_of(reply)
    if fault is not None:
        raise fault
    return reply


async def _chunks(answering: Answering, request: Request, *, has_usage: bool) -> AsyncGenerator[bytes, None]:
    envelope = {**_envelope(answering, "chat.completion.chunk"), "model": _model(answering.reply)}

    def chunk(delta: Mapping[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return event({**envelope, "choices": [choice]})

    try:
        yield chunk({"role": "assistant", "content": ""})
        async with aclosing(answering.texts()) as texts:
            async for text in texts:
                yield chunk({"content": text}) if text else server_events.PING
        reply = await _whole(answering)
        yield chunk({}, _reason(reply))
        if has_usage:
            yield event({**envelope, "choices": [], **_ours(reply, answering, request)})
        yield server_events.DONE
    except Refused as refused:
        yield event({"error": refusals.as_error(refused)})
    finally:
        answering.stop()


def _envelope(answering: Answering, kind: str) -> dict[str, Any]:
    """The fields that the answer and all its chunks share."""
    reply = answering.reply
    return {"id": f"chatcmpl-{reply.id.hex}", "object": kind, "created": int(reply.created_at.timestamp())}


def _said(reply: Message, answering: Answering) -> dict[str, Any]:
    return {"role": "assistant", "content": wire.text(reply, answering.values), "refusal": None}


def _ours(reply: Message, answering: Answering, request: Request) -> dict[str, Any]:
    usage = {name: count or 0 for name, count in wire.usage(reply).items()}
    return {
        "request_id": request.request_id,
        "conversation_id": public_id(answering.conversation),
        "reply": wire.text(reply, answering.values),
        "usage": {**usage, "model": _model(reply), "latency_ms": reply.latency_ms or 0},
    }


def _model(reply: Message) -> str:
    return reply.served_model or reply.model.partition("/")[2] or reply.model


def _reason(reply: Message) -> str:
    return reply.finish_reason or "stop"
