"""How fast spans sent over OTLP can be queried: from the first request until the last span is a row.

Spans of model calls of about 1.9 kB, 512 a request as OpenTelemetry's exporter sends them, protobuf and gzip, to one web process;
one worker digests meanwhile. Real PostgreSQL, fsync on; the sender is a process of its own.
`python -m bench.otlp [--spans 20000] [--connections 2]`
"""

import argparse
import asyncio
import gzip
import json
import multiprocessing
import random
import sys
import time

from bench.ingest import WORDS, make_key
from bench.stack import Stack, servers, start_web

BATCH = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=2)
    given = parser.parse_args()
    with servers() as stack:
        url = start_web(stack)
        token = make_key()
        stack.start("worker", [sys.executable, "manage.py", "drain", "--loop"])
        measure(stack, url, token, spans=2_000, connections=given.connections, is_shown=False)
        for _ in range(3):
            measure(stack, url, token, spans=given.spans, connections=given.connections)


def measure(stack: Stack, url: str, token: str, *, spans: int, connections: int, is_shown: bool = True) -> None:
    """Send, wait until all can be queried, and print one line; Django is set up by now."""
    from telemetry import tallies
    from telemetry.models import InferenceLog, Span

    stored = InferenceLog.objects.count() + Span.objects.count()
    before = {name: stack.cpu_seconds(name) for name in ("web", "worker")}
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        began, ended, size = pool.apply(_send, (url, token, spans, connections))
    while (done := InferenceLog.objects.count() + Span.objects.count() - stored) < spans and time.time() < ended + 300:
        time.sleep(0.05)
    queryable = time.time() - began
    cpu = {name: (stack.cpu_seconds(name) - before[name]) / spans * 1e6 for name in before}
    lost = tallies.balance().missing + spans - done
    if is_shown:
        print(
            f"{spans:,} spans of {size / spans:,.0f} bytes, {connections} connections: "
            f"{spans / (ended - began):,.0f}/s accepted, {done / queryable:,.0f}/s to queryable; "
            f"CPU per 1,000: web {cpu['web']:,.0f} ms, worker {cpu['worker']:,.0f} ms; lost {lost}",
            flush=True,
        )


def _send(url: str, token: str, count: int, connections: int) -> tuple[float, float, int]:
    """When it began and ended, and how many bytes it was before compression."""
    return asyncio.run(_send_all(url, token, count, connections))


async def _send_all(url: str, token: str, count: int, connections: int) -> tuple[float, float, int]:
    import aiohttp

    plain = make_bodies(count)
    bodies = [gzip.compress(body, 1) for body in plain]
    headers = {
        "authorization": f"Bearer {token}",
        "content-type": "application/x-protobuf",
        "content-encoding": "gzip",
    }
    async with aiohttp.ClientSession(headers=headers) as session:

        async def work() -> None:
            while bodies:
                body = bodies.pop()
                async with session.post(f"{url}/v1/traces", data=body) as answer:
                    assert (answer.status, await answer.read()) == (200, b"")

        began = time.time()
        await asyncio.gather(*(work() for _ in range(connections)))
        return began, time.time(), sum(map(len, plain))


def make_bodies(count: int) -> list[bytes]:
    """Requests of calls with what was said, by the latest conventions; four to a trace."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    dice = random.Random()
    now = time.time_ns()
    bodies = []
    for start in range(0, count, BATCH):
        request = ExportTraceServiceRequest()
        resource = request.resource_spans.add()
        resource.resource.attributes.add(key="service.name").value.string_value = "bench"
        scope = resource.scope_spans.add()
        scope.scope.name = "bench.otlp"
        traces = [dice.randbytes(16) for _ in range(BATCH // 4)]
        for number in range(min(BATCH, count - start)):
            span = scope.spans.add(trace_id=traces[number // 4], span_id=dice.randbytes(8), name="chat gpt-4o-mini")
            span.start_time_unix_nano, span.end_time_unix_nano = now - dice.randrange(10**9, 10**10), now
            for key, value in _attributes(dice).items():
                told = span.attributes.add(key=key).value
                if isinstance(value, int):
                    told.int_value = value
                else:
                    told.string_value = value
        bodies.append(request.SerializeToString())
    return bodies


def _attributes(dice: random.Random) -> dict[str, str | int]:
    asked = [
        {"role": "system", "parts": [{"type": "text", "content": "Answer questions about the sea, and be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": " ".join(dice.choices(WORDS, k=120))}]},
    ]
    parts = [{"type": "text", "content": " ".join(dice.choices(WORDS, k=60))}]
    replied = [{"role": "assistant", "parts": parts, "finish_reason": "stop"}]
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.id": f"chatcmpl-{dice.randrange(10**12)}",
        "gen_ai.usage.input_tokens": dice.randrange(100, 400),
        "gen_ai.usage.output_tokens": dice.randrange(20, 200),
        "gen_ai.usage.cache_read.input_tokens": 64,
        "gen_ai.input.messages": json.dumps(asked),
        "gen_ai.output.messages": json.dumps(replied),
        "server.address": "api.example.com",
        "thread.id": 7,
    }


if __name__ == "__main__":
    main()
