"""Steps around the calls: stored once, redacted, counted, deleted with their call, and never a second count of the same call."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from uuid_utils.compat import uuid7

from telemetry import conversations, digest, erasure, events, integrity, payloads, spans, tallies
from telemetry.models import InboxEvent, InferenceKey, InferenceLog, Payload, Span
from tests.telemetry.calls import NOON, WORKSPACE, append, finished, only_row, record, record_calls, spoil

TRACE = "0af7651916cd43dd8448eb211c80319c"


def step(identity: UUID | None = None, **fields: Any) -> events.Event:
    told: dict[str, Any] = {
        "id": identity or uuid7(),
        "workspace_id": WORKSPACE,
        "source": "otlp",
        "kind": "tool",
        "name": "look_up_tide",
        "started_at": NOON,
        "ended_at": NOON + timedelta(milliseconds=120),
        "arguments": {"harbour": "Dover"},
        "result": "High water at 14:20",
    }
    return spans.build(told | fields)


def told(span_id: str, parent: str | None = None, **fields: Any) -> events.Event:
    return finished(source="otlp", trace_id=TRACE, span_id=span_id, parent_span_id=parent, operation="chat", **fields)


def body_of(event: events.Event) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(event.body)
    return body


def all_kept() -> bool:
    return all(check.is_kept for check in integrity.checks(deep=True))


def test_a_step_is_validated_measured_and_known_by_its_id():
    identity = uuid4()
    event = step(identity, kind="sorcery", latency_ms=None)
    assert (event.event_id, event.inference_id) == (f"{identity}:span", identity)
    assert event.problems == ("kind is not one of tool, agent, chain, retriever, embedding, other",)
    body = body_of(event)
    assert (body["kind"], body["status"], body["latency_ms"], body["cut_fields"]) == ("other", "success", 120, ["kind"])


@pytest.mark.parametrize("wrong", [{"id": None}, {"id": "seven"}, {"workspace_id": None}, {"colour": "blue"}])
def test_it_refuses_a_step_that_can_not_be_identified_or_is_not_declared(wrong):
    fields: dict[str, Any] = {"id": uuid7(), "workspace_id": WORKSPACE}
    with pytest.raises(events.InvalidEvent) as refused:
        spans.build(fields | wrong)
    assert refused.value.field in wrong


def test_everything_that_a_step_says_is_redacted():
    said = "Write to bob@example.com"
    given: dict[str, Any] = {name: said for name in spans.SENSITIVE if name not in {"attributes", "arguments", "result"}}
    event = step(**given, attributes={"note": said}, arguments={"to": [said]}, result=said * 20)
    assert "bob@example" not in event.body
    assert body_of(event)["attributes"] == {"note": "Write to [[EMAIL]]"}


def test_what_a_preview_shows_whole_is_not_kept_twice():
    short, long = body_of(step()), body_of(step(result="tide " * 100))
    assert (short["result_preview"], "result" in short) == ("High water at 14:20", False)
    assert short["arguments_preview"] == '{"harbour":"Dover"}'
    assert (len(long["result_preview"]), long["result"]) == (200, "tide " * 100)


@pytest.mark.parametrize(("policy", "kept"), [("full", {"arguments"}), ("preview", set()), ("none", set())])
def test_the_policy_of_payloads_holds_for_steps(policy, kept):
    fields = {"id": uuid7(), "workspace_id": WORKSPACE, "arguments": {"harbour": "Dover"}}
    body = body_of(spans.build(fields, payloads=policy))
    assert body.keys() & {"arguments", "result"} == kept
    assert ("arguments_preview" in body) == (policy != "none")


def test_many_attributes_are_shortened_and_too_many_are_left_out():
    body = body_of(step(attributes={"page": "tide " * 20_000, "model": "gpt-4o"}))
    assert (len(body["attributes"]["page"]), body["attributes"]["model"]) == (500, "gpt-4o")
    assert body["cut_fields"] == ["attributes"]
    assert body_of(step(attributes={str(number): "tide " * 90 for number in range(400)}))["attributes"] == "…"


def test_a_step_too_big_for_an_event_loses_its_content_only():
    body = body_of(step(arguments=["tide " * 190_000] * 10))
    assert ("arguments" in body, body["name"], body["cut_fields"]) == (False, "look_up_tide", ["arguments"])


@pytest.mark.django_db
def test_a_step_is_stored_once_however_often_it_is_sent():
    identity = uuid7()
    drained = record(step(identity))
    assert (drained.stored, drained.duplicate) == (1, 0)
    drained = record(step(identity, name="another"))
    assert (drained.stored, drained.duplicate) == (0, 1)
    row = Span.objects.get()
    assert (row.kind, row.name, row.latency_ms, row.result_preview) == ("tool", "look_up_tide", 120, "High water at 14:20")
    assert payloads.content_of(row) == {"arguments": {"harbour": "Dover"}}
    assert InferenceKey.objects.get().received_at == row.received_at
    assert tallies.balance().missing == 0
    assert all_kept()


@pytest.mark.django_db
def test_steps_and_calls_of_one_batch_are_all_stored():
    call = uuid7()
    drained = record(step(inference_id=call), finished(call), step(call))
    assert drained.stored == 3
    assert (InferenceLog.objects.count(), Span.objects.count()) == (1, 2)
    assert all_kept()


@pytest.mark.django_db
def test_a_poison_step_does_not_stop_its_batch():
    spoil('{"phase": "span", "kind": "tool", "status": "success", "latency_ms": "soon"}')
    drained = record(step())
    assert (drained.stored, drained.failed) == (1, 1)


@pytest.mark.django_db
def test_a_step_redacted_by_an_older_engine_is_redacted_again():
    body = {"phase": "span", "kind": "tool", "status": "success", "redaction_version": 0, "name": "Ask bob@example.com"}
    spoil(json.dumps(body))
    digest.drain()
    assert Span.objects.get().name == "Ask [[EMAIL]]"


@pytest.mark.django_db
@pytest.mark.parametrize("harm", ["DELETE FROM span", "DELETE FROM inference_key", "DELETE FROM payload"])
def test_the_deep_check_notices_a_step_that_was_harmed(harm):
    record(step())
    assert all_kept()
    with connection.cursor() as cursor:
        cursor.execute(harm)
    assert not all_kept()


@pytest.mark.django_db
def test_a_call_is_deleted_with_its_steps_and_those_that_wait():
    first, second = record_calls(2)
    record(step(inference_id=first.id, arguments={"only": "here"}), step(inference_id=second.id), step(first.id))
    append(step(inference_id=first.id), step(inference_id=second.id))
    before = Payload.objects.count()
    assert erasure.erase_calls([first]) == 1
    assert Span.objects.get().inference_id == second.id
    assert InboxEvent.objects.count() == 1
    assert Payload.objects.count() == before - 1
    assert tallies.balance().rejected == {"erased": 1}
    assert all_kept()


@pytest.mark.django_db
def test_a_deleted_conversation_keeps_its_steps_without_the_link():
    conversation = uuid4()
    record(step(conversation_id=conversation))
    conversations.unlink_conversation(WORKSPACE, conversation)
    record(step(conversation_id=conversation))
    assert set(Span.objects.values_list("conversation_id", flat=True)) == {None}


@pytest.mark.django_db
@pytest.mark.parametrize("is_split", [False, True])
def test_a_span_that_wraps_another_calls_span_is_a_step_and_is_counted_once(is_split):
    inner, outer = told("b" * 16, "a" * 16, reply="Twice a day."), told("a" * 16, metadata={"span.name": "ChatOpenAI"})
    if is_split:
        record(inner)
    drained = record(*([outer] if is_split else [outer, inner]))
    assert drained.stored == (1 if is_split else 2)
    assert only_row().span_id == "b" * 16
    wrapper = Span.objects.get()
    assert (wrapper.kind, wrapper.name, wrapper.span_id) == ("chain", "ChatOpenAI", "a" * 16)
    assert wrapper.attributes["input_tokens"] == 100
    assert wrapper.result_preview == "The moon pulls the water."
    assert record(outer, inner).duplicate == 2
    assert all_kept()


@pytest.mark.django_db
def test_a_wrapper_that_came_before_what_it_wraps_stays_a_call():
    inner, outer = told("b" * 16, "a" * 16), told("a" * 16)
    record(outer)
    record(inner)
    assert InferenceLog.objects.count() == 2
    assert record(outer).duplicate == 1
    assert all_kept()


@pytest.mark.django_db
def test_an_embedding_within_a_call_and_another_workspaces_spans_wrap_nothing():
    record(
        told("a" * 16),
        finished(source="otlp", trace_id=TRACE, span_id="b" * 16, parent_span_id="a" * 16, operation="embeddings"),
        told("c" * 16, "a" * 16, workspace_id=uuid4()),
    )
    assert (InferenceLog.objects.count(), Span.objects.count()) == (3, 0)


@pytest.mark.django_db
def test_a_batch_of_steps_takes_the_same_number_of_queries_whatever_its_size():
    record(step())  # makes the day
    counts = []
    for size in (10, 20):
        append(*[step() for _ in range(size)], *[told(f"{size:08x}{number:08x}") for number in range(size)])
        with CaptureQueriesContext(connection) as queries:
            digest.drain_batch()
        counts.append(len(queries))
    assert counts[0] == counts[1]
