"""Keeps a streamed answer alive: proxies, and programs too, hang up on a connection that is silent for long."""

import asyncio
from typing import Any

SECONDS = 15.0


class Pulse:
    """Sends `ping` whenever nothing else was sent for `SECONDS`, as long as the block lasts."""

    __slots__ = ("_beating", "_loop", "_ping", "_send", "_sent_at")

    def __init__(self, send: Any, ping: bytes) -> None:
        self._send = send
        self._ping = ping
        self._loop = asyncio.get_running_loop()
        self._sent_at = 0.0
        self._beating: asyncio.Task[None] | None = None

    async def send(self, chunk: bytes) -> None:
        self._sent_at = self._loop.time()
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def _beat(self) -> None:
        while True:
            silent = self._loop.time() - self._sent_at
            if silent >= SECONDS:
                await self.send(self._ping)
            await asyncio.sleep(max(SECONDS - silent, 0.0) or SECONDS)

    async def __aenter__(self) -> "Pulse":
        self._sent_at = self._loop.time()
        if self._ping:
            self._beating = self._loop.create_task(self._beat())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._beating is not None:
            self._beating.cancel()
