"""How fast programs' events are taken over HTTP, each durable before its answer, and how fast one worker digests them.

Batches of 100 events of about 1 KB to `POST /api/v1/ingest` of one web process, over 1 and 8 connections; then the digest alone.
Real PostgreSQL, fsync on; the senders are a process of their own. Meanwhile somebody without a key knocks every 20 ms and is sent
away at once: how long that takes is what a live chat in the same process would feel.
`python -m bench.ingest [--events 20000]`
"""

import argparse
import asyncio
import json
import multiprocessing
import random
import subprocess
import sys
import time
from dataclasses import dataclass

from bench.stack import Stack, servers, start_web

BATCH = 100
WORDS = ("tide", "moon", "water", "shore", "bay", "harbour", "sand", "wind", "current", "wave", "ebb", "flow", "neap", "spring")


@dataclass(frozen=True)
class Sent:
    """What one run of the senders came to; times in milliseconds."""

    accepted: int
    seconds: float
    p50: float
    p99: float
    knock_p50: float
    knock_p99: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    arguments = parser.parse_args()
    with servers() as stack:
        url = start_web(stack)
        token = make_key()
        send(url, token, connections=4, count=2_000)  # everything is loaded now
        for connections in (1, 8):
            measure(stack, url, token, connections=connections, count=arguments.events)
        digest()


def measure(stack: Stack, url: str, token: str, *, connections: int, count: int) -> None:
    before = stack.cpu_seconds("web")
    sent = send(url, token, connections=connections, count=count)
    cpu = stack.cpu_seconds("web") - before
    print(
        f"{connections} connection{'s' if connections > 1 else ''}: {sent.accepted / sent.seconds:,.0f} events/s accepted, "
        f"a batch p50 {sent.p50:.0f} ms, p99 {sent.p99:.0f} ms; web CPU {cpu / sent.accepted * 1e6:,.0f} ms per 1,000; "
        f"a knock p50 {sent.knock_p50:.1f} ms, p99 {sent.knock_p99:.1f} ms",
        flush=True,
    )


def digest() -> None:
    """One worker, as its command runs; Django is set up here by now."""
    from telemetry import tallies

    before = tallies.balance()
    began = time.perf_counter()
    usage_before = _children_cpu()
    subprocess.run([sys.executable, "manage.py", "drain"], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    after = tallies.balance()
    done = after.stored - before.stored
    print(
        f"one worker: {done / seconds:,.0f} events/s digested (its start included), "
        f"CPU {(_children_cpu() - usage_before) / done * 1e6:,.0f} ms per 1,000; lost {after.missing}, waiting {after.pending}"
    )


def make_key() -> str:
    from django.utils import timezone

    from accounts import api_keys
    from accounts.owner import ensure_owner

    owner, _ = ensure_owner(None, None)
    membership = owner.memberships.select_related("workspace").get()
    return api_keys.issue(owner, membership.workspace, name="bench", now=timezone.now(), scopes=["ingest"])[1]


def send(url: str, token: str, *, connections: int, count: int) -> Sent:
    """Send from a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_send, (url, token, connections, count))


def _send(url: str, token: str, connections: int, count: int) -> Sent:
    return asyncio.run(_send_all(url, token, connections=connections, count=count))


async def _send_all(url: str, token: str, *, connections: int, count: int) -> Sent:
    import aiohttp

    bodies = make_bodies(count)
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    times: list[float] = []
    accepted = 0
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=connections + 1)) as session:

        async def work() -> None:
            nonlocal accepted
            while bodies:
                body = bodies.pop()
                began = time.perf_counter()
                async with session.post(f"{url}/api/v1/ingest", data=body) as answer:
                    told = await answer.json()
                    assert answer.status == 207, told
                times.append((time.perf_counter() - began) * 1000)
                accepted += told["accepted"]

        knocks: list[float] = []

        async def knock() -> None:
            while True:
                began = time.perf_counter()
                async with session.post(f"{url}/api/v1/ingest", headers={"authorization": "none"}, data=b"{}") as answer:
                    assert answer.status == 401
                knocks.append((time.perf_counter() - began) * 1000)
                await asyncio.sleep(0.02)

        began = time.perf_counter()
        knocking = asyncio.create_task(knock())
        await asyncio.gather(*(work() for _ in range(connections)))
        seconds = time.perf_counter() - began
        knocking.cancel()
    return Sent(accepted, seconds, *(_share(values, share) for values in (times, knocks) for share in (0.5, 0.99)))


def _share(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]


def make_bodies(count: int) -> list[bytes]:
    """Batches of whole calls, of about 1 KB each."""
    from uuid_utils.compat import uuid7

    dice = random.Random(7)
    calls = [
        {
            "inference_id": str(uuid7()),
            "status": "success",
            "provider": "openai",
            "model": "gpt-4o-mini",
            "started_at": "2026-11-21T12:00:00Z",
            "ended_at": "2026-11-21T12:00:02Z",
            "latency_ms": dice.randrange(500, 5000),
            "input_tokens": 130,
            "output_tokens": 60,
            "messages": [{"role": "user", "content": " ".join(dice.choices(WORDS, k=75))}],
            "reply": " ".join(dice.choices(WORDS, k=35)),
            "metadata": {"release": "2026.11", "region": "north"},
        }
        for _ in range(count)
    ]
    return [json.dumps({"events": calls[start : start + BATCH]}).encode() for start in range(0, count, BATCH)]


def _children_cpu() -> float:
    import resource

    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
