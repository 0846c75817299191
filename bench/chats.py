"""Live chats on one web process: CPU per 1,000 tokens, and the lag from the provider's byte to the page's frame.

`python -m bench.chats [--chats 20 50 100 150] [--adapter direct litellm] [--reconnecting 20] [--seconds 20]`: N pages, each
with one chat at 20 tokens a second, some of which lose their socket every second and follow on over a new one. Lags are
counted while all chats are live. Provider, web process and pages are processes of their own; the web process' CPU is what counts.
"""

import argparse
import json
import os
import subprocess
import sys
import time

from bench.chats_pages import RAMP_SECONDS
from bench.stack import ROOT, Stack, servers, start_web

RATE = 20
PREFIX = {"direct": "openai", "litellm": "minimax"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chats", type=int, nargs="+", default=[20, 50, 100, 150])
    parser.add_argument("--adapter", nargs="+", default=["direct", "litellm"], choices=["direct", "litellm"])
    parser.add_argument("--reconnecting", type=int, default=20, help="how many of the pages reconnect every second")
    parser.add_argument("--seconds", type=int, default=20, help="for which all chats are live")
    given = parser.parse_args()
    with servers({"OLLIVE_DB_POOL": "20"}) as stack:
        print("adapter  chats  reconnects  tokens  CPU s/1,000   core  lag p50      p95      p99  RSS MB")
        for adapter in given.adapter:
            url = _start(stack)
            for count in given.chats:
                print(measure(stack, url, adapter, count, seconds=given.seconds, reconnecting=given.reconnecting), flush=True)
            stack.processes.pop("web").terminate()


def _start(stack: Stack) -> str:
    # A provider that only LiteLLM knows, at the same address.
    stack.environment |= {"MINIMAX_API_KEY": "fake", "MINIMAX_BASE_URL": stack.provider_url}
    return start_web(stack)


def measure(stack: Stack, url: str, adapter: str, count: int, *, seconds: int, reconnecting: int = 0) -> str:
    """One row of the table."""
    import psutil

    cookies = [_sign_in(number) for number in range(count)]
    lasting = seconds + count * RAMP_SECONDS
    model = f"{PREFIX[adapter]}/stamped-{RATE}x{round(RATE * lasting)}"
    before, started = stack.cpu_seconds("web"), time.monotonic()
    command = [sys.executable, "-m", "bench.chats_pages", url, ",".join(cookies), model, str(reconnecting), str(seconds)]
    report = json.loads(subprocess.run(command, cwd=ROOT, env=dict(os.environ), check=True, stdout=subprocess.PIPE).stdout)
    cpu, wall = stack.cpu_seconds("web") - before, time.monotonic() - started
    rss = psutil.Process(stack.processes["web"].pid).memory_info().rss / 1e6
    lags = sorted(report["lags_ms"])
    tokens = report["tokens"]
    p50, p95, p99 = (lags[int(len(lags) * share)] if lags else float("nan") for share in (0.5, 0.95, 0.99))
    used = f"{adapter:8} {count:5} {report['reconnects']:11} {tokens:7} {cpu / tokens * 1000:12.3f} {cpu / wall:6.2f}"
    return f"{used} {p50:8.0f} {p95:8.0f} {p99:8.0f} {rss:7.0f}"


def _sign_in(number: int) -> str:
    """Each chat is another person's."""
    from django.conf import settings
    from django.test import Client

    from accounts.models import Membership, User, Workspace

    email = f"bench{number}@example.com"
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create(email=email)
        Membership.objects.create(user=user, workspace=Workspace.objects.create(name="Bench"), role="owner")
    client = Client()
    client.force_login(user)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


if __name__ == "__main__":
    main()
