"""A whole Ollive of its own for a test: `manage.py up` on a fresh data folder, as root or as another user."""

import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from ollive.env import BASE_DIR
from ollive.up.launcher import free_port, launched

SECONDS = 60
PARTS = {
    "valkey": "valkey-server",
    "model": "model_server.py",
    "web": "ollive.up.web",
    "postgres": "bin/postgres",
    "worker": "ollive.celery",
    "beat": "ollive.up.beat",
}


class Installation:
    """Starts and stops `manage.py up`; `user` is None for whoever runs the tests."""

    def __init__(self, user: int | None = None, **environment: str) -> None:
        self.user = user
        self.folder = Path(tempfile.mkdtemp(prefix="ollive-up-"))
        if user is not None:
            os.chown(self.folder, user, user)
        self.port = free_port()
        inherited = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL", "HOME"}}
        self.environment = {
            **inherited,
            "OLLIVE_DATA_DIR": str(self.folder / "data"),
            "OLLIVE_PORT": str(self.port),
            "OLLIVE_LOCAL_MODEL": "false",
            **environment,
        }
        if user is None:  # compiled once a run; another user may not read it
            prefix = Path(os.environ["OLLIVE_DATA_DIR"]) / "bytecode"
            self.environment |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(prefix)}
        self.output = ""
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def data(self) -> Path:
        return Path(self.environment["OLLIVE_DATA_DIR"])

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def begin(self) -> None:
        """Start it, and listen to what it says."""
        python, path = interpreter(self.user)
        self.output = ""
        self._process = subprocess.Popen(
            launched([python, "manage.py", "up"], death_signal=signal.SIGTERM, python=python),  # a failed test leaves nothing
            cwd=BASE_DIR,
            env={**self.environment, **({"PYTHONPATH": path} if path else {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
        )
        self._reader = threading.Thread(target=self._listen, args=[self._process])
        self._reader.start()

    def start(self) -> None:
        """Start it, and wait until it says that a person may come in."""
        self.begin()
        until(lambda: "Ollive is ready" in self.output or not self.is_running())
        assert self.is_running(), self.output

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.output += line

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def wait(self) -> int:
        """Wait for its end; the exit code."""
        assert self._process is not None
        assert self._reader is not None
        assert self._process.stdout is not None
        code = self._process.wait(SECONDS)
        self._reader.join(SECONDS)
        self._process.stdout.close()
        return code

    def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        return self.wait()

    def remove(self) -> None:
        if self.is_running():
            self.stop()
        shutil.rmtree(self.folder)

    def processes(self) -> list[psutil.Process]:
        """Everything that it started, however deep."""
        return psutil.Process(self.pid).children(recursive=True)

    def part(self, name: str) -> psutil.Process | None:
        """The process of one part, where it runs."""
        for child in psutil.Process(self.pid).children():
            words = command_line(child)
            if any(PARTS[name] in word for word in words):
                return child
        return None

    def status(self, path: str) -> int:
        """What the page answers; 0 where nobody does."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    @property
    def sign_in_path(self) -> str:
        found = re.search(r"/accounts/link/\S+", self.output)
        assert found, self.output
        return found[0]


def interpreter(user: int | None) -> tuple[str, str]:
    """A Python that the user may run, and the `PYTHONPATH` that it needs. Root's own is often out of reach for others."""
    packages = str(Path(psutil.__file__).parent.parent)
    system = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    for python, path in ((sys.executable, ""), (system, packages)):
        if user is None or _can_run(python, path, user=user):
            return python, path
    raise RuntimeError(f"user {user} can run no Python that has our packages")


def _can_run(python: str, path: str, *, user: int) -> bool:
    try:
        tried = subprocess.run(
            [python, "-c", "import psycopg"],
            env={"PYTHONPATH": path},
            stderr=subprocess.DEVNULL,
            check=False,
            user=user,
            group=user,
            extra_groups=[],
        )
    except PermissionError:
        return False
    return tried.returncode == 0


def command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def is_gone(process: psutil.Process) -> bool:
    """Ended; whether somebody has already asked for its exit code doesn't matter."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
