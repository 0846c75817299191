"""A real web process on loopback for tests: uvicorn, or daphne where `OLLIVE_SERVER` says so, against the test's servers."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psycopg
from django.conf import settings

ROOT = Path(__file__).resolve().parent.parent


class WebServer:
    """One web process; `kill` ends it as a crash would, `stop` as a deployment would."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.port = _free_port()
        self._read = 0
        self._environment = {**os.environ, **environment, "OLLIVE_PROCESS": "web", "PYTHONUNBUFFERED": "1"}
        self._environment.setdefault("OLLIVE_AUTO_TITLES", "false")  # else each first reply is followed by another call
        self._environment.setdefault("RATE_LIMIT_PER_MIN", "0")  # else the tests that share a process would meet it
        self._log = tempfile.NamedTemporaryFile(prefix="ollive-web-", suffix=".log")  # noqa: SIM115 (closed in `close`)
        self._process = self._start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        """All that it has written."""
        return Path(self._log.name).read_text()

    def news(self) -> str:
        """What it has written since the last time this was asked."""
        text = self.log
        news, self._read = text[self._read :], len(text)
        return news

    def wait_until_ready(self, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"The web process ended: {self.log[-3000:]}")
            try:
                with urlopen(f"{self.url}/health", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except (URLError, OSError):
                time.sleep(0.1)
        raise RuntimeError(f"The web process did not start: {self.log[-3000:]}")

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._process.kill()
        self._process.wait(10)

    def stop(self, seconds: float = 20) -> None:
        """End it as a deployment does."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()

    def restart(self) -> None:
        self._process = self._start()
        self.wait_until_ready()

    def close(self) -> None:
        self.stop()
        self._log.close()

    def _start(self) -> subprocess.Popen[bytes]:
        module = "daphne" if os.environ.get("OLLIVE_SERVER") == "daphne" else "uvicorn"
        address = {
            "daphne": ["-b", "127.0.0.1", "-p", str(self.port)],
            "uvicorn": ["--host", "127.0.0.1", "--port", str(self.port), "--timeout-graceful-shutdown", "2", "--no-access-log"],
        }
        command = [sys.executable, "-m", module, *address[module], "ollive.asgi:application"]
        with Path(self._log.name).open("ab") as output:
            return subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=output, stderr=output)


@contextmanager
def web_server(environment: Mapping[str, str] | None = None) -> Iterator[WebServer]:
    """A web process on the test's database, ended with the block."""
    _collect_static()
    server = WebServer({"DATABASE_URL": database_url(), "REDIS_URL": settings.REDIS_URL, **(environment or {})})
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.close()


@cache
def _collect_static() -> None:
    """Once a run, into the run's own data folder, as the supervisor does."""
    command = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity=0"]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "DATABASE_URL": database_url()})


def database_url() -> str:
    """The test's own database; pytest-django has put its name into the settings."""
    database = settings.DATABASES["default"]
    return f"postgres://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"


@contextmanager
def database_away() -> Iterator[None]:
    """The web process loses its connections and gets no new ones, as while the server restarts."""
    name = settings.DATABASES["default"]["NAME"]
    elsewhere = database_url().removesuffix(name) + "postgres"
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND application_name = 'ollive web'",
                [name],
            )
            yield
        finally:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
