"""A run: one generation, driven in this process. It belongs to the server, not to a socket."""

import asyncio
import uuid
from collections.abc import Sequence
from time import monotonic
from typing import Literal

from chat.asides import Aside, Reasoning
from chat.feed import Feed, Frame
from chat.models import Message
from chat.render import BlockRenderer
from chat.tools.steps import NO_TOOLS, Toolbox, Use
from gateway.calls import Bill, Call
from gateway.exchanges import Exchange
from gateway.protocol import Delta

StopReason = Literal["canceled", "interrupted", "lost"]


class Run:
    """What has been generated, and how far it has been relayed, stored and shown."""

    def __init__(self, reply: Message, exchange: Exchange, toolbox: Toolbox = NO_TOOLS) -> None:
        assert reply.run_id is not None
        self.run_id: uuid.UUID = reply.run_id
        self.message_id = reply.id
        self.conversation_id = reply.conversation_id
        self.exchange = exchange
        self.toolbox = toolbox
        self.uses: list[Use] = []  # the tools of this round, until they are recorded
        self.bills: list[Bill] = []  # of the calls that are recorded
        self.is_between_calls = False  # the last one is recorded, the next one not begun
        self.feed = Feed(self.run_id)
        self.task: asyncio.Task[None] | None = None
        self.stop_reason: StopReason | None = None
        self.is_ending = False
        self.stored_seq = 0
        self.reasoning = Reasoning()
        self._renderer = BlockRenderer()
        self._pending: list[str] = []
        self._earlier: list[Call] = []
        self._rows: dict[str, str] = {}
        self._wants_gap = False
        self._frames: list[Frame] = []
        self._relayed_count = 0
        self._joined = 0, ""
        self.continues_id = reply.continues_id
        self.begun = reply.content
        if self.begun:
            # Goes on with what another call wrote: its first frame, which is stored already.
            self._pending.append(self.begun)
            self.cut()
            self.stored_seq = self.seq

    @property
    def seq(self) -> int:
        return len(self._frames)

    @property
    def text(self) -> str:
        """The redacted text of all frames that were cut. It is asked for every second, hence joined as it grows."""
        count, text = self._joined
        if count < len(self._frames):
            text += "".join(frame.text for frame in self._frames[count:])
            self._joined = len(self._frames), text
        return text

    @property
    def html(self) -> str:
        """What a page that followed from the start shows."""
        return "".join(frame.append for frame in self._frames) + (self._frames[-1].tail if self._frames else "")

    @property
    def calls(self) -> list[Call]:
        """The calls of this run so far, of each the attempt that counted."""
        return [*self._earlier, self.exchange.call]

    @property
    def original(self) -> str | None:
        """The reply as the provider wrote it, where the workspace's vault keeps it and it isn't what is shown anyway."""
        if all(call.original is None for call in self.calls):
            return None
        return "\n\n".join(said for call in self.calls if (said := call.original or call.text))

    @property
    def reasoning_ms(self) -> int:
        return self.reasoning.spent_ms(monotonic())

    def take(self, delta: Delta) -> None:
        """Take what the call says; it is shown by the next beat of the pulse."""
        if delta.reasoning:
            self.reasoning.add(delta.reasoning, now=monotonic())
        if delta.content or delta.tool_calls:
            self.reasoning.pause(now=monotonic())
        if delta.content:
            if self._wants_gap:
                self._pending.append("\n\n")
                self._wants_gap = False
            self._pending.append(delta.content)

    def go_on(self, exchange: Exchange) -> None:
        """The next call, which is told what came of the tools."""
        self._earlier.append(self.exchange.call)
        self._wants_gap = any(call.text for call in self._earlier)
        self.exchange, self.is_between_calls, self.uses = exchange, False, []

    def settle(self) -> None:
        """Nothing more comes: the reasoning is over, and so are tools that were running."""
        self.reasoning.pause(now=monotonic())
        for use in self.uses:
            if use.cancel():
                self.show_row(str(use.row.id), use.html)

    def show_row(self, row_id: str, html: str) -> None:
        """A tool's row is new, or another than it was."""
        self._rows[row_id] = html

    def cut(self) -> None:
        """Make one frame of what has come in since the last one."""
        thought = self.reasoning.cut(now=monotonic())
        if not (self._pending or thought or self._rows):
            return
        text = "".join(self._pending)
        self._pending.clear()
        patch = self._renderer.feed(text)
        aside = Aside(thought, self._rows) if thought or self._rows else None
        self._rows = {}
        self._frames.append(Frame(self.seq + 1, text, patch.append, patch.tail, aside))

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
