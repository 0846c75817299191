"""The pages of `bench.chaos`: they send, follow, reconnect as stream.js does, and remember all that they showed."""

import asyncio
import json
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import aiohttp

TOKEN = "c" * 32
LIMIT_SECONDS = 90.0


@dataclass
class Page:
    """One page and its reply."""

    run: str = ""
    conversation: str = field(default_factory=lambda: str(uuid.uuid4()))
    message: str = field(default_factory=lambda: str(uuid.uuid4()))
    seq: int = 0
    committed: str = ""
    tail: str = ""
    status: str = ""
    texts: list[str] = field(default_factory=list)
    longest_silence: float = 0.0
    ended_at: float | None = None
    _heard_at: float = field(default_factory=time.monotonic)

    def take(self, frame: dict[str, Any]) -> bool:
        """Apply a frame; True at the end."""
        now = time.monotonic()
        self.longest_silence = max(self.longest_silence, now - self._heard_at)
        self._heard_at = now
        if frame["type"] == "snapshot":
            self.seq, self.committed, self.tail = frame["seq"], frame["append"], frame["tail"]
        elif frame["type"] == "delta" and frame["seq"] > self.seq:
            self.seq = frame["seq"]
            self.tail = self.tail if frame["tail"] is None else frame["tail"]
            self.committed += frame["append"]
        elif frame["type"] == "end":
            self.status, self.ended_at = frame["status"], now
            if frame["body"] is not None:
                self.committed, self.tail = frame["body"], ""
        shown = " ".join(re.sub(r"<[^>]+>", " ", self.committed + self.tail).split())
        # Whatever was shown once must be stored; a text that only grows need be kept once.
        if self.texts and shown.startswith(self.texts[-1]):
            self.texts[-1] = shown
        else:
            self.texts.append(shown)
        return bool(frame["type"] == "end")


async def follow_all(pages: list[Page], url: str, cookie: str) -> None:
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=30)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        await asyncio.gather(*(_live(page, session, url, cookie) for page in pages))


async def _live(page: Page, session: aiohttp.ClientSession, url: str, cookie: str) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while page.ended_at is None and time.monotonic() < deadline:
        try:
            if not page.run:
                await _send(page, session, url, cookie)
            else:
                await _follow(page, session, url, cookie)
        except (aiohttp.ClientError, OSError, TimeoutError):
            pass  # as a browser does: pause, then try again
        await asyncio.sleep(0.25)


async def _send(page: Page, session: aiohttp.ClientSession, url: str, cookie: str) -> None:
    """Send the prompt; the same message id again after a failure, as the page does."""
    headers = {"Cookie": f"{cookie}; ollive_csrftoken={TOKEN}", "X-CSRFToken": TOKEN, "HX-Request": "true"}
    fields = {"conversation": page.conversation, "message": page.message, "prompt": "Count.", "model": "openai/chaos"}
    async with session.post(f"{url}/turns/", data=fields, headers=headers) as answer:
        found = re.search(r'data-run="([0-9a-f-]{36})"', await answer.text())
        page.run = found[1] if found else ""


async def _follow(page: Page, session: aiohttp.ClientSession, url: str, cookie: str) -> None:
    async with session.ws_connect(f"{url}/ws/", headers={"Cookie": cookie, "Origin": url}, heartbeat=5) as socket:
        runs = [{"run": page.run, "seq": page.seq}]
        await socket.send_json({"type": "sync", "conversation": page.conversation, "runs": runs})
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                return
            if message.data.lstrip().startswith("<"):
                continue
            frame = json.loads(message.data)
            if frame.get("run") == page.run and page.take(frame):
                return
