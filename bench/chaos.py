"""Kills parts of a running Ollive at random moments of many live replies, and counts what was lost: `make chaos`.

For each fault and round: 20 pages follow 20 replies at 20 tokens a second, one part gets `kill -9`, the supervisor heals.
Then every reply must have ended within 45 s, what pages showed must be a prefix of what is stored, and each call must be
one log row that has ended. Exit code 1 when anything was lost or doubled.
"""

import argparse
import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.chaos_pages import Page, follow_all
from bench.stack import ROOT
from ollive.up.launcher import free_port

FAULTS = ("web", "worker", "valkey", "postgres")
MARKS = {"web": "ollive.up.web", "worker": "celery", "valkey": "valkey-server", "postgres": "postgres"}
WORDS = 160  # 8 seconds at 20 a second
ALLOWED_SECONDS = 45.0
HEAD = "fault      runs  complete  interrupted  lost  twice  all ended  silence"


@dataclass
class Outcome:
    """What one round did to the replies."""

    fault: str
    statuses: dict[str, int]
    lost: int
    duplicated: int
    seconds_to_end: float
    longest_silence: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--faults", nargs="+", default=list(FAULTS), choices=FAULTS)
    given = parser.parse_args()
    print(HEAD)
    is_sound = True
    with running() as address:
        for fault in given.faults:
            for _ in range(given.rounds):
                outcome = asyncio.run(play(address, fault, given.runs))
                is_sound &= report(outcome, given.runs)
    sys.exit(0 if is_sound else 1)


def report(outcome: Outcome, runs: int) -> bool:
    complete, interrupted = outcome.statuses.get("complete", 0), outcome.statuses.get("interrupted", 0)
    print(
        f"{outcome.fault:9} {runs:5} {complete:9} {interrupted:12} {outcome.lost:5} {outcome.duplicated:6} "
        f"{outcome.seconds_to_end:8.1f} s {outcome.longest_silence:6.1f} s",
        flush=True,
    )
    return outcome.lost == outcome.duplicated == 0 and outcome.seconds_to_end <= ALLOWED_SECONDS


@dataclass(frozen=True)
class Address:
    """Where the product under test is, and whom to ask as."""

    url: str
    cookie: str
    supervisor: int


@contextmanager
def running() -> Iterator[Address]:
    """The product as people start it, on a fresh data folder, with a fake provider beside it."""
    folder = Path(tempfile.mkdtemp(prefix="ollive-chaos-"))
    folder.chmod(0o711)
    port, provider_port = free_port(), free_port()
    provider = subprocess.Popen([sys.executable, "-m", "tests.fakes.provider", "--port", str(provider_port)], cwd=ROOT)
    os.environ |= {
        "OLLIVE_DATA_DIR": str(folder / "var"),
        "OLLIVE_PORT": str(port),
        "OLLIVE_ADMIN_EMAIL": "chaos@example.com",
        "OLLIVE_ADMIN_PASSWORD": "a long password for chaos",
        "OPENAI_API_KEY": "fake",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{provider_port}/v1",
    }
    with (folder / "up.log").open("wb") as log:
        up = subprocess.Popen([sys.executable, "manage.py", "up"], cwd=ROOT, stdout=log, stderr=log)
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}", up, folder / "up.log")
        words = [f"word{number} " for number in range(WORDS)]
        script = {"model": "chaos", "chunks": words, "rate": 20}
        httpx.post(f"http://127.0.0.1:{provider_port}/control/script", json=script, trust_env=False).raise_for_status()
        yield Address(f"http://127.0.0.1:{port}", _sign_in(), up.pid)
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(60)
        provider.terminate()
        shutil.rmtree(folder, ignore_errors=True)


async def play(address: Address, fault: str, runs: int) -> Outcome:
    """One round."""
    pages = [Page() for _ in range(runs)]
    following = asyncio.create_task(follow_all(pages, address.url, address.cookie))
    await asyncio.sleep(2 + random.random() * 4)
    struck_at = time.monotonic()
    strike(address.supervisor, fault)
    await asyncio.wait([following], timeout=ALLOWED_SECONDS + 30)
    if not following.done():
        following.cancel()
    ended_at = max((page.ended_at or time.monotonic() for page in pages), default=struck_at)
    statuses, lost, duplicated = await asyncio.to_thread(judge, pages)
    silence = max(page.longest_silence for page in pages)
    return Outcome(fault, statuses, lost, duplicated, max(0.0, ended_at - struck_at), silence)


def strike(supervisor: int, fault: str) -> None:
    """`kill -9` one part of the product under test: a child of its supervisor, and no other process."""
    for child in psutil.Process(supervisor).children():
        if any(MARKS[fault] in word for word in child.cmdline()) and not ("beat" in child.cmdline() and fault == "worker"):
            child.kill()
            return
    raise RuntimeError(f"no child of the supervisor is the {fault}")


def judge(pages: list[Page]) -> tuple[dict[str, int], int, int]:
    """How replies ended, how many lost something, and how many calls were recorded more or less than once."""
    from django.db import close_old_connections

    from chat.models import Message
    from telemetry.models import InferenceLog

    close_old_connections()
    lost = duplicated = 0
    statuses: dict[str, int] = {}
    for page in pages:
        reply = Message.objects.filter(run_id=page.run).first() if page.run else None
        if reply is None:
            lost += 1
            continue
        statuses[reply.status] = statuses.get(reply.status, 0) + 1
        stored = " ".join(reply.content.split())
        if reply.status == "streaming" or not all(stored.startswith(text) for text in page.texts):
            lost += 1
        rows = _rows_of(InferenceLog, reply.id)
        lost += rows == 0
        duplicated += rows > 1
    return statuses, lost, duplicated


def _rows_of(model: Any, message_id: Any) -> int:
    """Log rows of a reply that have ended; the digest gets 30 s for them."""
    deadline = time.monotonic() + 30
    while True:
        rows = model.objects.filter(message_id=message_id)
        ended = rows.exclude(status="in_progress").count()
        if (ended and ended == rows.count()) or time.monotonic() > deadline:
            return int(rows.count()) if ended else 0
        time.sleep(0.25)


def _wait_until_ready(url: str, up: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and up.poll() is None:
        try:
            if httpx.get(f"{url}/ready", timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise RuntimeError(f"Ollive did not start: {log.read_text()[-3000:]}")


def _sign_in() -> str:
    os.environ["DJANGO_SETTINGS_MODULE"] = "ollive.settings"
    import django

    django.setup()
    from django.conf import settings
    from django.test import Client

    from accounts.models import User

    client = Client()
    client.force_login(User.objects.get(email="chaos@example.com"))
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


if __name__ == "__main__":
    main()
