"""`POST /api/v1/conversations/{id}/messages`, `GET …/stream`, `POST …/cancel`: asking in a conversation, whole or as it comes."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec

from accounts.entrance import Refused, Request, Response, as_json
from chat import asking, bodies, server_events, wire
from chat.asking import Answering, Question
from chat.bodies import Limit, Model, Provider, Temperature, Text
from chat.models import Message
from chat.server_events import event
from gateway import answers


class Sent(msgspec.Struct):
    """What a message is sent with. null is the same as leaving a field out."""

    message: Text
    provider: Provider | None = None
    model: Model | None = None
    temperature: Temperature | None = None
    max_tokens: Limit | None = None
    stream: bool | None = None
    metadata: dict[str, Any] | None = None

    @property
    def question(self) -> Question:
        given = {"temperature": self.temperature, "max_tokens": self.max_tokens}
        return Question(
            self.message,
            provider=(self.provider or "").strip(),
            model=(self.model or "").strip(),
            parameters={name: value for name, value in given.items() if value is not None},
            metadata=self.metadata or {},
        )


async def send(request: Request) -> Response:
    """The reply in one piece, once it is whole."""

    async def answer() -> Response:
        sent = bodies.read(request.body, Sent)
        if sent.stream:
            raise Refused(400, "use_stream", "Ask GET …/stream for a reply that streams.", param="stream")
        answering = await asking.ask(request, request.parts["conversation_id"], sent.question)
        reply = await answering.end()
        fault = asking.fault_of(reply)
        if fault is not None and reply.status != Message.Status.CANCELED:
            raise fault
        told = as_json(wire.answer(reply, answering.values))
        return Response(told.status, told.body, dict(answering.headers))

    return await answers.once(request, answer)


async def stream(request: Request) -> Response:
    """The reply as it comes, as server-sent events."""

    async def answer() -> Response:
        sent = bodies.queried(request.query, Sent)
        answering = await asking.ask(request, request.parts["conversation_id"], sent.question)
        return Response(200, headers={**server_events.HEADERS, **answering.headers}, chunks=_frames(answering))

    return await answers.once(request, answer)


async def cancel(request: Request) -> Response:
    """Stop what is being written in the conversation. Stopping what has ended already is no error."""
    stopped_count = await asking.stop_all(request.bearer, request.parts["conversation_id"])
    return as_json({"canceled": stopped_count})


async def _frames(answering: Answering) -> AsyncGenerator[bytes, None]:
    try:
        async with aclosing(answering.texts()) as texts:
            async for text in texts:
                yield event({"content": text, "done": False}) if text else server_events.PING
        reply = await answering.end()
        fault = asking.fault_of(reply)
        if fault is not None and reply.status != Message.Status.CANCELED:
            raise fault
        yield event({"content": "", "done": True, "message_id": str(reply.id)})
    except Refused as refused:
        yield event({"error": refused.message, "done": True})
    finally:
        answering.stop()
