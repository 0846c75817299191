"""`/chat` and `/chat/stream`: one message, one reply."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.models import Provider
from telemetry import digest
from telemetry.models import InferenceLog
from tests.programs import client_of, make_token
from tests.server import WebServer

MODEL = "work/plain"


@pytest.fixture
def asking(programs_server: WebServer, transactional_db: None, alice, workspace, fake_provider) -> Iterator[httpx.Client]:
    """A program that may ask the fake provider's models."""
    Provider.objects.create(
        workspace=workspace, name="work", kind="openai", base_url=fake_provider.url, api_key="sk-test", is_trusted=True
    )
    fake_provider.script("plain", chunks=["The moon ", "pulls."])
    with client_of(programs_server, make_token(alice, scopes=["chat"])) as client:
        yield client


def events_of(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\n\n") if line.startswith("data: ")]


def test_a_message_gets_a_reply_and_is_recorded(asking, alice):
    answer = asking.post("/chat", json={"message": "Why are there tides?", "model": MODEL})
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"reply": "The moon pulls.", "trace_id": answer.headers["x-trace-id"]}
    digest.drain()
    row = InferenceLog.objects.get()
    assert (row.status, row.source, row.user_id, row.trace_id) == ("success", "gateway", alice.id, answer.json()["trace_id"])


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_reply_comes_in_a_stream(asking, method):
    given = {"message": "Why are there tides & what for?", "model": MODEL}
    answer = asking.request(method, "/chat/stream", **({"json": given} if method == "POST" else {"params": given}))
    *pieces, last = events_of(answer)
    assert "".join(piece["content"] for piece in pieces) == "The moon pulls."
    assert not any(piece["done"] for piece in pieces)
    assert last == {"content": "", "done": True, "trace_id": answer.headers["x-trace-id"]}


def test_what_the_caller_says_of_the_reply_reaches_the_provider(asking, fake_provider):
    asking.post("/chat", json={"message": "Hi", "model": MODEL, "system": "Be brief.", "temperature": 0, "max_tokens": 9})
    asked = fake_provider.last.body
    assert (asked["temperature"], asked["max_tokens"], asked["messages"][0]["content"]) == (0, 9, "Be brief.")


def test_without_a_model_it_is_the_workspaces_own(asking, fake_provider):
    assert asking.post("/chat", json={"message": "Hi"}).status_code == 200
    assert fake_provider.last.body["model"] != ""


def test_a_reply_that_breaks_says_so_in_the_stream(asking, fake_provider):
    fake_provider.script("plain", chunks=["The moon ", "pulls ", "water."], rate=20, break_at=2, breaks_with="error")
    *_, last = events_of(asking.post("/chat/stream", json={"message": "Hi", "model": MODEL}))
    assert last["done"]
    assert last["error"]


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (b"no json", 400),
        (b"\xff", 400),
        (b"{}", 422),
        (b'{"message": " "}', 422),
        (b'{"message": 7}', 422),
        (b'{"message": "Hi", "temperature": 9}', 422),
        (b'{"message": "Hi", "model": "nowhere/plain"}', 404),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_problem(asking, given, status):
    for path in ("/chat", "/chat/stream"):
        answer = asking.post(path, content=given, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text


def test_a_query_that_cannot_be_read_is_refused(asking):
    assert asking.get("/chat/stream?message=%ff").status_code == 400
    assert asking.get("/chat/stream").status_code == 422


def test_the_same_key_gets_the_same_reply(asking, fake_provider):
    headers = {"idempotency-key": "tides"}
    answers = [asking.post("/chat", json={"message": "Hi", "model": MODEL}, headers=headers) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert len(fake_provider.requests) == 1
