"""`POST /v1/events:batch`, for programs that were written for another service."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from telemetry import digest, tallies
from telemetry.models import InferenceLog, Span
from tests.fakes.batching_sdk import BatchingClient
from tests.programs import make_token
from tests.server import web_server
from tests.telemetry.receiver import Receiver
from tests.telemetry.test_otlp import PROTOBUF, request_of

DOOR = "/v1/events:batch"
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 150,
    "cached_prompt_tokens": 40,
    "reasoning_tokens": 20,
}


@pytest.fixture
def sdk(receiver: Receiver) -> Iterator[BatchingClient]:
    with closing(BatchingClient(receiver.url, receiver.token)) as client:
        yield client


def send(receiver: Receiver, *events: Any) -> dict[str, Any]:
    answer = receiver.send(DOOR, json.dumps({"events": events}).encode())
    assert answer.status_code == 202
    told: dict[str, Any] = answer.json()
    return told


def test_a_client_of_the_contract_is_recorded_with_its_tools(receiver: Receiver, sdk: BatchingClient):
    conversation = str(uuid4())
    call = sdk.log_inference(
        usage=USAGE, ttft_ms=300, prompt_preview="Mail bob@example.com", response_preview="Done.", conversation_id=conversation,
        metadata={"plan": "free"}, raw_payload={"a": 1}, cost_usd=0.5,
    )  # fmt: skip
    tool = sdk.log_tool(call, "send_mail", arguments_preview='{"to": "bob@example.com"}', result_preview="sent")
    (answer,) = sdk.flush()
    assert answer == {"accepted": 2, "rejected": [], "stream_ids": [f"{call}:finished", f"{tool}:span"]}
    receiver.settle()
    row = InferenceLog.objects.get()
    assert (str(row.id), row.source, row.status, row.provider, row.model) == (call, "sdk", "success", "openai", "gpt-4o-mini")
    assert (row.input_tokens, row.cache_read_tokens, row.output_tokens, row.reasoning_tokens) == (60, 40, 30, 20)
    assert (row.latency_ms, row.ttft_ms, str(row.conversation_id), row.sdk_version) == (1500, 300, conversation, "0.1.0")
    assert (row.input_preview, row.metadata, row.raw_payload_uri) == ("Mail [[EMAIL]]", {"plan": "free"}, None)
    assert row.cost_usd is not None
    span = Span.objects.get()
    assert (span.kind, span.name, str(span.id), str(span.inference_id)) == ("tool", "send_mail", tool, call)
    assert (span.arguments_preview, span.result_preview, span.latency_ms) == ('{"to": "[[EMAIL]]"}', "sent", 120)


@pytest.mark.parametrize(
    ("told", "status", "error_class"),
    [
        ("ok", "success", None),
        ("error", "error", "rate_limit"),
        ("timeout", "error", "timeout"),
        ("cancelled", "canceled", None),  # wire
    ],
)
def test_its_words_for_the_ending_become_ours(receiver: Receiver, sdk: BatchingClient, told, status, error_class):
    failed = {"type": "RateLimitError", "message": "Slow down", "provider_code": "429"}
    error = failed if told in {"error", "timeout"} else None
    sdk.log_inference(status=told, error=error)
    sdk.flush()
    receiver.settle()
    row = InferenceLog.objects.get()
    assert (row.status, row.error_class, row.error_code) == (status, error_class, "429" if error else None)


def test_sending_twice_stores_once_whatever_the_ids_look_like(receiver: Receiver, sdk: BatchingClient):
    for _ in range(2):
        sdk.log_inference(inference_id="inf_7")
        sdk.log_tool("inf_7", "search", tool_invocation_id="tool_7")
        (answer,) = sdk.flush()
        assert answer["accepted"] == 2
        receiver.settle()
    assert Span.objects.get().inference_id == InferenceLog.objects.get().id
    assert tallies.balance().duplicate == 2


def test_one_bad_event_in_five_hundred_costs_only_itself(receiver: Receiver, sdk: BatchingClient):
    for _ in range(500):
        sdk.log_inference()
    sdk.queue[250] = {"inference_id": str(uuid4()), "status": "splendid"}
    (answer,) = sdk.flush()
    assert answer["accepted"] == 499
    assert [refusal["index"] for refusal in answer["rejected"]] == [250]
    assert "status" in answer["rejected"][0]["reason"]
    assert len({UUID(name.partition(":")[0]) for name in answer["stream_ids"]}) == 499


def test_strange_events_are_rejected_one_by_one(receiver: Receiver):
    sound: dict[str, Any] = {
        "inference_id": "1",
        "status": "ok",
        "usage": None,
        "error": None,
        "metadata": [1],
        "ttft_ms": "x",
        "unknown": {},
    }
    big: dict[str, Any] = {"inference_id": "2", "status": "ok", "raw_payload": "x" * 300_000}
    answer = send(
        receiver, sound, None, 7, {}, {"inference_id": True, "status": "ok"}, big, {"event_type": "party"}, {"status": "ok"}
    )
    assert answer["accepted"] == 1
    assert [refusal["index"] for refusal in answer["rejected"]] == [1, 2, 3, 4, 5, 6, 7]
    assert send(receiver) == {"accepted": 0, "rejected": [], "stream_ids": []}
    receiver.settle()
    assert tallies.balance().missing == 0


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"events": 7}', b'{"events": [', b'{"events": [' + b"{}," * 500 + b"{}]}"])
def test_a_body_without_events_or_with_too_many_is_refused(receiver: Receiver, body):
    assert receiver.send(DOOR, body).status_code == 400


def test_where_nothing_can_be_stored_it_says_so_and_the_client_sends_again(transactional_db, alice):
    token = make_token(alice)
    with web_server({"OLLIVE_INBOX_LIMIT": "3"}) as server, closing(BatchingClient(server.url, token, attempts=1)) as sdk:
        while not sdk.dropped_count:
            sdk.log_inference()
            sdk.flush()
        assert sdk.statuses[-1] == 503
        headers = {"authorization": f"Bearer {token}", "content-type": PROTOBUF}
        traces = httpx.post(
            f"{server.url}/v1/traces", content=request_of(1).SerializeToString(), headers=headers, trust_env=False
        )
        assert (traces.status_code, traces.headers["content-type"]) == (503, PROTOBUF)
        assert int(traces.headers["retry-after"]) >= 1
        digest.drain()
        with closing(BatchingClient(server.url, token, attempts=9)) as patient:
            patient.log_inference()
            assert patient.flush()[0]["accepted"] == 1
    assert tallies.balance().missing == 0
