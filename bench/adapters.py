"""CPU per 1,000 streamed tokens: our adapter beside LiteLLM, and beside reading the bytes without looking at them.

The fake provider runs in a process of its own and paces each stream at 20 tokens a second, so that every token is a
packet, as from a real provider. Only this process' CPU is counted. `python -m bench.adapters [--streams 50] [--seconds 5]`
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import uvloop

from gateway import adapters
from gateway.adapters.direct import DirectAdapter
from gateway.adapters.lite import LiteAdapter
from gateway.adapters.sessions import session
from gateway.adapters.timeouts import Timeouts
from gateway.protocol import Adapter, ChatRequest, Delta, Target

RATE = 20
Run = Callable[[str, str], Awaitable[int]]


def ask(url: str, model: str, adapter: str) -> ChatRequest:
    target = Target(provider="openai", model=model, adapter=adapter, base_url=url, api_key="sk-of-the-bench")
    return ChatRequest(target, [{"role": "user", "content": "How do tides work?"}])


def through(adapter: Adapter, name: str) -> Run:
    async def run(url: str, model: str) -> int:
        return sum([1 async for part in adapter.stream(ask(url, model, name)) if isinstance(part, Delta)])

    return run


async def relay_bytes(url: str, model: str) -> int:
    """The floor: bytes from aiohttp, not parsed; a token is counted by its line feed."""
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "How do tides work?"}]}
    count = 0
    async with session(is_guarded=False).post(f"{url}/chat/completions", json=body) as response:
        async for data in response.content.iter_any():
            count += data.count(b"\n\n")
    return count


async def measure(run: Run, url: str, *, streams: int, seconds: int) -> tuple[float, int]:
    """CPU seconds per 1,000 tokens, and how many tokens there were."""
    await run(url, "plain")  # connections, and LiteLLM's import
    model = f"paced-{RATE}x{RATE * seconds}"
    began = time.process_time()
    counts = await asyncio.gather(*(run(url, model) for _ in range(streams)))
    spent = time.process_time() - began
    return spent / sum(counts) * 1000, sum(counts)


async def compare(url: str, *, streams: int, seconds: int, rounds: int) -> None:
    runs: dict[str, tuple[Run, int]] = {
        "bytes alone": (relay_bytes, streams),
        "direct": (through(DirectAdapter(Timeouts()), "direct"), streams),
        # Past some 40 streams LiteLLM fills a core, and its figure would flatter nobody.
        "LiteLLM": (through(LiteAdapter(Timeouts()), "litellm"), min(streams, 20)),
    }
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, (run, count) in runs.items():
            figure, tokens = await measure(run, url, streams=count, seconds=seconds)
            found[name].append(figure)
            print(f"  {name:<12} {count:>4} streams {tokens:>7} tokens  {figure:.3f} s", file=sys.stderr)
    await adapters.aclose()
    print(f"{'adapter':<14}{'CPU s per 1,000 tokens':>24}{'µs a token':>14}{'times direct':>14}")
    direct = statistics.median(found["direct"])
    for name, figures in found.items():
        median = statistics.median(figures)
        print(f"{name:<14}{median:>24.3f}{median * 1000:>14.0f}{median / direct:>14.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with subprocess.Popen([sys.executable, "-m", "tests.fakes.provider"], stdout=subprocess.PIPE, text=True) as provider:
        assert provider.stdout is not None
        url = provider.stdout.readline().strip()
        try:
            uvloop.run(compare(url, streams=arguments.streams, seconds=arguments.seconds, rounds=arguments.rounds))
        finally:
            provider.terminate()


if __name__ == "__main__":
    main()
