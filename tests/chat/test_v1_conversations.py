"""The conversation form of /v1/chat/completions, in JSON and in protobuf: OpenAI's fields beside ours."""

import re
import threading
import uuid
from collections.abc import Iterator

import httpx
import openai
import pytest

from accounts.models import Membership
from chat.models import Conversation, Message
from protos import chat_pb2
from telemetry import digest
from telemetry.models import InferenceLog
from tests.chat.browser import wait_for
from tests.chat.programs import frames, program_of
from tests.fakes.fixtures import RunningProvider
from tests.programs import make_token
from tests.server import WebServer

PROTOBUF = {"content-type": "application/x-protobuf"}


@pytest.fixture
def program(server: WebServer, alice) -> Iterator[httpx.Client]:
    with program_of(alice, server) as client:
        yield client


@pytest.fixture
def conversation(program: httpx.Client) -> str:
    return str(program.post("/v1/conversations", json={}).json()["conversation_id"])


def test_a_key_whose_person_has_just_gone_makes_none(program: httpx.Client, conversation: str, alice):
    Conversation.objects.all().delete()
    Membership.objects.filter(user=alice).delete()
    alice.delete()
    answer = program.post("/v1/conversations", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


def ask(program: httpx.Client, conversation: str, message: str = "Tell me a 1 line joke", **fields) -> httpx.Response:
    headers = fields.pop("headers", {})
    body = {"conversation_id": conversation, "message": message, **fields}
    return program.post("/v1/chat/completions", json=body, headers=headers)


def ask_in_protobuf(
    program: httpx.Client, conversation: str, message: str = "Tell me a 1 line joke", **headers
) -> httpx.Response:
    body = chat_pb2.ChatRequest(conversation_id=conversation, message=message).SerializeToString()
    return program.post("/v1/chat/completions.pb", content=body, headers=PROTOBUF | headers)


def test_a_conversation_is_made_with_an_id_of_its_kind(program: httpx.Client):
    answers = [
        program.post("/v1/conversations", json={}),
        program.post("/v1/conversations", headers={"content-type": "application/json"}),
    ]
    for answer in answers:
        assert answer.status_code == 200
        assert re.fullmatch(r"c_[0-9a-f]{32}", answer.json()["conversation_id"])
        assert answer.json()["created_at"].endswith("Z")
    assert Conversation.objects.count() == 2


def test_an_answer_has_a_reply_with_usage_and_openais_fields(program: httpx.Client, conversation, fake_provider: RunningProvider):
    fake_provider.script("plain", chunks=["Knock, ", "knock."])
    answer = ask(program, conversation, model="openai/plain")
    told = answer.json()

    assert told["request_id"] == answer.headers["x-request-id"]
    assert (told["conversation_id"], told["reply"], told["object"]) == (conversation, "Knock, knock.", "chat.completion")
    assert told["usage"].keys() == {"prompt_tokens", "completion_tokens", "total_tokens", "model", "latency_ms"}
    assert told["usage"]["total_tokens"] == told["usage"]["prompt_tokens"] + told["usage"]["completion_tokens"] > 0
    (choice,) = told["choices"]
    assert (choice["message"]["role"], choice["message"]["content"], choice["finish_reason"]) == (
        "assistant",
        told["reply"],
        "stop",
    )


def test_the_history_is_rebuilt_from_the_database(program: httpx.Client, conversation, fake_provider: RunningProvider):
    fake_provider.script("plain", chunks=["Because."])
    ask(program, conversation, "Why?", model="openai/plain")
    ask(program, str(uuid.UUID(conversation.removeprefix("c_"))), "And why that?", temperature=0, max_completion_tokens=9)

    body = fake_provider.last.body
    assert [message["content"] for message in body["messages"]] == ["Why?", "Because.", "And why that?"]
    assert (body["model"], body["temperature"]) == ("plain", 0)
    assert 9 in (body.get("max_tokens"), body.get("max_completion_tokens"))


def test_a_stream_is_openais_with_the_usage_at_its_end(program: httpx.Client, conversation, fake_provider: RunningProvider):
    fake_provider.script("slow", chunks=["One ", "two."], rate=5)
    answer = ask(program, conversation, model="openai/slow", stream=True, stream_options={"include_usage": True})
    chunks = frames(answer.text)

    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.text.endswith("data: [DONE]\n\n")
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks[:-1]) == "One two."
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert (chunks[-1]["choices"], chunks[-1]["reply"]) == ([], "One two.")
    assert chunks[-1]["usage"]["total_tokens"] > 0


def test_openais_own_client_reads_both(server: WebServer, alice, conversation):
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key=make_token(alice, scopes=["chat"]), max_retries=0)
    body = {"conversation_id": conversation, "message": "Hello"}
    whole = client.post("/chat/completions", body=body, cast_to=openai.types.chat.ChatCompletion)
    stream = client.post(
        "/chat/completions",
        body=body | {"stream": True},
        cast_to=openai.types.chat.ChatCompletionChunk,
        stream=True,
        stream_cls=openai.Stream[openai.types.chat.ChatCompletionChunk],
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert text == whole.choices[0].message.content
    client.close()


def test_a_fault_has_openais_shape(program: httpx.Client, conversation):
    answers = {
        404: [ask(program, "c_" + "0" * 32), ask(program, "nonsense"), ask(program, conversation, model="nowhere/model")],
        400: [ask(program, conversation, ""), program.post("/v1/chat/completions", json={"conversation_id": conversation})],
        502: [ask(program, conversation, model="openai/error-401")],
    }
    for status, found in answers.items():
        assert {answer.status_code for answer in found} == {status}
        assert all({"message", "type", "param", "code"} == answer.json()["error"].keys() for answer in found)
    missing = answers[400][1].json()["error"]
    assert (missing["param"], missing["code"]) == ("message", "missing_required_parameter")


def test_an_error_in_mid_stream_is_a_frame_and_then_the_end(program: httpx.Client, conversation, fake_provider: RunningProvider):
    fake_provider.script("breaks", chunks=["word "] * 9, rate=20, breaks_with="error", break_at=6)
    answer = ask(program, conversation, model="openai/breaks", stream=True)
    last = frames(answer.text)[-1]
    assert last.keys() == {"error"}
    assert last["error"]["type"] == "server_error"
    assert "[DONE]" not in answer.text


def test_a_client_that_goes_away_ends_the_call(program: httpx.Client, conversation, fake_provider: RunningProvider):
    fake_provider.script("slow", chunks=["word "] * 200, rate=20)
    body = {"conversation_id": conversation, "message": "Count", "model": "openai/slow", "stream": True}
    with program.stream("POST", "/v1/chat/completions", json=body) as answer:
        next(line for line in answer.iter_lines() if '"word' in line)

    assert wait_for(lambda: fake_provider.last.closed_early_at)
    wait_for(lambda: Message.objects.filter(status="canceled").exists())
    digest.drain()
    assert InferenceLog.objects.get().status == "canceled"


def test_what_is_asked_twice_at_once_is_asked_once(program: httpx.Client, conversation, fake_provider: RunningProvider):
    """As seed 004 shows it: the same answer to the same request, a conflict for another."""
    fake_provider.script("slow", chunks=["One ", "two."], rate=4)
    headers = {"Idempotency-Key": "idem_test_001"}
    early: list[httpx.Response] = []
    first = threading.Thread(target=lambda: early.append(ask(program, conversation, model="openai/slow", headers=headers)))
    first.start()
    wait_for(lambda: fake_provider.requests)
    meanwhile = ask(program, conversation, model="openai/slow", headers=headers)
    first.join(20)
    replayed = ask(program, conversation, model="openai/slow", headers=headers)
    other = ask(program, conversation, "Different message", headers=headers)

    assert (meanwhile.status_code, meanwhile.json()["error"]["code"]) == (409, "idempotency_in_progress")
    assert replayed.content == early[0].content
    assert (other.status_code, other.json()["error"]["message"]) == (409, "Idempotency key reused with different request")
    assert len(fake_provider.requests) == 1


def test_messages_go_to_the_stateless_door_with_or_without_a_conversation(program: httpx.Client, conversation):
    body = {"model": "openai/plain", "messages": [{"role": "user", "content": 'say "conversation_id"'}]}
    for fields in ({}, {"conversation_id": conversation}, {"conversation_id": None}):
        answer = program.post("/v1/chat/completions", json=body | fields)
        assert answer.status_code == 200, answer.text
        assert "reply" not in answer.json()
    assert not Message.objects.exists()


def test_protobuf_says_the_same_on_its_own_wire(program: httpx.Client, conversation, fake_provider: RunningProvider):
    fake_provider.script("plain", chunks=["Knock, knock."])
    ask(program, conversation, "Why?", model="openai/plain")
    answer = ask_in_protobuf(program, conversation, **{"idempotency-key": "once"})
    again = ask_in_protobuf(program, conversation, **{"idempotency-key": "once"})
    told = chat_pb2.ChatResponse.FromString(answer.content)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-protobuf")
    assert (told.request_id, told.conversation_id) == (answer.headers["x-request-id"], conversation)
    assert (told.reply, told.usage.model) == ("Knock, knock.", "plain")
    assert told.usage.total_tokens == told.usage.prompt_tokens + told.usage.completion_tokens > 0
    assert (again.content, again.headers["idempotent-replayed"]) == (answer.content, "true")
    assert len(fake_provider.last.body["messages"]) == 3


def test_protobuf_that_is_none_is_refused_in_json(program: httpx.Client, conversation):
    for body in (b"\xff\xff", b"", chat_pb2.ChatRequest(conversation_id=conversation).SerializeToString()):
        answer = program.post("/v1/chat/completions.pb", content=body, headers=PROTOBUF)
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "invalid_request_error"
    assert ask_in_protobuf(program, "c_unknown").status_code == 404
    assert program.post("/v1/chat/completions.pb", json={}).status_code == 415
