"""Every curl command of the documents that our doors follow, run as it stands there: host, key and ids are put in."""

import json
from pathlib import Path

import pytest
from django.utils import timezone

from chat.models import Message
from telemetry import digest, rollups
from tests.fakes.fixtures import RunningProvider
from tests.seeds.curls import Answer, Curl, curls_of, lacks, run
from tests.server import WebServer

CHAT = {curl.name: curl for curl in curls_of("chat_api.md")}
MADE_UP = "660e8400-e29b-41d4-a716-446655440001"
BASE = "/api/v1/conversations"
ONE = BASE + "/{conversation_id}"


@pytest.fixture
def ask(server: WebServer, token: str, tmp_path: Path):
    def asked(curl: Curl, *, key: str = token, **known: str) -> Answer:
        return run(curl, server.url, tmp_path, token=key, known=known)

    return asked


def test_all_commands_of_the_documents_are_known():
    assert list(CHAT) == [
        f"POST {BASE}",
        f"POST {ONE}/messages",
        f"GET {ONE}/stream?message=Hello",
        f"GET {ONE}",
        f"POST {ONE}/feedback",
    ]
    assert [curl.name for curl in curls_of("llm_api.md")] == [
        "POST /v1/conversations",
        "POST /v1/chat/completions",
        "POST /v1/chat/completions",
        "GET /metrics",
    ]


def test_the_chat_apis_commands_are_answered_as_its_document_shows(ask, fake_provider: RunningProvider):
    made = ask(CHAT[f"POST {BASE}"])
    ids = {"{conversation_id}": made.json["id"]}
    replied = ask(CHAT[f"POST {ONE}/messages"], **ids)
    streamed = ask(CHAT[f"GET {ONE}/stream?message=Hello"], **ids)
    read = ask(CHAT[f"GET {ONE}"], **ids)
    judged = ask(CHAT[f"POST {ONE}/feedback"], **ids, **{MADE_UP: replied.json["message"]["id"]})

    assert [answer.status for answer in (made, replied, streamed, read, judged)] == [201, 200, 200, 200, 201]
    for curl, answer in ((CHAT[f"POST {BASE}"], made), (CHAT[f"POST {ONE}/messages"], replied)):
        assert lacks(json.loads(curl.shown), answer.json) == []
    assert {name: made.json[name] for name in ("user_id", "title", "metadata")} == {
        "user_id": "user_123",
        "title": "Customer Support Chat",
        "metadata": {"source": "web"},
    }
    assert (replied.json["message"]["provider"], replied.json["message"]["model"]) == ("openai", "gpt-4")
    assert fake_provider.requests[0].body["max_tokens"] == 150
    assert streamed.media_type == "text/event-stream"
    assert len(read.json["messages"]) == 4
    assert judged.json["comment"] == "Very helpful response!"


def test_the_stream_has_the_frames_that_the_document_shows(ask):
    conversation = ask(CHAT[f"POST {BASE}"]).json["id"]
    curl = CHAT[f"GET {ONE}/stream?message=Hello"]
    answer = ask(curl, **{"{conversation_id}": conversation})

    def events(text: str) -> list[dict]:
        return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]

    shown, given = events(curl.shown), events(answer.text)
    assert len(shown) == 4
    assert {tuple(event) for event in given} == {tuple(event) for event in shown}
    assert (given[-1]["done"], given[-1]["message_id"]) == (True, str(Message.objects.get(role="assistant").id))


def test_the_llm_apis_commands_are_answered_as_its_document_says(ask, own_token, fake_provider: RunningProvider):
    make, complete, conflict, metrics = curls_of("llm_api.md")
    made = ask(make, TOKEN=own_token)
    cid = made.json["conversation_id"]
    first, replayed = (ask(complete, TOKEN=own_token, CID=cid) for _ in range(2))
    other = ask(conflict, TOKEN=own_token, CID=cid)
    digest.drain()
    rollups.build(timezone.now(), is_hasty=True)
    told = ask(metrics, key="")

    assert made.status == 200
    assert cid.startswith("c_")
    assert first.status == 200
    assert {"request_id", "reply", "usage"} <= first.json.keys()
    assert {"total_tokens", "latency_ms"} <= first.json["usage"].keys()
    assert replayed.text == first.text
    assert len(fake_provider.requests) == 1
    assert fake_provider.last.model == "gpt-4o-mini"
    assert other.status == 409
    assert "Idempotency key reused with different request" in other.text
    assert told.status == 200
    for figure in ("daily_active_users", "success_rate", "average_latency", "token_burn", "time_spent"):
        assert figure in told.text, figure
