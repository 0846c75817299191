"""The programs of `bench.gateway`: a process of its own that asks one server, and prints what it found as JSON.

Whole answers one after the other or many at once, or streams at 20 tokens a second, each token the time at which it was sent.
"""

import asyncio
import json
import sys
import time
from contextlib import suppress
from typing import Any

import aiohttp
import uvloop

from tests.fakes.replies import FIRST, SECOND

MESSAGES = [{"role": "user", "content": "How do tides work? Answer in a few words, as to a child of ten years."}]
LETTERS = {ord(letter): digit for table in (FIRST, SECOND) for digit, letter in enumerate(map(chr, table.values()))}


class Callers:
    """All of them, over one session."""

    def __init__(self, session: aiohttp.ClientSession, url: str, model: str) -> None:
        self._session = session
        self._url = f"{url}/chat/completions"
        self._model = model

    async def whole(self, count: int, at_once: int) -> dict[str, Any]:
        """`count` answers in one piece, so many at once: how long each took, in milliseconds."""
        body = json.dumps({"model": self._model, "messages": MESSAGES, "max_tokens": 200}).encode()
        taken: list[float] = []
        left = iter(range(count))

        async def go_on() -> None:
            for _ in left:
                began = time.perf_counter()
                async with self._session.post(self._url, data=body) as response:
                    answer = await response.read()
                    assert response.status == 200, answer
                taken.append((time.perf_counter() - began) * 1000)

        began = time.perf_counter()
        await asyncio.gather(*(go_on() for _ in range(at_once)))
        return {"seconds": time.perf_counter() - began, "taken_ms": taken}

    async def streams(self, count: int, ramp: float) -> dict[str, Any]:
        """`count` streams, begun one after the other within `ramp` seconds: first tokens, lags while all are live, tokens."""
        body = json.dumps({"model": self._model, "messages": MESSAGES, "stream": True, "max_tokens": 10_000}).encode()
        found: dict[str, Any] = {"ttft_ms": [], "lags_ms": [], "tokens": 0}
        began = time.time()

        async def listen(position: int) -> None:
            await asyncio.sleep(ramp * position / count)
            asked = time.perf_counter()
            is_first = True
            async with self._session.post(self._url, data=body) as response:
                assert response.status == 200, await response.read()
                async for line in response.content:
                    if not line.startswith(b"data: {"):
                        continue
                    if is_first:
                        found["ttft_ms"].append((time.perf_counter() - asked) * 1000)
                        is_first = False
                    if (sent := _stamp(line)) is not None:
                        found["tokens"] += 1
                        if time.time() > began + ramp:
                            found["lags_ms"].append((time.time() - sent) * 1000)

        await asyncio.gather(*(listen(position) for position in range(count)))
        return found


def _stamp(line: bytes) -> float | None:
    """When the provider sent this token."""
    choices = json.loads(line[6:]).get("choices") or [{}]
    words = (choices[0].get("delta", {}).get("content") or "").split()
    if len(words) != 2:
        return None
    with suppress(KeyError):
        return int("".join(str(LETTERS[ord(letter)]) for letter in "".join(words))) / 1_000_000
    return None


async def main(url: str, key: str, model: str, *, sort: str, first: float, second: float) -> None:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=aiohttp.ClientTimeout(total=None)) as session:
        callers = Callers(session, url, model)
        found = await (callers.whole(int(first), int(second)) if sort == "whole" else callers.streams(int(first), second))
    print(json.dumps(found))


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:4], sort=sys.argv[4], first=float(sys.argv[5]), second=float(sys.argv[6])))
