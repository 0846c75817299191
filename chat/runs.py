"""A run: one generation, driven in this process. It belongs to the server, not to a socket."""

import asyncio
import uuid
from collections.abc import Sequence
from typing import Literal

from chat.feed import Feed, Frame
from chat.models import Message
from chat.render import BlockRenderer
from gateway.calls import Exchange

StopReason = Literal["canceled", "interrupted", "lost"]


class Run:
    """What has been generated, and how far it has been relayed, stored and shown."""

    def __init__(self, reply: Message, exchange: Exchange) -> None:
        assert reply.run_id is not None
        self.run_id: uuid.UUID = reply.run_id
        self.message_id = reply.id
        self.conversation_id = reply.conversation_id
        self.exchange = exchange
        self.feed = Feed(self.run_id)
        self.task: asyncio.Task[None] | None = None
        self.stop_reason: StopReason | None = None
        self.is_ending = False
        self.stored_seq = 0
        self._renderer = BlockRenderer()
        self._pending: list[str] = []
        self._frames: list[Frame] = []
        self._relayed_count = 0

    @property
    def seq(self) -> int:
        return len(self._frames)

    @property
    def text(self) -> str:
        """The redacted text of all frames that were cut."""
        return "".join(frame.text for frame in self._frames)

    @property
    def html(self) -> str:
        """What a page that followed from the start shows."""
        return "".join(frame.append for frame in self._frames) + (self._frames[-1].tail if self._frames else "")

    def add(self, text: str) -> None:
        """Take text from the call; it is shown by the next beat of the pulse."""
        self._pending.append(text)

    def cut(self) -> None:
        """Make one frame of the text that has come in since the last one."""
        if not self._pending:
            return
        text = "".join(self._pending)
        self._pending.clear()
        patch = self._renderer.feed(text)
        self._frames.append(Frame(self.seq + 1, text, patch.append, patch.tail))

    def unrelayed(self) -> Sequence[Frame]:
        return self._frames[self._relayed_count :]

    def mark_relayed(self, count: int) -> None:
        """The relay has acknowledged the first `count` frames; 0 means that it lost them."""
        self._relayed_count = count

    def show(self, until: int) -> None:
        """Let followers see the frames up to `until`, which a server has acknowledged."""
        frames = self._frames[self.feed.seq : until]
        if frames:
            self.feed.show(frames)

    def stop(self, reason: StopReason) -> None:
        """End the generation; what is there stays. Only the first reason counts, and none once it is ending."""
        if self.task is not None and not self.is_ending and self.stop_reason is None:
            self.stop_reason = reason
            self.task.cancel()
