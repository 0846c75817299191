"""`/v1/chat/completions` on one web process, with keys, limits, redaction and durable logging on.

`python -m bench.gateway [--calls 3000] [--streams 100 300] [--seconds 10] [--rounds 3] [--peer]`. The provider, the web process
and the callers are processes of their own. What is added is the difference to the same callers asking the provider itself, one
right after the other; a figure is the median of the rounds. `--peer` measures LiteLLM Proxy beside it, and prints ratios.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil

from bench import peers
from bench.stack import ROOT, Stack, servers, start_web

RATE = 20
SHARE = 0.75  # of a core, that one process may use
RAMP = 3.0
MANY = "100000000"  # a limit that is counted, and never met


@dataclass(frozen=True, slots=True)
class System:
    """One that is measured. `process` is whose CPU counts; the provider's own counts for nobody."""

    name: str
    url: str
    key: str
    process: str
    prefix: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--streams", type=int, nargs="*", default=[100, 300])
    parser.add_argument("--seconds", type=int, default=10, help="for which all streams are live")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", action="store_true", help="measure LiteLLM Proxy too, which is installed for it")
    given = parser.parse_args()
    with systems() as (stack, found):
        if given.peer:
            url, key = peers.start_litellm_proxy(stack)
            found.append(System("LiteLLM Proxy", url, key, "litellm"))
        for system in found:
            ask(system, "plain", "whole", 50, 1)  # connections, caches, modules
        tell_whole(stack, found, calls=given.calls, rounds=given.rounds)
        for count in given.streams:
            tell_streams(stack, found, count=count, seconds=given.seconds, rounds=given.rounds)


@contextmanager
def systems() -> Iterator[tuple[Stack, list[System]]]:
    """The provider itself comes first: what it takes is what others add to."""
    with servers({"RATE_LIMIT_PER_MIN": MANY}) as stack:
        url = start_web(stack)
        provider = System("the provider itself", stack.provider_url, "fake", "provider")
        yield stack, [provider, System("Ollive", f"{url}/v1", make_key(), "web", "openai/")]


def make_key() -> str:
    """A key of a person with a workspace of their own."""
    from django.utils import timezone

    from accounts import api_keys
    from accounts.models import Membership, User, Workspace

    person = User.objects.create_user(email="alice@example.org", password="of the bench")
    workspace = Workspace.objects.create(name="Bench")
    Membership.objects.create(user=person, workspace=workspace, role=Membership.Role.OWNER)
    return api_keys.issue(person, workspace, name="bench", now=timezone.now(), scopes=["chat"])[1]


def tell_whole(stack: Stack, found: list[System], *, calls: int, rounds: int) -> None:
    print("answers in one piece        p50 alone   added   64 at once  CPU a call   at 75 % of a core   p50      p99")
    alone_of: dict[str, list[float]] = {system.name: [] for system in found}
    rows: dict[str, list[tuple[float, ...]]] = {system.name: [] for system in found}
    for _ in range(rounds):
        for system in found:
            taken = ask(system, "plain", "whole", calls / 10, 1)["taken_ms"]
            alone_of[system.name].append(statistics.median(taken))
            before = stack.cpu_seconds(system.process)
            many = ask(system, "plain", "whole", calls, 64)
            cpu = (stack.cpu_seconds(system.process) - before) / calls
            p50, p99 = percentiles(many["taken_ms"], 0.5, 0.99)
            rows[system.name].append((calls / many["seconds"], cpu * 1000, SHARE / cpu, p50, p99))
    for system in found:
        alone, base = (statistics.median(alone_of[name]) for name in (system.name, found[0].name))
        rate, cpu, most, p50, p99 = (statistics.median(column) for column in zip(*rows[system.name], strict=True))
        print(
            f"{system.name:26} {alone:7.2f} ms {alone - base:+6.2f} {rate:10.0f}/s {cpu:8.2f} ms {most:17.0f}/s"
            f" {p50:6.1f} ms {p99:6.1f} ms"
        )
    tell_ratio("answers a second", found, {name: statistics.median(row[0] for row in rows[name]) for name in rows})
    tell_ratio("CPU a call", found, {name: 1 / statistics.median(row[1] for row in rows[name]) for name in rows})


def tell_streams(stack: Stack, found: list[System], *, count: int, seconds: int, rounds: int) -> None:
    print(f"\n{count} streams of {RATE} tokens/s     CPU s/1,000   core   first token p50   added   lag p95      p99   RSS")
    rows: dict[str, list[tuple[float, ...]]] = {system.name: [] for system in found}
    for _ in range(rounds):
        for system in found:
            model = f"stamped-{RATE}x{round(RATE * (seconds + RAMP))}"
            before, began = stack.cpu_seconds(system.process), time.monotonic()
            heard = ask(system, model, "streams", count, RAMP)
            cpu, wall = stack.cpu_seconds(system.process) - before, time.monotonic() - began
            (first,) = percentiles(heard["ttft_ms"], 0.5)
            rss = psutil.Process(stack.processes[system.process].pid).memory_info().rss / 1e6
            rows[system.name].append(
                (cpu / heard["tokens"] * 1000, cpu / wall, first, *percentiles(heard["lags_ms"], 0.95, 0.99), rss)
            )
    base = statistics.median(row[2] for row in rows[found[0].name])
    for system in found:
        cpu, core, first, p95, p99, rss = (statistics.median(column) for column in zip(*rows[system.name], strict=True))
        print(
            f"{system.name:26} {cpu:11.3f} {core:8.2f} {first:14.1f} ms {first - base:+7.1f}"
            f" {p95:6.1f} ms {p99:5.1f} ms {rss:4.0f} MB"
        )
    tell_ratio("CPU a token", found, {name: 1 / statistics.median(row[0] for row in rows[name]) for name in rows})


def tell_ratio(what: str, found: list[System], merits: dict[str, float]) -> None:
    """How many times better Ollive is than its peer, where there is one."""
    _, ours, *others = found
    for peer in others:
        print(f"{what}: {merits[ours.name] / merits[peer.name]:.1f} times as good as {peer.name}")


def ask(system: System, model: str, sort: str, first: float, second: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.gateway_callers", system.url, system.key, system.prefix + model, sort]
    command += [str(first), str(second)]
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), check=True, stdout=subprocess.PIPE)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def percentiles(values: list[float], *shares: float) -> list[float]:
    ordered = sorted(values)
    return [ordered[int((len(ordered) - 1) * share)] for share in shares]


if __name__ == "__main__":
    main()
