"""What one run has shown so far, in this process: frames in order, and the followers waiting for the next.

A feed is filled by the runner that drives the run here, or by a mirror of another process's run. Nothing enters it
before a server has acknowledged it, so everything in a feed can be recovered.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import msgspec
import orjson

from chat.asides import Aside, merged


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One step of a reply: the redacted `text` it adds, and what that does to the page.

    A busy process holds a hundred thousand: the garbage collector need not walk through them, as they are part of no cycle.
    """

    seq: int
    text: str
    append: str
    tail: str
    aside: Aside | None = None


class Feed:
    """The frames of one run, consecutive by `seq`, and its end."""

    def __init__(self, run_id: uuid.UUID) -> None:
        self.run_id = run_id
        self.frames: list[Frame] = []
        self.generation = 0
        self.end: str | None = None  # the end frame, as JSON
        self._waiting: set[asyncio.Event] = set()

    @property
    def seq(self) -> int:
        return self.frames[-1].seq if self.frames else 0

    def show(self, frames: Sequence[Frame]) -> None:
        """Hand acknowledged frames to the followers."""
        self.frames.extend(frames)
        self._notify()

    def restart(self, frame: Frame) -> None:
        """Forget the steps and go on from one frame that holds everything."""
        self.frames = [frame]
        self.generation += 1
        self._notify()

    def close(self, end: str) -> None:
        """Show the end; nothing follows it."""
        self.end = end
        self._notify()

    @property
    def has_followers(self) -> bool:
        return bool(self._waiting)

    async def follow(self, after: int) -> AsyncIterator[str]:
        """JSON frames for a page that has everything up to `after`, until the run ends."""
        changed = asyncio.Event()
        self._waiting.add(changed)
        generation, is_first = self.generation, True
        try:
            while True:
                if generation != self.generation or (is_first and not self._continues(after)):
                    generation, after = self.generation, 0
                if self.seq > after:
                    yield self._frame_json(after)
                    after = self.seq
                if self.end is not None:
                    yield self.end
                    return
                is_first = False
                changed.clear()
                await changed.wait()
        finally:
            self._waiting.discard(changed)

    async def texts(self, quiet_seconds: float | None = None) -> AsyncGenerator[str, None]:
        """The reply's text alone, piece by piece as it comes, until the run ends; an empty one after each so long a silence."""
        changed = asyncio.Event()
        self._waiting.add(changed)
        generation, taken, told = self.generation, 0, 0
        try:
            while True:
                is_over, known = self.end is not None, 0
                if generation != self.generation:  # the first frame holds everything: what was told before is no news
                    generation, taken, known = self.generation, 0, told
                text = "".join(frame.text for frame in self.frames[taken:])[known:]
                taken = len(self.frames)
                if text:
                    told += len(text)
                    yield text
                elif is_over:
                    return
                else:
                    changed.clear()
                    try:
                        async with asyncio.timeout(quiet_seconds):
                            await changed.wait()
                    except TimeoutError:
                        yield ""
        finally:
            self._waiting.discard(changed)

    def _continues(self, after: int) -> bool:
        """Whether the frames after `after` are all here."""
        return not self.frames or self.frames[0].seq - 1 <= after <= self.seq

    def _frame_json(self, after: int) -> str:
        """Everything after `after` in one frame; from the start it is a snapshot, which replaces what the page has."""
        first = self.frames[0].seq
        start = max(0, after - first + 1)
        missing = self.frames[start:]
        # A long block is not rendered anew at each step; an unchanged tail is not sent again.
        aside = merged(frame.aside for frame in missing)
        is_same_tail = start > 0 and after > 0 and self.frames[start - 1].tail == missing[-1].tail
        return orjson.dumps(
            {
                "v": 1,
                "type": "delta" if after else "snapshot",
                "run": str(self.run_id),
                "seq": self.seq,
                "append": "".join(frame.append for frame in missing),
                "tail": None if is_same_tail and not any(frame.append for frame in missing) else missing[-1].tail,
                **(aside.content() if aside else {}),
            }
        ).decode()

    def _notify(self) -> None:
        for changed in self._waiting:
            changed.set()
