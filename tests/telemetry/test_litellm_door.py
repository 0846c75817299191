"""`POST /api/v1/ingest/litellm`: LiteLLM's own callback, and what might come in its name."""

import json
from typing import Any

from telemetry import payloads, tallies
from telemetry.models import InferenceLog
from tests.telemetry.receiver import Receiver

DOOR = "/api/v1/ingest/litellm"


def payload(number: int = 0, **fields: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "id": f"chatcmpl-{number}",
        "litellm_call_id": f"call-{number}",
        "call_type": "acompletion",
        "status": "success",
        "custom_llm_provider": "openai",
        "model": "gpt-4o-mini",
        "startTime": 1795268306.5,
        "endTime": 1795268308.0,
        "completionStartTime": 1795268307.0,
        "stream": True,
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "total_tokens": 150,
        "messages": [{"role": "user", "content": "How do tides work?"}],
        "response": {"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "The moon."}}]},
    }
    return plain | fields


def test_litellms_own_callback_is_recorded(receiver: Receiver, fake_provider):
    fake_provider.script("gpt-4o-mini", chunks=["It ", "rises."], cached_tokens=3, reasoning=["hm"])
    fake_provider.script("gpt-4o", chunks=["It ", "rises."], first_delay=0.05, rate=50)
    fake_provider.script("gpt-4.1", status=429)
    receiver.run(
        "tests.fakes.logging_litellm", fake_provider.url,
        LOG_SETUP=receiver.block("LiteLLM"),
        LITELLM_LOCAL_MODEL_COST_MAP="True",
    )  # fmt: skip
    receiver.settle()
    rows = {row.model: row for row in InferenceLog.objects.all()}
    assert rows.keys() == {"gpt-4o-mini", "gpt-4o", "gpt-4.1"}
    whole, streamed, failed = (rows[name] for name in ("gpt-4o-mini", "gpt-4o", "gpt-4.1"))
    assert {(row.source, row.provider, row.operation) for row in rows.values()} == {("litellm", "openai", "chat")}
    assert (whole.input_tokens, whole.cache_read_tokens, whole.output_tokens, whole.reasoning_tokens) == (4, 3, 2, 1)
    assert whole.cost_usd == whole.reported_cost_usd
    assert (whole.parameters, whole.end_user, whole.ttft_ms) == ({"temperature": 0.2}, "u-17", None)
    assert (streamed.prompt_tokens, streamed.completion_tokens, streamed.is_stream, streamed.tags) == (4, 2, True, ["school"])
    assert 50 <= streamed.ttft_ms <= streamed.latency_ms
    assert (failed.status, failed.error_class, failed.cost_usd) == ("error", "rate_limit", None)
    said = payloads.content_of(whole)
    assert said["reply"] == [{"role": "assistant", "content": "It rises."}]
    assert said["reasoning"] == "hm"
    assert tallies.balance().missing == 0


def test_one_a_list_and_one_a_line_are_all_taken(receiver: Receiver):
    for number, body in enumerate(
        [
            json.dumps(payload(1)),
            json.dumps([payload(2), payload(3)]),
            f"{json.dumps(payload(4))}\n{json.dumps(payload(5))}\n",
        ]
    ):
        answer = receiver.send(DOOR, body.encode())
        assert (answer.status_code, answer.json()["accepted"]) == (207, min(number + 1, 2))
    receiver.settle()
    row = InferenceLog.objects.first()
    assert InferenceLog.objects.count() == 5
    assert (row.latency_ms, row.ttft_ms, row.finish_reason, row.output_preview) == (1500, 500, "stop", "The moon.")


def test_what_is_sent_again_is_stored_once_and_another_attempt_is_not_the_same(receiver: Receiver):
    sent = [payload(1), payload(1), payload(1, startTime=1795268309.5, endTime=1795268310.0)]
    assert receiver.send(DOOR, json.dumps(sent).encode()).json()["duplicate"] == 1
    receiver.settle()
    assert InferenceLog.objects.count() == 2


def test_one_bad_payload_costs_only_itself(receiver: Receiver):
    odd = [
        payload(1),
        None,
        {},
        payload(2, metadata="none", response=[1], model_parameters=[], messages=7, request_tags=9, endTime="late", usage={}),
        payload(3, response={"choices": [None]}, prompt_tokens=-1, error_information="x", status="failure"),
        payload(4, id="\ud800", messages="Say \0 hello to bob@example.com"),
    ]
    answer = receiver.send(DOOR, json.dumps(odd).encode()).json()
    assert [refusal["index"] for refusal in answer["rejected"] if refusal["index"] in {1, 2}] == [1, 2]
    assert answer["accepted"] + len(answer["rejected"]) == len(odd)
    assert answer["accepted"] >= 3
    receiver.settle()
    assert "bob@" not in "".join(row.input_preview or "" for row in InferenceLog.objects.all())
    assert tallies.balance().missing == 0


def test_what_is_no_json_is_refused(receiver: Receiver):
    assert receiver.send(DOOR, b"[{").status_code == 400
