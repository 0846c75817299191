"""The runs that one socket follows: each is passed on by a task of its own, so that the socket never goes deaf."""

import asyncio
import contextvars
import uuid
from collections.abc import Awaitable, Callable

from chat import frames, runner
from chat.models import Message

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
