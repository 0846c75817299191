"""The page's socket. It carries frames to the page; what the page wants is asked by HTTP, but for `sync` and `ping`."""

import uuid
from time import monotonic
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.http import Http404

from accounts.database import in_thread
from accounts.models import User
from accounts.sessions import hear, signed_in_user
from chat import access, contexts, frames, listing
from chat.following import Following, replies_for

SIGNED_OUT = 4401
BAD_FRAME = 4400
FRESH_SECONDS = 0.5


class ChatConsumer(AsyncWebsocketConsumer):
    """One page. Session, person and ownership are checked anew on every frame, but for what a page asks as it connects."""

    async def connect(self) -> None:
        self.user: User | None = await self._signed_in()
        self._fresh_until = monotonic() + FRESH_SECONDS
        self.conversation_id: uuid.UUID | None = None
        self.following = Following(self._pass_on)
        await self.accept()
        if self.user is None:
            await self._say_goodbye()
        else:
            await hear(self.channel_layer, "group_add", self.user.id, self.channel_name)

    async def _pass_on(self, frame: str) -> None:
        """Past Channels' own layers: a live page gets some fifteen frames a second."""
        await self.base_send({"type": "websocket.send", "text": frame})  # type: ignore[arg-type]

    async def disconnect(self, code: int) -> None:
        self.following.stop()
        if self.user is not None:
            await hear(self.channel_layer, "group_discard", self.user.id, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        request = frames.parse(text_data)
        is_fresh, self._fresh_until = monotonic() < self._fresh_until, 0.0
        if request is None:
            await self.close(BAD_FRAME)
        elif not is_fresh and not await self._is_still_signed_in():
            return
        elif request.type == "ping":
            await self.send(frames.PONG)
        elif request.conversation is not None:
            await self._catch_up(request.conversation, request)

    async def _catch_up(self, conversation_id: uuid.UUID, request: frames.Request) -> None:
        """Follow the runs of one conversation of the person's own, and show the turns that the page does not know of."""
        assert self.user is not None
        try:
            replies = await in_thread(replies_for, self.user, conversation_id, request)
        except Http404:
            await self.close(BAD_FRAME)
            return
        self.conversation_id = conversation_id
        seqs = {position.run: position.seq for position in request.runs}
        for reply in replies:
            if reply.run_id in seqs:
                self.following.start(reply, seqs[reply.run_id])
            else:
                await self._show_turn(reply.id)

    async def turn_began(self, event: dict[str, Any]) -> None:
        """A turn began in another tab or on another device. `row` is its conversation's in the list."""
        if event.get("row"):
            await self.send(event["row"])
        if event["conversation"] == str(self.conversation_id):
            await self._show_turn(uuid.UUID(event["reply"]))

    async def list_changed(self, event: dict[str, Any]) -> None:
        assert self.user is not None
        await self.send(await in_thread(listing.sidebar_html, self.user) + event.get("news", ""))

    async def list_row(self, event: dict[str, Any]) -> None:
        await self.send(event["row"])

    async def signed_out(self, _event: dict[str, Any]) -> None:
        await self._is_still_signed_in()

    async def part_ended(self, _event: dict[str, Any]) -> None:
        """The person is no longer in a workspace: a page of it closes, and so does one that may be about to begin there."""
        assert self.user is not None
        if self.conversation_id is None or not await in_thread(access.is_open_to, self.user, self.conversation_id):
            await self._say_goodbye(frames.REMOVED)

    async def _show_turn(self, reply_id: uuid.UUID) -> None:
        """The page answers with a `sync` that names the run."""
        turn = await in_thread(contexts.turn_view, reply_id)
        if turn is not None and self.conversation_id is not None:
            await self.send(frames.turn_frame(self.conversation_id, turn))

    async def _is_still_signed_in(self) -> bool:
        user = await self._signed_in()
        if user is not None and self.user is not None and user.id == self.user.id:
            return True
        await self._say_goodbye()
        return False

    async def _signed_in(self) -> User | None:
        return await in_thread(signed_in_user, self.scope["session"].session_key)

    async def _say_goodbye(self, bye: str = frames.BYE) -> None:
        self.following.stop()
        await self.send(bye)
        await self.close(SIGNED_OUT)
