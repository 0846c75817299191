"""Idempotency keys at the doors of a running web process: one provider call, and what a killed process leaves behind."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone

from gateway.models import StoredAnswer
from tests.chat.conftest import _server_log, _session_server, own_server, provider_environment, server
from tests.programs import client_of, make_token
from tests.server import WebServer

__all__ = ["_server_log", "_session_server", "own_server", "provider_environment", "server"]

DOOR = "/v1/chat/completions"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def program(request, alice: Any) -> Iterator[httpx.Client]:
    """Asks the web process of the test, whichever that is."""
    running: WebServer = request.getfixturevalue("own_server" if "own_server" in request.fixturenames else "server")
    with client_of(running, make_token(alice, scopes=["chat"])) as client:
        yield client


def ask(program: httpx.Client, *, key: str = "k1", is_stream: bool = False, prompt: str = "Hi") -> httpx.Response:
    body = {"model": "openai/fake", "messages": [{"role": "user", "content": prompt}], "stream": is_stream}
    return program.post(DOOR, json=body, headers={"idempotency-key": key})


def test_fifty_at_once_are_one_call_of_the_provider(server, program, fake_provider):
    fake_provider.script("fake", chunks=["one", " two"], first_delay=0.5)
    for is_stream in (False, True):
        with ThreadPoolExecutor(50) as callers:
            given = list(callers.map(lambda _, s=is_stream: ask(program, key=f"k{s}", is_stream=s), range(50)))
        answered = [answer for answer in given if answer.status_code == 200]
        refused = [answer for answer in given if answer.status_code != 200]
        assert Counter(answer.json()["error"]["code"] for answer in refused) in ({}, {"idempotency_in_progress": len(refused)})
        assert len({answer.content for answer in answered}) == 1
        again = ask(program, key=f"k{is_stream}", is_stream=is_stream)
        assert (again.status_code, again.content) == (200, answered[0].content)
        assert again.headers["idempotent-replayed"] == "true"
    assert len(fake_provider.requests) == 2


def test_a_process_that_is_killed_frees_its_key(own_server, program, fake_provider):
    fake_provider.script("fake", times=1, chunks=["one"], first_delay=30)
    with ThreadPoolExecutor(1) as callers:
        dying = callers.submit(ask, program)
        while not fake_provider.requests:
            time.sleep(0.01)
        own_server.kill()
        with pytest.raises(httpx.TransportError):
            dying.result(10)
    own_server.restart()
    assert ask(program).json()["error"]["code"] == "idempotency_in_progress"
    StoredAnswer.objects.update(lease_until=timezone.now() - timedelta(seconds=1))  # half a minute later
    assert ask(program).status_code == 200
    assert len(fake_provider.requests) == 2
