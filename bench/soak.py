"""Whether memory grows: a million events through `/api/v1/ingest` and two thousand streams, the resident size noted on the way.

`python -m bench.soak [--events 1000000] [--streams 2000] [--adapter direct]`: web process and Celery worker, each a process
of its own. The slope is a least-squares line through the sizes after the first fifth, when everything is loaded and caches full.
"""

import argparse
import time

import psutil

from bench import chats, ingest
from bench.stack import Stack, servers, start_web, start_worker

SLICE = 20_000
WAITING_LIMIT = 40_000  # events in the inbox: the sender is faster than one worker
CHATS = 50
SECONDS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--streams", type=int, default=2_000)
    parser.add_argument("--adapter", default="direct", choices=["direct", "litellm"])
    given = parser.parse_args()
    with servers({"OLLIVE_DB_POOL": "20"}) as stack:
        stack.environment |= {"MINIMAX_API_KEY": "fake", "MINIMAX_BASE_URL": stack.provider_url}
        url = start_web(stack)
        start_worker(stack)
        if given.events:
            soak_in_events(stack, url, given.events)
        if given.streams:
            soak_in_streams(stack, url, given.streams, given.adapter)


def soak_in_events(stack: Stack, url: str, count: int) -> None:
    from telemetry import tallies

    token = ingest.make_key()
    began = time.monotonic()
    seen: list[tuple[float, float, float]] = []
    for sent in range(SLICE, count + 1, SLICE):
        ingest.send(url, token, connections=2, count=SLICE)
        while tallies.balance().pending > WAITING_LIMIT:
            time.sleep(0.5)
        seen.append((sent, *sizes(stack)))
        if sent % (5 * SLICE) == 0:
            tell(f"{sent:,} events", seen[-1], time.monotonic() - began)
    while (balance := tallies.balance()).pending:
        time.sleep(0.5)
    print(f"{balance.equation}; {time.monotonic() - began:.0f} s until all were digested")
    print_slopes(seen, per=100_000, unit="100,000 events")


def soak_in_streams(stack: Stack, url: str, count: int, adapter: str) -> None:
    began = time.monotonic()
    seen: list[tuple[float, float, float]] = []
    for done in range(CHATS, count + 1, CHATS):
        chats.measure(stack, url, adapter, CHATS, seconds=SECONDS)
        seen.append((done, *sizes(stack)))
        if done % (5 * CHATS) == 0:
            tell(f"{done:,} streams", seen[-1], time.monotonic() - began)
    print_slopes(seen, per=1_000, unit="1,000 streams")


def sizes(stack: Stack) -> tuple[float, float]:
    """Resident megabytes of the web process and of the worker with its children."""
    return resident_mb(stack, "web"), resident_mb(stack, "worker")


def resident_mb(stack: Stack, name: str) -> float:
    process = psutil.Process(stack.processes[name].pid)
    return float(sum(part.memory_info().rss for part in (process, *process.children(recursive=True))) / 1e6)


def tell(what: str, seen: tuple[float, ...], seconds: float) -> None:
    print(f"{what:>18}: web {seen[1]:6.0f} MB, worker {seen[2]:6.0f} MB, {seconds:5.0f} s", flush=True)


def print_slopes(seen: list[tuple[float, float, float]], *, per: int, unit: str) -> None:
    settled = seen[len(seen) // 5 :]
    for column, name in ((1, "web"), (2, "worker")):
        grows = slope([row[0] for row in settled], [row[column] for row in settled]) * per
        print(f"{name}: {settled[0][column]:.0f} MB to {settled[-1][column]:.0f} MB, {grows:+.2f} MB per {unit}", flush=True)


def slope(xs: list[float], ys: list[float]) -> float:
    """Least squares; 0 for a single point."""
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread if spread else 0.0


if __name__ == "__main__":
    main()
