"""A pytest plugin: a real PostgreSQL and a real Valkey for the length of a run, started before the settings are read.

`DATABASE_URL` or `REDIS_URL` in the environment replaces one of them. Workers of pytest-xdist inherit the controller's servers.
The project's `.env` is not read: a person's provider keys have no place in tests.
"""

import os
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from ollive.up import postgres, valkey
from ollive.up.launcher import account_without_root, free_port

REDIS_DATABASE = re.compile(r"/\d*\Z")
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}
STARTED: list[subprocess.Popen[bytes]] = []
FOLDERS: list[Path] = []


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None]:
    """As a wrapper this runs before pytest-django's own hook, which reads the settings."""
    os.environ["OLLIVE_ENV_FILE"] = ""
    folder = _make_folder()
    os.environ["OLLIVE_DATA_DIR"] = str(folder)
    try:
        if not os.environ.get("REDIS_URL"):
            os.environ["REDIS_URL"] = _start_valkey(folder)
        if worker := os.environ.get("PYTEST_XDIST_WORKER"):
            # One worker's `cache.clear()` empties a whole database, other workers' running replies with it.
            server = REDIS_DATABASE.sub("", os.environ["REDIS_URL"])
            os.environ["REDIS_URL"] = f"{server}/{1 + int(worker.removeprefix('gw'))}"
        if not os.environ.get("DATABASE_URL"):
            os.environ["DATABASE_URL"] = _start_postgres(folder)
        return (yield)
    except BaseException:
        _stop()
        raise


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    _stop()


def _make_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ollive-tests-"))
    if account_without_root() == "nobody":
        folder.chmod(0o711)
    FOLDERS.append(folder)
    return folder


def _start_valkey(folder: Path) -> str:
    store = valkey.Store(folder / "valkey", free_port(), secrets.token_urlsafe(24), is_lasting=False)
    valkey.prepare(store)
    _start("valkey", store.command(), store.is_ready)
    return store.url


def _start_postgres(folder: Path) -> str:
    cluster = postgres.Cluster(folder / "postgres", free_port(), postgres.make_password(), FAST)
    postgres.prepare(cluster)
    _start("postgres", cluster.command(), cluster.is_ready)
    return cluster.url


def _start(name: str, command: list[str], is_ready: Callable[[int], bool]) -> None:
    log = FOLDERS[0] / f"{name}.log"
    with log.open("wb") as output:
        # A session of its own: Ctrl-C is for pytest, which then stops the servers.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd="/"
        )
    STARTED.append(process)
    deadline = time.monotonic() + 30
    while not is_ready(process.pid):
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.exit(f"The tests' {name} did not start: {log.read_text()[-2000:]}", returncode=3)
        time.sleep(0.02)


def _stop() -> None:
    while STARTED:
        process = STARTED.pop()
        process.terminate()
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            # PostgreSQL waits politely for its clients; nothing in this folder is worth waiting for.
            process.send_signal(3)
            process.wait(timeout=10)
    while FOLDERS:
        shutil.rmtree(FOLDERS.pop(), ignore_errors=True)
