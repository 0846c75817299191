"""Fixtures of the client's tests: a server that takes events, recorders that are closed again, nothing said before."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ollive_sdk import Memory, Recorder, safety
from tests.sdk.intake import KEY, Intake


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safety, "_said", set())
    for name in ("OLLIVE_URL", "OLLIVE_API_KEY", "OLLIVE_SPOOL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def intake() -> Iterator[Intake]:
    server = Intake()
    yield server
    server.close()


@pytest.fixture
def recording(intake: Intake) -> Iterator[Callable[..., Recorder]]:
    """Makes recorders that send to the intake."""
    made: list[Recorder] = []

    def make(url: str | None = None, **options: Any) -> Recorder:
        made.append(Recorder(url or intake.url, KEY, **{"flush_seconds": 0.02, **options}))
        return made[-1]

    yield make
    for recorder in made:
        recorder.close(0.2)


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def recorder(memory: Memory) -> Iterator[Recorder]:
    with Recorder(transport=memory, flush_seconds=0.01) as made:
        yield made
