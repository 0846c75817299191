"""The fake provider as `openai`, and pauses that nobody waits for."""

import pytest

from gateway import routing, sources
from gateway.cooling import health
from tests.fakes.fixtures import RunningProvider


@pytest.fixture
def openai(fake_provider: RunningProvider, workspace, monkeypatch) -> RunningProvider:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-tests")
    monkeypatch.setenv("OPENAI_BASE_URL", fake_provider.url)
    monkeypatch.setattr(routing, "FIRST_PAUSE_SECONDS", 0.01)
    sources.forget()
    health.forget()
    return fake_provider
