"""The runs that one socket follows: each is passed on by a task of its own, so that the socket never goes deaf.

The socket is its owner's: what was removed and is still kept is put back here, behind everything that relays or stores.
"""

import asyncio
import contextvars
import uuid
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

import structlog
from django.db import Error as DatabaseError
from django.db.models import Q, Subquery
from django.utils import timezone

from accounts.database import in_thread
from accounts.models import User
from chat import access, frames, originals, runner
from chat.models import Conversation, Message
from telemetry import policies

log = structlog.get_logger(__name__)

MAX_REPLIES = 50
RETRY_SECONDS = 1.0
P = ParamSpec("P")
R = TypeVar("R")
Send = Callable[[str], Awaitable[None]]


class Following:
    """Tasks by run id. Following a run again starts it anew from where the page is."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._tasks: dict[uuid.UUID, asyncio.Task[None]] = {}

    def start(self, reply: Message, after: int) -> None:
        """Pass on what the page lacks of a reply, until its end."""
        assert reply.run_id is not None
        earlier = self._tasks.pop(reply.run_id, None)
        if earlier is not None:
            earlier.cancel()
        task = asyncio.create_task(self._pass_on(reply, max(0, after)), context=contextvars.Context())
        self._tasks[reply.run_id] = task

    def stop(self) -> None:
        """Leave all runs; they go on without this socket."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    async def _pass_on(self, reply: Message, after: int) -> None:
        assert reply.run_id is not None
        if reply.status != Message.Status.STREAMING:
            await self._send(await _when_possible(_own_end, reply.id, reply.run_id, after))
            return
        held, is_kept = await _when_possible(_held, reply.conversation)
        async for frame in runner.current().feed(reply.run_id).follow(after):
            if is_kept and frames.is_end(frame):
                await self._send(await self._own_end(reply, frame, after))
            else:
                await self._send(frames.restored(frame, held) if held.values else frame)

    @staticmethod
    async def _own_end(reply: Message, relayed: str, after: int) -> str:
        assert reply.run_id is not None
        try:
            return await in_thread(_own_end, reply.id, reply.run_id, after)
        except DatabaseError as error:
            log.warning("The end of a reply is shown as it is stored.", run_id=str(reply.run_id), error=str(error))
            return relayed


async def _when_possible(read: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Read once the database is back: nobody else would tell the page of this reply, whose socket is open."""
    while True:
        try:
            return await in_thread(read, *args, **kwargs)
        except DatabaseError as error:
            log.warning("A page waits for the database.", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)


def _held(conversation: Conversation) -> tuple[originals.Held, bool]:
    """What the owner may see of what was removed from this conversation, and whether there is or may be such."""
    held = originals.held_for(conversation.id, now=timezone.now())
    is_kept = originals.kept_for(policies.policy_of(conversation.workspace_id)) is not None
    return held, is_kept or bool(held)


def _own_end(reply_id: uuid.UUID, run_id: uuid.UUID, after: int) -> str:
    """The end of a reply as its owner sees it."""
    reply = Message.objects.filter(id=reply_id).first()
    held = originals.held_for(reply.conversation_id, now=timezone.now()) if reply else originals.NOTHING
    return frames.end_frame(reply, run_id=run_id, seq=max(after, reply.streamed_seq if reply else 0), held=held)


def replies_for(user: User, conversation_id: uuid.UUID, request: frames.Request) -> list[Message]:
    """The replies of the named runs, those being written now, and those after the page's last message.

    Other conversations' runs are not among them.
    """
    mine = access.conversations_of(user).filter(id=conversation_id)
    replies = Message.objects.filter(conversation__in=mine, role=Message.Role.ASSISTANT).select_related("conversation")
    wanted = Q(run_id__in=[position.run for position in request.runs]) | Q(status=Message.Status.STREAMING)
    if request.last is not None:
        wanted |= Q(position__gt=Subquery(Message.objects.filter(id=request.last).values("position")))
    found = list(replies.filter(wanted).order_by("position")[:MAX_REPLIES])
    if not found:
        access.conversation_of(user, conversation_id)  # none of the person's own, or none to follow?
    return found
