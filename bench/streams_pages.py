"""The pages of `bench.streams`, in a process of their own: URL COOKIES MODEL. Prints JSON: tokens, lags_ms.

A page applies the frames as stream.js does; each token is the time it was sent, so each frame tells its lag.
"""

import asyncio
import json
import re
import sys
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import aiohttp

STAMP = re.compile(r"\b[a-j]{16}\b")
LETTERS = str.maketrans("abcdefghij", "0123456789")
TOKEN = "b" * 32
RAMP_SECONDS = 0.25  # people do not all ask at once


@dataclass
class Report:
    """What all pages saw together."""

    token_count: int = 0
    lags_ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


async def chat(session: aiohttp.ClientSession, url: str, cookie: str, model: str, report: Report) -> None:
    """One page: open the socket, send a prompt, follow it to its end."""
    conversation = str(uuid.uuid4())
    headers = {"Cookie": f"{cookie}; ollive_csrftoken={TOKEN}", "X-CSRFToken": TOKEN, "HX-Request": "true"}
    fields = {"conversation": conversation, "message": str(uuid.uuid4()), "prompt": "Tell the time.", "model": model}
    async with session.ws_connect(f"{url}/ws/", headers={"Cookie": cookie, "Origin": url}) as socket:
        async with session.post(f"{url}/turns/", data=fields, headers=headers) as answer:
            html = await answer.text()
        found = re.search(r'data-run="([0-9a-f-]{36})"', html)
        if found is None:
            report.errors.append(f"{answer.status}: {html[:200]}")
            return
        sync = {"type": "sync", "conversation": conversation, "runs": [{"run": found[1], "seq": 0}]}
        await socket.send_json(sync)
        seen: set[str] = set()
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT or message.data.lstrip().startswith("<"):
                continue
            if not take(json.loads(message.data), seen, report):
                return


def take(frame: dict[str, Any], seen: set[str], report: Report) -> bool:
    """Note the lag of each new token; False at the end."""
    now = time.time()
    if frame["type"] in ("delta", "snapshot"):
        # The stamps are ours twice while a block is the tail and then committed: each counts once.
        for stamp in STAMP.findall(frame["append"] + (frame["tail"] or "")):
            if stamp in seen:
                continue
            seen.add(stamp)
            report.token_count += 1
            # What was generated before the page could follow comes in its first frame, and tells nothing of the way.
            if frame["type"] == "delta":
                report.lags_ms.append(now * 1000 - int(stamp.translate(LETTERS)) / 1000)
    elif frame["type"] == "end":
        if frame["status"] != "complete":
            report.errors.append(frame["foot"][:300])
        return False
    return True


async def main(url: str, cookies: list[str], model: str) -> None:
    report = Report()
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=300)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session, asyncio.TaskGroup() as group:
        for cookie in cookies:
            group.create_task(chat(session, url, cookie, model, report))
            await asyncio.sleep(RAMP_SECONDS)
    if report.errors:
        sys.exit(f"{len(report.errors)} chats failed: {report.errors[0]}")
    print(json.dumps({"tokens": report.token_count, "lags_ms": report.lags_ms}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2].split(","), sys.argv[3]))
