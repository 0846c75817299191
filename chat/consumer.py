"""The page's socket. It carries frames to the page; what the page wants is asked by HTTP, but for `sync` and `ping`."""

import asyncio
import contextvars
import uuid
from typing import Any

import msgspec
import structlog
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.http import Http404
from redis.exceptions import RedisError

from accounts.models import User
from accounts.sessions import signed_in_user, socket_group
from chat import access, contexts, runner
from chat.models import Message

log = structlog.get_logger(__name__)

MAX_FRAME_CHARACTERS = 16_384
MAX_RUNS = 16
SIGNED_OUT = 4401
BAD_FRAME = 4400


class Position(msgspec.Struct):
    """How much of a run the page has."""

    run: uuid.UUID
    seq: int = 0


class Request(msgspec.Struct):
    """What a page may say: `sync` names the conversation it shows and the runs it follows."""

    type: str
    conversation: uuid.UUID | None = None
    runs: list[Position] = []


class ChatConsumer(AsyncWebsocketConsumer):
    """One page. Session, person and ownership are checked anew on every frame that comes in."""

    groups: list[str] = []  # noqa: RUF012 (the base class declares it so)

    async def connect(self) -> None:
        self.user: User | None = await self._signed_in()
        self.conversation_id: uuid.UUID | None = None
        self.following: dict[uuid.UUID, asyncio.Task[None]] = {}
        await self.accept()
        if self.user is None:
            await self._say_goodbye()
            return
        await self._control("group_add")

    async def disconnect(self, code: int) -> None:
        for task in list(self.following.values()):
            task.cancel()
        if self.user is not None:
            await self._control("group_discard")

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        request = _parse(text_data)
        if request is None:
            await self.close(BAD_FRAME)
        elif await self._is_still_signed_in():
            await self._answer(request)

    async def _answer(self, request: Request) -> None:
        if request.type == "ping":
            await self.send('{"v":1,"type":"pong"}')
            return
        if request.conversation is not None and not await self._sync(request.conversation, request.runs):
            await self.close(BAD_FRAME)

    async def _sync(self, conversation_id: uuid.UUID, positions: list[Position]) -> bool:
        """Follow the runs of one conversation of the person's own, also those the page did not know of."""
        assert self.user is not None
        try:
            replies = await database_sync_to_async(_replies)(self.user, conversation_id, [p.run for p in positions])
        except Http404:
            return False
        self.conversation_id = conversation_id
        seqs = {position.run: position.seq for position in positions}
        for reply in replies:
            if reply.run_id in seqs:
                self._follow(reply, max(0, seqs[reply.run_id]))
            else:
                await self._show_turn(str(conversation_id), str(reply.id))
        return True

    def _follow(self, reply: Message, after: int) -> None:
        assert reply.run_id is not None
        earlier = self.following.pop(reply.run_id, None)
        if earlier is not None:
            earlier.cancel()
        task = asyncio.create_task(self._pass_on(reply, after), context=contextvars.Context())
        self.following[reply.run_id] = task

    async def _pass_on(self, reply: Message, after: int) -> None:
        assert reply.run_id is not None
        if reply.status != Message.Status.STREAMING:
            end = contexts.end_frame(reply, run_id=reply.run_id, seq=max(after, reply.streamed_seq))
            await self.send(end)
            return
        async for frame in runner.current().feed(reply.run_id).follow(after):
            await self.send(frame)

    async def turn_began(self, event: dict[str, Any]) -> None:
        """A turn began in another tab or on another device."""
        if event["conversation"] == str(self.conversation_id):
            await self._show_turn(event["conversation"], event["reply"])

    async def list_changed(self, _event: dict[str, Any]) -> None:
        assert self.user is not None
        await self.send(await database_sync_to_async(contexts.sidebar_html)(self.user))

    async def signed_out(self, _event: dict[str, Any]) -> None:
        await self._is_still_signed_in()

    async def _show_turn(self, conversation_id: str, reply_id: str) -> None:
        html = await database_sync_to_async(contexts.turn_html_of)(uuid.UUID(reply_id))
        if html:
            await self.send(contexts.turn_frame(uuid.UUID(conversation_id), html))

    async def _is_still_signed_in(self) -> bool:
        user = await self._signed_in()
        if user is not None and self.user is not None and user.id == self.user.id:
            return True
        await self._say_goodbye()
        return False

    async def _signed_in(self) -> User | None:
        return await database_sync_to_async(signed_in_user)(self.scope["session"].session_key)

    async def _control(self, action: str) -> None:
        """Join or leave the person's control messages. With Valkey away the page works on without them."""
        assert self.user is not None
        try:
            await getattr(self.channel_layer, action)(socket_group(self.user.id), self.channel_name)
        except (RedisError, OSError) as error:
            log.warning("Control messages do not reach this socket.", action=action, error=str(error))

    async def _say_goodbye(self) -> None:
        for task in list(self.following.values()):
            task.cancel()
        await self.send('{"v":1,"type":"bye","reason":"signed_out"}')
        await self.close(SIGNED_OUT)


def _parse(text_data: str | None) -> Request | None:
    """None for anything but a small frame of the known shape."""
    if text_data is None or len(text_data) > MAX_FRAME_CHARACTERS:
        return None
    try:
        request = msgspec.json.decode(text_data, type=Request)
    except (msgspec.MsgspecError, UnicodeError):
        return None
    return request if request.type in ("ping", "sync") and len(request.runs) <= MAX_RUNS else None


def _replies(user: User, conversation_id: uuid.UUID, run_ids: list[uuid.UUID]) -> list[Message]:
    """The replies of the named runs, and those being written now; other people's runs are not among them."""
    conversation = access.conversation_of(user, conversation_id)
    named = conversation.messages.filter(run_id__in=run_ids)
    running = conversation.messages.filter(status=Message.Status.STREAMING)
    return list((named | running).order_by("position"))
