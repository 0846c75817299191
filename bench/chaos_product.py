"""The product as people start it, on a fresh data folder, with a fake provider beside it, for `bench.chaos`."""

import os
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

import httpx

from bench.chaos_faults import Target
from bench.stack import ROOT
from ollive.up.launcher import free_port

WORDS = 120  # 6 seconds at 20 a second
EMAIL = "chaos@example.com"


@dataclass(frozen=True)
class Product:
    """Where the product under test is, whom to ask as, and what can be struck."""

    url: str
    cookie: str
    token: str
    target: Target


@contextmanager
def running(*, longest_stop: float = 5.0, python_path: str = "") -> Iterator[Product]:
    folder = Path(tempfile.mkdtemp(prefix="ollive-chaos-"))
    folder.chmod(0o711)
    port, provider_port = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    provider = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.provider", "--port", str(provider_port)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    os.environ |= {
        "OLLIVE_DATA_DIR": str(folder / "var"),
        "OLLIVE_ENV_FILE": "",
        "OLLIVE_PORT": str(port),
        "OLLIVE_ADMIN_EMAIL": EMAIL,
        "OLLIVE_ADMIN_PASSWORD": "a long password for chaos",
        "OPENAI_API_KEY": "fake",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{provider_port}/v1",
    }
    started: list[subprocess.Popen[bytes]] = []

    def start() -> int:
        """Start the supervisor, again where it was killed; its ports are its children's, so everybody reads them anew."""
        for dead in started:
            dead.wait(10)
        with (folder / "up.log").open("ab") as log:
            environment = {**os.environ, "PYTHONPATH": python_path}
            started.append(
                subprocess.Popen([sys.executable, "manage.py", "up"], cwd=ROOT, stdout=log, stderr=log, env=environment)
            )
        _wait_until_ready(url, started[-1], folder / "up.log")
        _point_django()
        return started[-1].pid

    try:
        target = Target(start(), start, longest_stop)
        words = [f"word{number} " for number in range(WORDS)]
        script = {"model": "chaos", "chunks": words, "rate": 20}
        httpx.post(f"http://127.0.0.1:{provider_port}/control/script", json=script, trust_env=False).raise_for_status()
        yield Product(url, *_let_in(), target)
    finally:
        started[-1].send_signal(signal.SIGTERM)
        started[-1].wait(90)
        provider.terminate()
        provider.wait(10)
        if log_folder := os.environ.get("CHAOS_LOG"):
            shutil.copy(folder / "up.log", log_folder)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(url: str, up: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and up.poll() is None:
        try:
            if httpx.get(f"{url}/ready", timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise RuntimeError(f"Ollive did not start: {log.read_text()[-3000:]}")


def _point_django() -> None:
    """Set Django up, or tell it that the servers have other ports since their supervisor was started again."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "ollive.settings"
    import django
    from django.apps import apps
    from django.conf import settings
    from django.db import connections

    from ollive import env

    if not apps.ready:
        django.setup()
    connections.close_all()
    found = env.env.db_url_config(env.database_url())
    for held in (settings.DATABASES["default"], connections["default"].settings_dict):
        held |= {name: found[name] for name in ("HOST", "PORT", "USER", "PASSWORD", "NAME")}
    settings.REDIS_URL = settings.CELERY_BROKER_URL = env.redis_url()


def _let_in() -> tuple[str, str]:
    """The owner's cookie, and a key that may ingest."""
    from django.conf import settings
    from django.test import Client
    from django.utils import timezone

    from accounts import api_keys
    from accounts.models import User, Workspace

    owner = User.objects.get(email=EMAIL)
    client = Client()
    client.force_login(owner)
    workspace = Workspace.objects.get(memberships__user=owner)
    _, token = api_keys.issue(owner, workspace, name="chaos", now=timezone.now(), scopes=["ingest"])
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}", token
