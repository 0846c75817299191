"""Everything a benchmark runs against: PostgreSQL, Valkey, a fake provider and a web process, each its own process."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ollive.up import postgres, valkey
from ollive.up.launcher import free_port

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Stack:
    """Addresses and processes. Django is set up against it in the benchmark's own process."""

    folder: Path
    provider_url: str = ""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    commands: dict[str, list[str]] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def start(
        self,
        name: str,
        command: list[str],
        *,
        is_ready: Callable[[int], bool] = lambda _: True,
        descriptors: tuple[int, ...] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start a process (again) and wait for it; its output goes to NAME.log. `environment` is for what is none of ours."""
        self.commands[name] = command
        with (self.folder / f"{name}.log").open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd="/" if name in ("postgres", "valkey") else ROOT,
                env=self.environment if environment is None else environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=descriptors,
            )
        self.processes[name] = process
        deadline = time.monotonic() + 90
        while not is_ready(process.pid):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} did not start: {self.log(name)[-2000:]}")
            time.sleep(0.02)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def cpu_seconds(self, name: str) -> float:
        """User and system time of a process so far."""
        times = psutil.Process(self.processes[name].pid).cpu_times()
        return float(times.user + times.system)

    def close(self) -> None:
        for name in reversed(self.processes):
            self.processes[name].terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def servers(extra: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """PostgreSQL, Valkey and the fake provider, with the schema in place and Django set up."""
    folder = Path(tempfile.mkdtemp(prefix="ollive-bench-"))
    folder.chmod(0o711)
    stack = Stack(folder)
    with ExitStack() as ending:
        ending.callback(stack.close)
        cluster = postgres.Cluster(folder / "postgres", free_port(), postgres.make_password(), {"max_connections": "200"})
        store = valkey.Store(folder / "valkey", free_port(), secrets.token_urlsafe(24), is_lasting=True)
        stack.environment = {
            **os.environ,
            "DATABASE_URL": cluster.url,
            "REDIS_URL": store.url,
            "OLLIVE_DATA_DIR": str(folder / "data"),
            "OLLIVE_ENV_FILE": "",
            "LOG_LEVEL": "WARNING",
            **(extra or {}),
        }
        postgres.prepare(cluster)
        valkey.prepare(store)
        stack.start("postgres", cluster.command(), is_ready=cluster.is_ready)
        stack.start("valkey", store.command(), is_ready=store.is_ready)
        _start_provider(stack)
        _set_up_django(stack)
        yield stack


def start_web(stack: Stack, name: str = "web", port: int = 0) -> str:
    """A web process; its URL."""
    with socket.create_server(("127.0.0.1", port), backlog=1024) as listener:
        port = listener.getsockname()[1]
        stack.environment |= {"OLLIVE_PROCESS": "web", "OLLIVE_LISTENER": str(listener.fileno())}
        command = [sys.executable, "-m", "ollive.up.web"]
        stack.start(name, command, is_ready=lambda _: _answers(port), descriptors=(listener.fileno(),))
    return f"http://127.0.0.1:{port}"


def start_worker(stack: Stack) -> None:
    command = [sys.executable, "-m", "celery", "-A", "ollive", "worker", "--pool=threads", "--concurrency=2", "--beat"]
    command += ["--schedule", str(stack.folder / "beat"), "--loglevel=WARNING"]
    stack.start("worker", command)


def _start_provider(stack: Stack) -> None:
    port = free_port()
    stack.start("provider", [sys.executable, "-m", "tests.fakes.provider", "--port", str(port)], is_ready=lambda _: listens(port))
    stack.provider_url = f"http://127.0.0.1:{port}/v1"
    stack.environment |= {"OPENAI_API_KEY": "fake", "OPENAI_BASE_URL": stack.provider_url}


def _set_up_django(stack: Stack) -> None:
    os.environ.update(stack.environment)
    os.environ["DJANGO_SETTINGS_MODULE"] = "ollive.settings"
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)


def _answers(port: int) -> bool:
    import httpx

    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
