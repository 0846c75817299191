"""The pages of `bench.chats`, in a process of their own: URL COOKIES MODEL RECONNECTING SECONDS. Prints JSON: tokens,
reconnects, lags_ms.

A page applies the frames as stream.js does; each token is the time it was sent, so each frame tells its lag. A page that
reconnects leaves its socket every second and asks over the next one for what it lacks.
"""

import asyncio
import json
import re
import sys
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

STAMP = re.compile(r"\b[a-j]{8} [k-t]{8}\b")
LETTERS = str.maketrans("abcdefghijklmnopqrst ", "01234567890123456789_")
TOKEN = "b" * 32
RAMP_SECONDS = 0.25  # people do not all ask at once
PAUSE_SECONDS = 1.0  # between two reconnections of one page


@dataclass
class Report:
    """What all pages saw together. Lags count from `counts_from` to `counts_until`, while every chat is live."""

    token_count: int = 0
    reconnect_count: int = 0
    counts_from: float = float("inf")
    counts_until: float = float("inf")
    lags_ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@dataclass
class Page:
    """One page: its socket comes and goes, what it shows stays."""

    session: aiohttp.ClientSession
    url: str
    cookie: str
    report: Report
    conversation: str = field(default_factory=lambda: str(uuid.uuid4()))
    run: str = ""
    seq: int = 0
    seen: set[str] = field(default_factory=set)
    is_over: bool = False

    async def live(self, model: str, *, is_reconnecting: bool) -> None:
        """Send a prompt and follow the reply to its end."""
        async with self.connection() as socket:
            if not await self.send(model):
                return
            await self.follow(socket, PAUSE_SECONDS if is_reconnecting else None)
        while not self.is_over:
            self.report.reconnect_count += 1
            async with self.connection() as socket:
                await self.follow(socket, PAUSE_SECONDS)

    def connection(self) -> Any:
        return self.session.ws_connect(f"{self.url}/ws/", headers={"Cookie": self.cookie, "Origin": self.url})

    async def send(self, model: str) -> bool:
        headers = {"Cookie": f"{self.cookie}; ollive_csrftoken={TOKEN}", "X-CSRFToken": TOKEN, "HX-Request": "true"}
        fields = {"conversation": self.conversation, "message": str(uuid.uuid4()), "prompt": "Tell the time.", "model": model}
        async with self.session.post(f"{self.url}/turns/", data=fields, headers=headers) as answer:
            html = await answer.text()
        found = re.search(r'data-run="([0-9a-f-]{36})"', html)
        if found is None:
            self.report.errors.append(f"{answer.status}: {html[:200]}")
            return False
        self.run = found[1]
        return True

    async def follow(self, socket: aiohttp.ClientWebSocketResponse, seconds: float | None) -> None:
        """Take frames until the end, or for some seconds."""
        runs = [{"run": self.run, "seq": self.seq}]
        await socket.send_json({"type": "sync", "conversation": self.conversation, "runs": runs})
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for message in socket:
                    if message.type is aiohttp.WSMsgType.TEXT and not message.data.lstrip().startswith("<"):
                        self.take(json.loads(message.data))
                    if self.is_over:
                        return
                self.report.errors.append(f"closed by the server: {socket.close_code}")
                self.is_over = True

    def take(self, frame: dict[str, Any]) -> None:
        """Note the lag of each new token."""
        now = time.time()
        if frame["type"] in ("delta", "snapshot"):
            is_counted = frame["type"] == "delta" and self.report.counts_from <= now <= self.report.counts_until
            # The stamps are ours twice while a block is the tail and then committed: each counts once.
            for stamp in STAMP.findall(frame["append"] + (frame["tail"] or "")):
                if stamp in self.seen:
                    continue
                self.seen.add(stamp)
                self.report.token_count += 1
                # What was generated before the page could follow comes in its first frame, and tells nothing of the way.
                if is_counted:
                    self.report.lags_ms.append(now * 1000 - int(stamp.translate(LETTERS)) / 1000)
            self.seq = max(self.seq, frame["seq"])
        elif frame["type"] == "end":
            if frame["status"] != "complete":
                self.report.errors.append(frame["foot"][:300])
            self.is_over = True


async def main(url: str, cookies: list[str], model: str, reconnecting: int, seconds: float) -> None:
    report = Report()
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=300)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session, asyncio.TaskGroup() as group:
        for number, cookie in enumerate(cookies):
            page = Page(session, url, cookie, report)
            group.create_task(page.live(model, is_reconnecting=number < reconnecting))
            await asyncio.sleep(RAMP_SECONDS)
        report.counts_from, report.counts_until = time.time() + 1, time.time() + seconds - 1
    if report.errors:
        sys.exit(f"{len(report.errors)} chats failed: {report.errors[0]}")
    print(json.dumps({"tokens": report.token_count, "reconnects": report.reconnect_count, "lags_ms": report.lags_ms}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2].split(","), sys.argv[3], int(sys.argv[4]), float(sys.argv[5])))
