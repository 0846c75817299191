"""The fake provider as a pytest plugin: `-p tests.fakes.fixtures`, then the fixture `fake_provider`."""

import asyncio
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from gateway import directory
from tests.fakes.behaviours import Behaviour, Script
from tests.fakes.provider import FakeProvider, Seen, serve


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Before the settings are read: the keys of whoever runs the tests have no place in them."""
    for kind in directory.kinds().values():
        for variable in kind.variables:
            os.environ.pop(variable, None)
    os.environ.pop("DEFAULT_PROVIDER", None)


class RunningProvider:
    """A fake provider that listens in a thread of its own, so that it answers whatever the test's loop is doing."""

    def __init__(self) -> None:
        self._provider = FakeProvider()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-provider", daemon=True)
        self._thread.start()
        self._runner, self.port = asyncio.run_coroutine_threadsafe(serve(self._provider), self._loop).result(10)

    @property
    def url(self) -> str:
        """The base URL, as a provider's documentation would give it."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def requests(self) -> list[Seen]:
        return list(self._provider.requests)

    @property
    def last(self) -> Seen:
        return self._provider.requests[-1]

    @property
    def open_count(self) -> int:
        return self._provider.open_count

    @property
    def listed_count(self) -> int:
        """How often its models were asked for."""
        return self._provider.listed_count

    def script(self, model: str = "*", *, times: int | None = None, **behaviour: Any) -> None:
        """Let `model` ("*" for every one) behave so, for all requests or the next `times`."""
        self._provider.manners.scripts[model] = Script(Behaviour.of_json(behaviour), times)

    def queue(self, model: str, *behaviours: dict[str, Any]) -> None:
        """Let `model` behave so, each for one request in turn."""
        self._provider.manners.queues[model] = [Behaviour.of_json(behaviour) for behaviour in behaviours]

    def reset(self) -> None:
        self._provider.reset()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture(autouse=True)
def _nothing_remembered(request: pytest.FixtureRequest) -> None:
    """What is remembered for some seconds would reach from one test into the next. Without a database, defaults hold."""
    from gateway import listing, sources
    from gateway.adapters import concessions
    from telemetry import policies

    concessions.forget()
    listing.forget()
    policies.forget()
    if not {"db", "transactional_db"} & set(request.fixturenames) and not request.node.get_closest_marker("django_db"):
        policies._known[uuid.UUID("00000000-0000-4000-8000-000000000001")] = float("inf"), policies.DEFAULT
    sources.forget()


@pytest.fixture(scope="session")
def _running_provider() -> Iterator[RunningProvider]:
    provider = RunningProvider()
    yield provider
    provider.close()


@pytest.fixture
def fake_provider(_running_provider: RunningProvider) -> RunningProvider:
    """A provider on loopback with an empty memory and no scripts."""
    _running_provider.reset()
    return _running_provider


@pytest.fixture
def refusing_url() -> Iterator[str]:
    """A base URL whose port refuses connections: bound, so that no one else takes it, but not listening."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{sock.getsockname()[1]}/v1"
