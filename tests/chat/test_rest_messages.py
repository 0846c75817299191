"""Asking in a conversation over REST: whole, as a stream, stopped, refused; recorded and paid for as people's turns are."""

import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from accounts.models import ApiKey
from chat.models import Conversation, Message
from gateway.models import Budget, ModelAlias
from telemetry import digest
from telemetry.models import InferenceLog, RedactionPolicy
from tests.chat.browser import Browser, wait_for
from tests.chat.programs import frames, made, program_of, said
from tests.fakes.fixtures import RunningProvider
from tests.server import WebServer

EMAIL = "alice.liddell@example.org"
MESSAGE = {
    "id",
    "conversation_id",
    "role",
    "content",
    "provider",
    "model",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cost_usd",
    "latency_ms",
    "time_to_first_token_ms",
    "trace_id",
    "span_id",
    "metadata",
    "error",
    "created_at",
}
SLOW: dict[str, Any] = {"chunks": [f"word{number} " for number in range(200)], "rate": 20}


@pytest.fixture
def program(server: WebServer, alice) -> Iterator[httpx.Client]:
    with program_of(alice, server) as client:
        yield client


@pytest.fixture
def conversation(program: httpx.Client) -> str:
    return made(program)


def replies(status: str = "") -> list[Message]:
    found = Message.objects.filter(role="assistant").order_by("position")
    return list(found.filter(status=status) if status else found)


def test_a_message_is_answered_in_the_shape_that_programs_know(
    program: httpx.Client, conversation, fake_provider: RunningProvider
):
    asked = {"provider": "openai", "model": "gpt-4", "temperature": 0.25, "max_tokens": 150, "metadata": {"trace": "7"}}
    answer = said(program, conversation, "What is the weather like today?", **asked).json()

    told = answer["message"]
    assert answer.keys() == {"message", "conversation_id", "usage", "cost_usd"}
    assert told.keys() == MESSAGE
    assert (told["role"], told["provider"], told["model"], told["error"]) == ("assistant", "openai", "gpt-4", None)
    assert told["conversation_id"] == answer["conversation_id"] == conversation
    assert answer["usage"] == {name: told[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    assert told["total_tokens"] == told["prompt_tokens"] + told["completion_tokens"] > 0
    assert answer["cost_usd"] == told["cost_usd"] > 0
    body = fake_provider.last.body
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("gpt-4", 0.25, 150)
    stored = program.get(f"/api/v1/conversations/{conversation}/messages").json()["messages"]
    assert stored[1] == told
    assert stored[0]["metadata"] == {"trace": "7"}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, ("openai", "fake-model")),
        ({"model": "quick"}, (None, "quick")),
        ({"model": "openai/gpt-4o"}, ("openai", "openai/gpt-4o")),
        ({"provider": "openai"}, ("openai", None)),
        ({"provider": None, "model": None}, ("openai", "fake-model")),
    ],
    ids=["nothing", "a short name", "a path", "a provider alone", "nulls"],
)
def test_models_are_named_in_several_ways_and_echoed_as_sent(program: httpx.Client, conversation, workspace, asked, told):
    ModelAlias.objects.create(workspace=workspace, name="quick", path="openai/gpt-4o")
    said(program, conversation, model="openai/fake-model")  # what the conversation was last asked with
    message = said(program, conversation, **asked).json()["message"]
    assert message["provider"] == told[0]
    assert told[1] is None or message["model"] == told[1]


def test_the_history_goes_along_and_not_earlier_parameters(program: httpx.Client, conversation, fake_provider: RunningProvider):
    fake_provider.script("plain", chunks=["Because."])
    said(program, conversation, "Why?", model="openai/plain", temperature=0.1, max_tokens=7)
    said(program, conversation, "And why that?")

    body = fake_provider.last.body
    assert [message["content"] for message in body["messages"]] == ["Why?", "Because.", "And why that?"]
    assert (body["temperature"], body["max_tokens"]) == (0.7, 4096)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "message"),
        ({"message": ""}, "message"),
        ({"message": " \n"}, "Write something"),
        ({"message": "x" * 100_001}, "message"),
        ({"message": 7}, "message"),
        ({"message": "Hello", "temperature": 2.1}, "temperature"),
        ({"message": "Hello", "temperature": "hot"}, "temperature"),
        ({"message": "Hello", "max_tokens": 0}, "max_tokens"),
        ({"message": "Hello", "max_tokens": 32_001}, "max_tokens"),
        ({"message": "Hello", "max_tokens": 1.5}, "max_tokens"),
        ({"message": "Hello", "metadata": "no object"}, "metadata"),
    ],
    ids=lambda given: given if isinstance(given, str) else None,
)
def test_what_is_out_of_bounds_is_422_and_asks_nobody(
    program: httpx.Client, conversation, fake_provider: RunningProvider, body, field
):
    answer = program.post(f"/api/v1/conversations/{conversation}/messages", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert field in answer.json()["detail"]
    assert not fake_provider.requests
    assert not Message.objects.exists()


def test_what_is_no_json_is_400(program: httpx.Client, conversation):
    for body in (b"{", b"[]", b'"text"', b'{"message": "\\ud800"}', b"\xff"):
        headers = {"content-type": "application/json"}
        answer = program.post(f"/api/v1/conversations/{conversation}/messages", content=body, headers=headers)
        assert answer.status_code == 400, body


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("openai/error-401", 502, "provider_authentication"),
        ("openai/quota", 429, "insufficient_quota"),
        ("openai/too-long", 400, "context_length_exceeded"),
        ("nowhere/model", 404, "model_not_found"),
    ],
)
def test_a_fault_has_the_status_that_fits_it(program: httpx.Client, conversation, model, status, code):
    answer = said(program, conversation, model=model)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_failed_reply_stays_in_the_conversation_with_its_reason(program: httpx.Client, conversation):
    said(program, conversation, model="openai/error-401")
    told = program.get(f"/api/v1/conversations/{conversation}/messages").json()["messages"][-1]
    assert told["content"] == ""
    assert "refused the key" in told["error"]


def test_a_stream_comes_piece_by_piece_with_the_stored_message_at_its_end(
    program: httpx.Client, conversation, fake_provider: RunningProvider
):
    fake_provider.script("slow", chunks=["One ", "two ", "three."], rate=5)
    query = {"message": "Count & <sing>", "model": "openai/slow", "temperature": "0.5", "max_tokens": "30"}
    with program.stream("GET", f"/api/v1/conversations/{conversation}/stream", params=query) as answer:
        text = answer.read().decode()

    events = frames(text)
    assert answer.headers["content-type"] == "text/event-stream"
    assert "".join(event["content"] for event in events) == "One two three."
    assert len(events) > 2
    assert all(event == {"content": event["content"], "done": False} for event in events[:-1])
    reply = replies("complete")[0]
    assert events[-1] == {"content": "", "done": True, "message_id": str(reply.id)}
    assert fake_provider.last.body["messages"][-1]["content"] == "Count & <sing>"
    assert fake_provider.last.body["temperature"] == 0.5


def test_a_stream_that_fails_says_so_in_its_last_frame(program: httpx.Client, conversation, fake_provider: RunningProvider):
    fake_provider.script("breaks", chunks=[f"word{number} " for number in range(10)], rate=20, breaks_with="error", break_at=6)
    address = f"/api/v1/conversations/{conversation}/stream"
    events = frames(program.get(address, params={"message": "Hello", "model": "openai/breaks"}).text)
    *before, last = events
    assert "".join(event["content"] for event in before).startswith("word0 word1")
    assert last.keys() == {"error", "done"}
    assert "crashed" in last["error"]


def test_a_stream_that_cannot_begin_has_a_status(program: httpx.Client, conversation):
    address = f"/api/v1/conversations/{conversation}/stream"
    assert program.get(address).status_code == 422
    assert program.get(address, params={"message": ""}).status_code == 422
    assert program.get(address, params={"message": "Hello", "temperature": "hot"}).status_code == 422
    assert program.get(f"{address}?message=%ff").status_code == 422
    assert program.get(address, params={"message": "Hello", "model": "nowhere/model"}).status_code == 404
    assert program.get(address, params={"message": "Hello"}, headers={"authorization": ""}).status_code == 401


def test_a_session_starts_no_stream(as_alice: Browser, program: httpx.Client, conversation):
    """A page of another site could make a browser ask, with the person's session, and spend their money."""
    assert as_alice.client.get(f"/api/v1/conversations/{conversation}/stream?message=Hello").status_code == 401
    assert not Message.objects.exists()


def test_a_program_that_hangs_up_ends_the_providers_call(program: httpx.Client, conversation, fake_provider: RunningProvider):
    fake_provider.script("slow", **SLOW)
    query = {"message": "Count", "model": "openai/slow"}
    with program.stream("GET", f"/api/v1/conversations/{conversation}/stream", params=query) as answer:
        for line in answer.iter_lines():
            if "word5" in line:
                break

    assert wait_for(lambda: fake_provider.last.closed_early_at)
    (reply,) = wait_for(lambda: replies("canceled"))
    assert reply.content.startswith("word0 word1")
    digest.drain()
    assert InferenceLog.objects.get().status == "canceled"


def test_a_program_that_waits_no_longer_for_a_whole_reply_ends_it_too(
    program: httpx.Client, conversation, fake_provider: RunningProvider
):
    fake_provider.script("slow", **SLOW)
    with pytest.raises(httpx.ReadTimeout):
        program.post(
            f"/api/v1/conversations/{conversation}/messages", json={"message": "Count", "model": "openai/slow"}, timeout=1
        )
    assert wait_for(lambda: fake_provider.last.closed_early_at)
    assert wait_for(lambda: replies("canceled"))


def test_another_program_stops_a_reply_and_what_was_written_is_answered(
    program: httpx.Client, conversation, fake_provider: RunningProvider
):
    fake_provider.script("slow", **SLOW)
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(said(program, conversation, "Count", model="openai/slow")))
    asking.start()
    wait_for(lambda: replies("streaming") and replies("streaming")[0].streamed_seq > 2)
    busy = said(program, conversation, "And this?")
    stopped = program.post(f"/api/v1/conversations/c_{conversation.replace('-', '')}/cancel", json={})
    asking.join(20)

    assert (busy.status_code, busy.json()["code"]) == (409, "conversation_busy")
    assert stopped.json() == {"canceled": 1}
    assert answers[0].status_code == 200
    assert answers[0].json()["message"]["content"].startswith("word0 ")
    assert "stopped" in answers[0].json()["message"]["error"]
    assert program.post(f"/api/v1/conversations/{conversation}/cancel", json={}).json() == {"canceled": 0}


def test_the_owners_open_page_follows_what_a_program_asks(
    program: httpx.Client, conversation, as_alice: Browser, fake_provider: RunningProvider
):
    said(program, conversation, "First")
    with as_alice.page() as page:
        page.sync(conversation)
        page.say({"type": "ping"})
        page.read_until(lambda: page.others)
        said(program, conversation, "Second")
        page.read_until(lambda: page.turns)
    assert "Second" in page.turns[0]["html"]


def test_the_call_is_recorded_with_key_user_and_metadata(program: httpx.Client, server: WebServer, alice):
    conversation = made(program, user_id="user_123")
    with program_of(alice, server, name="a bot") as bot:
        answer = said(bot, conversation, provider="openai", model="gpt-4", metadata={"ticket": 7})
    told = answer.json()["message"]
    digest.drain()

    log = InferenceLog.objects.get()
    assert log.api_key_id == ApiKey.objects.get(name="a bot").id
    assert (log.end_user, log.metadata, log.requested_model) == ("user_123", {"ticket": 7}, "gpt-4")
    assert (str(log.message_id), log.trace_id, log.span_id) == (told["id"], told["trace_id"], told["span_id"])
    assert told["trace_id"] == answer.headers["x-trace-id"]


def test_personal_data_is_stored_removed_and_asked_with_once(program: httpx.Client, conversation, fake_provider: RunningProvider):
    fake_provider.script("plain", chunks=[f"I write to {EMAIL}."])
    answer = said(program, conversation, f"Write to {EMAIL}", model="openai/plain", metadata={"to": EMAIL}).json()

    assert fake_provider.last.body["messages"][-1]["content"] == f"Write to {EMAIL}"
    stored = " ".join(f"{row.content} {row.metadata}" for row in Message.objects.all())
    assert EMAIL not in stored + answer["message"]["content"]


def test_a_masking_workspace_tells_models_placeholders_and_programs_values(
    program: httpx.Client, workspace, fake_provider: RunningProvider
):
    RedactionPolicy.objects.create(workspace=workspace, mode="mask")
    conversation = made(program)
    fake_provider.script("plain", chunks=["I write to [[EMA", "IL_1]]."])
    whole = said(program, conversation, f"Write to {EMAIL}", model="openai/plain").json()["message"]["content"]
    address = f"/api/v1/conversations/{conversation}/stream"
    events = frames(program.get(address, params={"message": "Again", "model": "openai/plain"}).text)

    assert fake_provider.requests[0].body["messages"][-1]["content"] == "Write to [[EMAIL_1]]"
    assert whole == f"I write to {EMAIL}."
    assert "".join(event["content"] for event in events) == whole
    assert EMAIL not in "".join(Message.objects.values_list("content", flat=True))


def test_a_blocking_workspace_refuses_with_the_kinds(program: httpx.Client, workspace):
    RedactionPolicy.objects.create(workspace=workspace, mode="block")
    answer = said(program, made(program), f"Write to {EMAIL}")
    assert answer.status_code == 422
    assert "e-mail" in answer.json()["detail"]
    assert EMAIL not in answer.text


def test_the_budget_of_a_key_bites(program: httpx.Client, conversation, server: WebServer, alice, workspace):
    with program_of(alice, server, name="poor") as poor:
        key = ApiKey.objects.get(name="poor")
        Budget.objects.create(workspace=workspace, limit_usd=Decimal(0), subject=Budget.Subject.API_KEY, subject_id=key.id)
        wait_for(lambda: said(poor, conversation, model="openai/gpt-4").status_code == 429)
        refused = said(poor, conversation, model="openai/gpt-4")
    assert "This key’s budget" in refused.json()["detail"]
    assert said(program, conversation, model="openai/gpt-4").status_code == 200


def test_a_key_asks_only_the_models_that_it_is_for(program: httpx.Client, conversation, server: WebServer, alice):
    with program_of(alice, server, models=["openai/gpt-4o"]) as narrow:
        refused = said(narrow, conversation, model="openai/gpt-4")
        allowed = said(narrow, conversation, provider="openai", model="gpt-4o")
        unnamed = said(narrow, made(narrow))
    assert (refused.status_code, refused.json()["code"]) == (403, "model_not_allowed")
    assert allowed.status_code == 200
    assert unnamed.json()["message"]["model"] == "gpt-4o"


def test_sending_twice_with_one_key_asks_once(program: httpx.Client, conversation, fake_provider: RunningProvider):
    headers = {"idempotency-key": "once"}
    address = f"/api/v1/conversations/{conversation}/messages"
    first, again = (program.post(address, json={"message": "Hello"}, headers=headers) for _ in range(2))
    other = program.post(address, json={"message": "Good-bye"}, headers=headers)

    assert first.content == again.content
    assert again.headers["idempotent-replayed"] == "true"
    assert other.status_code == 409
    assert len(fake_provider.requests) == 1
    assert Conversation.objects.get().messages.count() == 2


def test_the_cost_is_the_sum_of_all_replies(program: httpx.Client, conversation):
    costs = [said(program, conversation, model="openai/gpt-4").json()["cost_usd"] for _ in range(2)]
    said(program, conversation, model="openai/nobody-knows-its-price")

    told = program.get(f"/api/v1/conversations/{conversation}/cost").json()
    assert told["total_cost_usd"] == pytest.approx(sum(costs))
    assert (told["priced_count"], told["unpriced_count"]) == (2, 1)
