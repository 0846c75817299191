"""Personal data through every door of programs: none of it in the database, in Valkey, in logs or in what is handed out."""

import json
from datetime import UTC, datetime
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command

from telemetry.models import InboxEvent, InferenceLog, Span
from tests.chat.test_leaks import CARD, EMAIL, KEY, PHONE, SECRETS, dump_of_database, dump_of_valkey
from tests.telemetry.receiver import Receiver

TEXT = f"Card {CARD}, mail {EMAIL}, call {PHONE}, key {KEY}."
JSON_IN_TEXT = json.dumps({"to": EMAIL, "card": CARD, "nested": json.dumps({"phone": PHONE, "key": KEY})})
FORMS = (*SECRETS, CARD.replace(" ", ""), PHONE.replace(" ", ""), EMAIL.upper())
NOW = datetime.now(UTC).isoformat()
NANOS = int(datetime.now(UTC).timestamp()) * 1_000_000_000


def events() -> dict[str, Any]:
    """Every field of a client that holds words, and events that are refused."""
    words = {
        "messages": [{"role": "system", "content": TEXT}, {"role": "user", "content": [{"type": "text", "text": TEXT}]}],
        "parameters": {"stop": [TEXT], EMAIL: 1},
        "metadata": {"note": TEXT, "deep": {"er": [TEXT, {KEY: CARD}]}},
        "tags": [TEXT, EMAIL],
        "end_user": EMAIL,
        "session_id": f"of {EMAIL}",
        "raw_payload": JSON_IN_TEXT,
        "raw_payload_uri": f"https://alice:{KEY}@example.org/{EMAIL}",
        "input_preview": TEXT,
    }
    said = {
        "reply": {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "pay", "arguments": JSON_IN_TEXT}}]},
        "reasoning": TEXT,
        "tools": [{"type": "function", "function": {"name": "pay", "description": TEXT}}],
        "output_preview": TEXT,
        "error_message": TEXT,
        "error_code": EMAIL,
        "usage": {"note": TEXT},
    }
    call = str(uuid4())
    return {
        "events": [
            {"phase": "started", "inference_id": call, "provider": "openai", "model": "gpt-4o"} | words,
            {"phase": "finished", "inference_id": call, "status": "error"} | words | said,
            {"phase": "finished", "inference_id": EMAIL, "status": "success", "reply": TEXT},
            {"phase": "finished", "inference_id": str(uuid4()), "status": TEXT},
            {"phase": TEXT, "inference_id": str(uuid4())},
            {"phase": "finished", "inference_id": str(uuid4()), "status": "success", EMAIL: TEXT, "latency_ms": TEXT},
        ]
    }


def batch() -> dict[str, Any]:
    times = {"ts_start": NOW, "ts_end": NOW, "latency_ms": 5}
    call = {
        "schema_version": 1, "inference_id": str(uuid4()), "model": "gpt-4o", "provider": "openai", "status": "error",
        "error": {"type": "ValueError", "message": TEXT, "provider_code": EMAIL}, "prompt_preview": TEXT,
        "response_preview": TEXT, "raw_payload": {"request": TEXT, "response": JSON_IN_TEXT}, "metadata": {"note": TEXT},
    }  # fmt: skip
    tool = {
        "event_type": "tool_invocation", "tool_invocation_id": str(uuid4()), "inference_id": call["inference_id"],
        "tool_name": "pay", "arguments_preview": JSON_IN_TEXT, "result_preview": TEXT, "status": "error",
        "error": {"type": "ValueError", "message": TEXT},
    }  # fmt: skip
    return {"events": [call | times, tool | times, {"inference_id": EMAIL, "status": TEXT}]}


def traces() -> dict[str, Any]:
    def attribute(key: str, value: str) -> dict[str, Any]:
        return {"key": key, "value": {"stringValue": value}}

    def span(number: int, name: str, *attributes: dict[str, Any]) -> dict[str, Any]:
        identity = {"traceId": uuid4().hex, "spanId": f"{number:016x}", "startTimeUnixNano": NANOS, "endTimeUnixNano": NANOS + 1}
        status = {"code": 2, "message": TEXT}
        events = [{"name": "exception", "timeUnixNano": NANOS, "attributes": [attribute("exception.message", TEXT)]}]
        return identity | {"name": name, "status": status, "events": events, "attributes": [*attributes, attribute("note", TEXT)]}

    messages = json.dumps([{"role": "user", "parts": [{"type": "text", "content": TEXT}]}])
    spans = [
        span(1, "chat", attribute("gen_ai.operation.name", "chat"), attribute("gen_ai.input.messages", messages)),
        span(2, "llm", attribute("openinference.span.kind", "LLM"), attribute("llm.input_messages.0.message.content", TEXT),
             attribute("output.value", TEXT)),
        span(3, "openai.chat", attribute("llm.request.type", "chat"), attribute("gen_ai.prompt.0.content", TEXT),
             attribute("gen_ai.completion.0.content", TEXT)),
        span(4, f"mail {EMAIL}", attribute("openinference.span.kind", "TOOL"), attribute("input.value", JSON_IN_TEXT),
             attribute("tool.name", "pay")),
        span(5, "chain", attribute("traceloop.span.kind", "workflow"), attribute("traceloop.entity.input", JSON_IN_TEXT)),
    ]  # fmt: skip
    resource = {"attributes": [attribute("service.name", "shop"), attribute("host.contact", EMAIL)]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}


def litellm() -> list[dict[str, Any]]:
    seconds = NANOS / 1e9
    return [
        {
            "id": str(uuid4()), "status": "failure", "call_type": "completion", "model": "gpt-4o",
            "custom_llm_provider": "openai", "startTime": seconds, "endTime": seconds + 1,
            "messages": [{"role": "user", "content": TEXT}], "error_str": TEXT,
            "response": {"choices": [{"message": {"role": "assistant", "content": TEXT}}]},
            "error_information": {"error_message": TEXT, "error_class": "BadRequestError"}, "end_user": EMAIL,
            "metadata": {"requester_metadata": {"note": TEXT}, "user_api_key_alias": EMAIL}, "request_tags": [EMAIL],
            "model_parameters": {"stop": [TEXT]}, "prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10,
        },
        {"id": "", "messages": TEXT},
    ]  # fmt: skip


DOORS = {
    "/api/v1/ingest": (events, 207),
    "/v1/events:batch": (batch, 202),
    "/v1/traces": (traces, 200),
    "/api/v1/ingest/litellm": (litellm, 207),
}


@pytest.mark.parametrize("path", DOORS)
def test_personal_data_that_programs_hand_in_is_stored_and_shown_nowhere(receiver: Receiver, path: str):
    make, status = DOORS[path]
    answer = receiver.send(path, json.dumps(make()).encode())
    assert answer.status_code == status, answer.text
    waiting = dump_of_database()
    assert InboxEvent.objects.exists()
    receiver.settle()
    assert InferenceLog.objects.exists() or Span.objects.exists()

    consumed = StringIO()
    call_command("consume", "export", stdout=consumed)
    exported = StringIO()
    call_command("export_logs", "--with-content", stdout=exported, stderr=StringIO())
    places = {
        "inbox": waiting,
        "database": dump_of_database(),
        "valkey": dump_of_valkey(),
        "log of the web process": receiver.server.log,
        "consumer": consumed.getvalue(),
        "export": exported.getvalue(),
    }
    assert "[[CARD]]" in places["database"]
    assert "[[CARD]]" in places["export"]
    assert [(form, place) for place, text in places.items() for form in FORMS if form in text] == []
