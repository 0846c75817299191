"""`POST /v1/traces`, from the bytes to the rows: each span costs only itself, and each call is told of once."""

import gzip
import json
import time
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

from telemetry import payloads, tallies
from telemetry.models import InferenceLog, Span
from tests.telemetry.receiver import Receiver

PROTOBUF = "application/x-protobuf"
BEGAN = 1_795_266_650_000_000_000
CALL: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 50,
}


def ids(number: int) -> tuple[bytes, bytes]:
    return (number + 1).to_bytes(16, "big"), (number + 1).to_bytes(8, "big")


def request_of(count: int, attributes: dict[str, Any] | None = None) -> ExportTraceServiceRequest:
    """Spans of one scope; all of them roots, each a call that took 1.5 s."""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for number in range(count):
        trace, span = ids(number)
        added = spans.add(trace_id=trace, span_id=span, name="chat gpt-4o-mini")
        added.start_time_unix_nano, added.end_time_unix_nano = BEGAN, BEGAN + 1_500_000_000
        for key, value in (CALL if attributes is None else attributes).items():
            told = added.attributes.add(key=key).value
            if isinstance(value, int):
                told.int_value = value
            else:
                told.string_value = value
    return request


def as_json(*spans: Any) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()


def json_span(number: int = 0, **fields: Any) -> dict[str, Any]:
    trace, span = ids(number)
    attributes = [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o-mini"}},
        {"key": "gen_ai.system", "value": {"stringValue": "openai"}},
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "100"}},
        {"key": "gen_ai.usage.output_tokens", "value": {"intValue": 50}},
    ]
    plain = {"traceId": trace.hex(), "spanId": span.hex(), "name": "chat", "attributes": attributes}
    return plain | {"startTimeUnixNano": str(BEGAN), "endTimeUnixNano": BEGAN + 1_500_000_000} | fields


def partial_of(content: bytes) -> tuple[int, str]:
    partial = ExportTraceServiceResponse.FromString(content).partial_success
    return partial.rejected_spans, partial.error_message


@pytest.mark.parametrize("is_gzip", [False, True])
def test_a_protobuf_request_becomes_calls_and_is_answered_in_protobuf(receiver: Receiver, is_gzip):
    body = request_of(3).SerializeToString()
    answer = receiver.send(
        "/v1/traces", gzip.compress(body) if is_gzip else body, PROTOBUF, **({"content-encoding": "gzip"} if is_gzip else {})
    )
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, PROTOBUF, b"")
    receiver.settle()
    row = InferenceLog.objects.first()
    assert InferenceLog.objects.count() == 3
    assert (row.source, row.provider, row.model, row.prompt_tokens, row.completion_tokens) == (
        "otlp",
        "openai",
        "gpt-4o-mini",
        100,
        50,
    )
    assert (row.latency_ms, row.status, row.cost_usd > 0) == (1500, "success", True)


@pytest.mark.parametrize("form", ["hexadecimal", "base64"])
def test_json_is_read_with_ids_in_either_form_and_numbers_as_text(receiver: Receiver, form):
    span = json_span()
    if form == "base64":
        span |= {"traceId": "AAAAAAAAAAAAAAAAAAAAAQ==", "spanId": "AAAAAAAAAAE="}
    answer = receiver.send("/v1/traces", as_json(span))
    assert (answer.status_code, answer.headers["content-type"], answer.json()) == (200, "application/json", {})
    receiver.settle()
    row = InferenceLog.objects.get()
    assert (row.trace_id, row.span_id) == ("0" * 31 + "1", "0" * 15 + "1")
    assert (row.prompt_tokens, row.completion_tokens, row.latency_ms) == (100, 50, 1500)


def test_the_same_span_as_json_and_as_protobuf_is_one_call(receiver: Receiver):
    receiver.send("/v1/traces", request_of(1).SerializeToString(), PROTOBUF)
    receiver.send("/v1/traces", request_of(1).SerializeToString(), PROTOBUF)
    receiver.settle()
    receiver.send("/v1/traces", as_json(json_span(), json_span()))
    receiver.settle()
    assert InferenceLog.objects.count() == 1
    balance = tallies.balance()
    assert (balance.received, balance.stored, balance.duplicate, balance.missing) == (4, 1, 3, 0)


def spoiled_spans() -> list[bytes]:
    """Spans that can't be read, each for a reason of its own."""
    sound = request_of(1).resource_spans[0].scope_spans[0].spans[0]
    without_trace = type(sound).FromString(sound.SerializeToString())
    without_trace.trace_id = b""
    short = type(sound).FromString(sound.SerializeToString())
    short.span_id = b"\x01"
    return [without_trace.SerializeToString(), short.SerializeToString(), b"\x2a\x02\xff\xff", b"\xff\xff", b""]


@pytest.mark.parametrize("bad", spoiled_spans()[1:3])
def test_one_bad_span_in_a_thousand_costs_exactly_that_one(receiver: Receiver, bad):
    spans = [span.SerializeToString() for span in request_of(999).resource_spans[0].scope_spans[0].spans]
    answer = receiver.send("/v1/traces", enveloped([*spans[:500], bad, *spans[500:]]), PROTOBUF)
    rejected_count, message = partial_of(answer.content)
    assert (answer.status_code, rejected_count) == (200, 1)
    assert "span number 500" in message
    receiver.settle()
    assert InferenceLog.objects.count() == 999
    assert sum(tallies.balance().rejected.values()) == 1
    assert tallies.balance().missing == 0


def test_each_span_that_can_not_be_read_is_rejected_for_itself(receiver: Receiver):
    sound = [span.SerializeToString() for span in request_of(10).resource_spans[0].scope_spans[0].spans]
    answer = receiver.send("/v1/traces", enveloped([*sound, *spoiled_spans()]), PROTOBUF)
    assert partial_of(answer.content)[0] == 5
    receiver.settle()
    assert InferenceLog.objects.count() == 10


def enveloped(spans: list[bytes]) -> bytes:
    """The request around spans that are bytes already, however broken."""

    def framed(field: int, content: bytes) -> bytes:
        length, size = b"", len(content)
        while size > 127:
            length, size = length + bytes([size & 127 | 128]), size >> 7
        return bytes([field << 3 | 2]) + length + bytes([size]) + content

    return framed(1, framed(2, b"".join(framed(2, span) for span in spans)))


def test_a_body_that_is_cut_off_is_refused_as_a_whole_with_a_status(receiver: Receiver):
    body = request_of(3).SerializeToString()
    for cut in (1, 7, len(body) // 2, len(body) - 1):
        answer = receiver.send("/v1/traces", body[:-cut], PROTOBUF)
        assert (answer.status_code, answer.headers["content-type"]) == (400, PROTOBUF)
        assert b"cut off" in answer.content
    answer = receiver.send("/v1/traces", b'{"resourceSpans": [')
    assert (answer.status_code, answer.json()) == (400, {"message": "The body is not JSON."})
    receiver.settle()
    assert not InferenceLog.objects.exists()


def test_ten_thousand_spans_in_one_request_are_taken(receiver: Receiver):
    answer = receiver.send("/v1/traces", request_of(10_000, {"note": "x"}).SerializeToString(), PROTOBUF)
    assert (answer.status_code, answer.content) == (200, b"")
    assert tallies.balance().pending == 10_000
    answer = receiver.send("/v1/traces", request_of(20_001, {}).SerializeToString(), PROTOBUF)
    assert answer.status_code == 413


@pytest.mark.parametrize("envelope", [b"\x0a\x00", b"\x12\x00"])
def test_a_body_of_empty_envelopes_is_refused(receiver: Receiver, envelope):
    body = envelope * 200_000 if envelope[0] == 10 else enveloped([])[:1] + b"\x80\xb5\x18" + envelope * 200_000
    assert receiver.send("/v1/traces", body, PROTOBUF).status_code == 400


def test_a_gzip_bomb_is_refused(receiver: Receiver):
    bomb = gzip.compress(b"\0" * 60_000_000)
    answer = receiver.send("/v1/traces", bomb, PROTOBUF, **{"content-encoding": "gzip"})
    assert (answer.status_code, answer.headers["content-type"]) == (413, PROTOBUF)


def test_strange_json_values_are_taken_as_well_as_can_be(receiver: Receiver):
    deep: Any = {"stringValue": "bottom"}
    for _ in range(60):
        deep = {"arrayValue": {"values": [deep]}}
    strange = [
        json_span(1, attributes=[{"key": "deep", "value": deep}, {"key": "nul", "value": {"stringValue": "a\0b"}}]),
        json_span(2, attributes=[{"key": "s", "value": {"stringValue": "\ud800"}}, "odd", {"key": None}, {"value": 1}]),
        json_span(3, attributes={"not": "a list"}, events="none", links=[1], status=7, name=None),
        json_span(4, startTimeUnixNano="soon", endTimeUnixNano=-1, status={"code": "STATUS_CODE_ERROR", "message": "no"}),
        json_span(5, attributes=[{"key": "gen_ai.usage.input_tokens", "value": {"intValue": "many"}}]),
        json_span(6, parentSpanId="zz"),
        json_span(7, traceId="0" * 32),
        json_span(8, kind="SPAN_KIND_CLIENT", unknown={"a": 1}, startTimeUnixNano="99999999999999999999"),
        7,
    ]
    answer = receiver.send("/v1/traces", as_json(*strange))
    assert answer.status_code == 200
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "2"
    receiver.settle()
    assert Span.objects.count() + InferenceLog.objects.count() == 7
    assert tallies.balance().missing == 0
    row = Span.objects.get(span_id="0" * 15 + "2")
    assert row.attributes["nul"] == "a\N{REPLACEMENT CHARACTER}b"


def test_json_nested_beyond_reason_is_refused(receiver: Receiver):
    body = b'{"resourceSpans":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    assert receiver.send("/v1/traces", body).status_code in {400, 413}


def test_a_span_without_attributes_is_a_step(receiver: Receiver):
    receiver.send("/v1/traces", request_of(1, {}).SerializeToString(), PROTOBUF)
    receiver.settle()
    row = Span.objects.get()
    assert (row.kind, row.name, row.latency_ms, row.status, row.source) == ("other", "chat gpt-4o-mini", 1500, "success", "otlp")


def test_what_no_convention_knows_is_kept_and_redacted(receiver: Receiver):
    attributes = CALL | {"shop.order": 17, "note": "for bob@example.com", "session.id": "s1", "user.id": "u1"}
    receiver.send("/v1/traces", request_of(1, attributes).SerializeToString(), PROTOBUF)
    receiver.settle()
    row = InferenceLog.objects.get()
    assert row.metadata == {"shop.order": 17, "note": "for [[EMAIL]]", "span.name": "chat gpt-4o-mini"}
    assert (row.session_id, row.end_user) == ("s1", "u1")


def test_no_key_no_scope_and_a_strange_type_are_refused_as_the_protocol_says(receiver: Receiver):
    body = request_of(1).SerializeToString()
    answer = receiver.send("/v1/traces", body, PROTOBUF, authorization="Bearer nothing")
    assert (answer.status_code, answer.headers["content-type"]) == (401, PROTOBUF)
    assert receiver.send("/v1/traces", body, "text/plain").status_code == 415
    assert receiver.client.get("/v1/traces").status_code == 405


def test_a_clock_that_is_far_off_costs_nothing(receiver: Receiver):
    request = request_of(1)
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.start_time_unix_nano, span.end_time_unix_nano = 2**64 - 2, 1
    answer = receiver.send("/v1/traces", request.SerializeToString(), PROTOBUF)
    assert answer.status_code == 200
    receiver.settle()
    row = InferenceLog.objects.get()
    assert row.latency_ms == 0
    assert abs(row.received_at.timestamp() - time.time()) < 3600


def test_what_was_said_can_be_read_again(receiver: Receiver):
    said = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "How do tides work?"}]}])
    reply = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "The moon."}], "finish_reason": "stop"}])
    attributes = CALL | {"gen_ai.input.messages": said, "gen_ai.output.messages": reply}
    receiver.send("/v1/traces", request_of(1, attributes).SerializeToString(), PROTOBUF)
    receiver.settle()
    row = InferenceLog.objects.get()
    assert payloads.content_of(row) == {
        "messages": [{"role": "user", "content": "How do tides work?"}],
        "reply": [{"role": "assistant", "content": "The moon."}],
    }
    assert (row.finish_reason, row.output_preview) == ("stop", "The moon.")
