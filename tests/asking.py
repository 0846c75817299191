"""Programs that ask models through a real web process, which knows the fake provider as OpenAI and as Anthropic."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from telemetry import digest
from telemetry.models import InferenceLog
from tests.fakes.fixtures import RunningProvider
from tests.programs import client_of, make_token
from tests.server import WebServer, web_server

ENVIRONMENT = {
    "OPENAI_API_KEY": "sk-of-the-installation",
    "ANTHROPIC_API_KEY": "sk-ant-of-the-installation",
    "OLLIVE_FIRST_BYTE_TIMEOUT": "20",
    "OLLIVE_FETCH_HOSTS": "localhost",
}


@pytest.fixture(scope="session")
def asking_server(django_db_setup: None, _running_provider: RunningProvider) -> Iterator[WebServer]:
    """A web process for programs, the same for the whole run. `openai/…` is asked directly, `anthropic/…` through LiteLLM."""
    url = _running_provider.url
    addresses = {"OPENAI_BASE_URL": url, "ANTHROPIC_BASE_URL": url.removesuffix("/v1")}
    with web_server({**ENVIRONMENT, **addresses}) as server:
        yield server


@pytest.fixture
def caller(
    asking_server: WebServer, transactional_db: None, alice: Any, fake_provider: RunningProvider
) -> Iterator[httpx.Client]:
    """A program with a key of Alice's that may ask models; what the web process wrote meanwhile is shown with a failure."""
    asking_server.news()
    with client_of(asking_server, make_token(alice, scopes=["chat"])) as client:
        yield client
    print(asking_server.news())  # noqa: T201
    _let_calls_end()


def recorded(count: int = 1, *, seconds: float = 10) -> list[InferenceLog]:
    """The rows of the calls, the oldest first, once so many of them have ended. They were handed in beside the answer."""
    deadline = time.monotonic() + seconds
    while True:
        digest.drain()
        rows = list(InferenceLog.objects.order_by("started_at", "attempt"))
        if len(rows) >= count and all(row.status != "in_progress" for row in rows):
            return rows
        assert time.monotonic() < deadline, [(row.model, row.status) for row in rows]
        time.sleep(0.05)


def _let_calls_end(seconds: float = 0.5) -> None:
    """What is handed in beside an answer is not to come in the next test. A call that was broken off on purpose stays open."""
    deadline = time.monotonic() + seconds
    digest.drain()
    while InferenceLog.objects.filter(status="in_progress").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
        digest.drain()
