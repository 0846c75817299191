"""The runs that one socket follows: each is passed on by a task of its own, so that the socket never goes deaf."""

import asyncio
import contextvars
import uuid
from collections.abc import Awaitable, Callable

from django.db.models import Q, Subquery

from accounts.models import User
from chat import access, frames, runner
from chat.models import Message

MAX_REPLIES = 50
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
        if reply.status == Message.Status.STREAMING:
            async for frame in runner.current().feed(reply.run_id).follow(after):
                await self._send(frame)
        else:
            await self._send(frames.end_frame(reply, run_id=reply.run_id, seq=max(after, reply.streamed_seq)))


def replies_for(user: User, conversation_id: uuid.UUID, request: frames.Request) -> list[Message]:
    """The replies of the named runs, those being written now, and those after the page's last message.

    Other conversations' runs are not among them.
    """
    replies = access.conversation_of(user, conversation_id).messages.filter(role=Message.Role.ASSISTANT)
    wanted = Q(run_id__in=[position.run for position in request.runs]) | Q(status=Message.Status.STREAMING)
    if request.last is not None:
        wanted |= Q(position__gt=Subquery(Message.objects.filter(id=request.last).values("position")))
    return list(replies.filter(wanted).order_by("position")[:MAX_REPLIES])
