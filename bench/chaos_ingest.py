"""The programs of `bench.chaos`: they send events to `/api/v1/ingest` until these are acknowledged, as an SDK does."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import aiohttp
from uuid_utils.compat import uuid7

CALLS = 25  # in a batch, two events each
PAUSE_SECONDS = 0.05
LAST_WORDS_SECONDS = 60.0  # for what is not acknowledged when the load ends


@dataclass
class Sender:
    """One program and what it was told."""

    acknowledged: list[UUID] = field(default_factory=list)
    answered_at: list[float] = field(default_factory=list)
    resent: int = 0
    unacknowledged: int = 0

    async def send_until(self, stop: asyncio.Event, url: str, token: str) -> None:
        """Batch after batch; the last one is sent until it is acknowledged too."""
        timeout = aiohttp.ClientTimeout(total=15, sock_connect=3)
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}, timeout=timeout) as session:
            while not stop.is_set():
                calls = [uuid7() for _ in range(CALLS)]
                await self._deliver(calls, stop, session, url)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _deliver(self, calls: list[UUID], stop: asyncio.Event, session: aiohttp.ClientSession, url: str) -> None:
        body = {"events": [event for call in calls for event in events_of(call)]}
        deadline: float | None = None
        while deadline is None or time.monotonic() < deadline:
            try:
                async with session.post(f"{url}/api/v1/ingest", json=body) as answer:
                    if answer.status == 207:
                        told = await answer.json()
                        if told["rejected"]:
                            raise RuntimeError(f"a sound event was refused: {told['rejected'][0]}")
                        self.acknowledged += calls
                        self.answered_at.append(time.monotonic())
                        return
            except (aiohttp.ClientError, OSError, TimeoutError):
                pass  # nobody knows whether it was stored: sending again is safe
            self.resent += 1
            await asyncio.sleep(0.2)
            if stop.is_set() and deadline is None:
                deadline = time.monotonic() + LAST_WORDS_SECONDS
        self.unacknowledged += len(calls)


def events_of(call: UUID) -> list[dict[str, Any]]:
    """A call of some 500 bytes in its two events."""
    now = datetime.now(UTC)
    told = {"inference_id": str(call), "provider": "openai", "model": "gpt-4o-mini", "started_at": now.isoformat()}
    question = {"role": "user", "content": "How do the tides work, and why are there two of them a day? " * 4}
    ending = {"status": "success", "ended_at": (now + timedelta(seconds=2)).isoformat(), "input_tokens": 60, "output_tokens": 9}
    return [
        {"phase": "started", **told, "messages": [question]},
        {
            "phase": "finished",
            **told,
            **ending,
            "reply": "The moon pulls the water nearest to it, and the earth from the other side.",
        },
    ]


def silence_after(senders: list[Sender], moment: float) -> float:
    """The longest time without an answer to anybody from that moment on, in seconds."""
    heard = sorted([moment, *(at for sender in senders for at in sender.answered_at if at > moment)])
    return max((later - earlier for earlier, later in pairwise(heard)), default=float("inf"))
