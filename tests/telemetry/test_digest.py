"""One call makes one row, in whatever order its events come, however often, and whatever else is in the batch."""

import itertools
import json
from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from uuid_utils.compat import uuid7

from telemetry import digest, payloads, rows, tallies
from telemetry.models import DeadLetter, InboxEvent, InferenceKey, InferenceLog
from tests.telemetry.calls import NOON, append, finished, let_time_pass, only_row, record, spoil, started

pytestmark = pytest.mark.django_db


def outcome(row: InferenceLog) -> tuple[object, ...]:
    return (row.status, row.model, row.started_at, row.latency_ms, row.ttft_ms, row.total_tokens, row.cost_usd, row.phases)


def test_started_and_finished_make_one_row():
    call = uuid7()
    record(started(call), finished(call))
    row = only_row()
    assert (row.id, row.status, row.phases) == (call, "success", 3)
    assert (row.latency_ms, row.ttft_ms, row.tokens_per_second) == (2400, 400, 25.0)
    assert row.cost_usd == Decimal("0.000045")
    assert not InboxEvent.objects.exists()


def test_a_started_call_is_in_progress_until_it_ends():
    call = uuid7()
    record(started(call))
    assert (only_row().status, only_row().cost_usd) == ("in_progress", None)
    received_at = only_row().received_at
    record(finished(call))
    assert (only_row().status, only_row().received_at) == ("success", received_at)


def test_any_order_and_any_repetition_make_the_same_row():
    outcomes = set()
    for order in itertools.product("sf", repeat=3):
        if set(order) != {"s", "f"}:
            continue
        call = uuid7()
        for phase in order:  # each in a batch of its own
            record(started(call) if phase == "s" else finished(call))
        outcomes.add(outcome(InferenceLog.objects.get(id=call)))
    assert len(outcomes) == 1
    assert InferenceLog.objects.count() == 6
    assert tallies.balance().duplicate == 6


def test_a_resend_while_the_event_waits_is_a_duplicate():
    event = started()
    assert (append(event).stored, append(event).duplicate) == (1, 1)
    digest.drain()
    assert InferenceLog.objects.count() == 1


def test_a_resend_after_the_digest_makes_no_second_row():
    call = uuid7()
    record(started(call), finished(call))
    drained = record(started(call), finished(call, status="error"))
    assert (drained.stored, drained.duplicate) == (0, 2)
    assert only_row().status == "success"


def test_a_late_started_event_never_overwrites_the_end():
    call = uuid7()
    record(finished(call, model="gpt-4o"))
    record(started(call, model="gpt-4o-mini", app="shop"))
    row = only_row()
    assert (row.status, row.model, row.app) == ("success", "gpt-4o", "shop")


def test_two_workspaces_may_tell_of_the_same_call():
    call = uuid7()
    record(finished(call), finished(call, workspace_id=uuid4()))
    assert InferenceLog.objects.filter(id=call).count() == 2


def test_a_poison_event_does_not_stop_its_batch():
    spoil("not json", '{"phase": "elsewhere"}', json.dumps({"phase": "finished", "status": "success", "latency_ms": "soon"}))
    call = uuid7()
    drained = record(started(call), finished(call))
    assert (drained.stored, drained.failed) == (2, 3)
    assert only_row().status == "success"
    assert tallies.balance().missing == 0


def test_a_poison_event_is_tried_with_a_growing_pause_and_then_put_aside():
    (event_id,) = spoil("not json")
    pauses = []
    for _ in range(digest.ATTEMPTS - 1):
        digest.drain()
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM available_at - statement_timestamp()) FROM telemetry_inbox")
            pauses.append(round(cursor.fetchone()[0]))
        assert digest.drain().taken == 0
        let_time_pass()
    assert pauses == [5, 10, 20, 40]
    assert digest.drain().dead == 1
    dead = DeadLetter.objects.get()
    assert (dead.event_id, dead.attempt_count, dead.body) == (event_id, digest.ATTEMPTS, "not json")
    assert "JSONDecodeError" in dead.error
    assert tallies.balance().missing == 0


def test_the_error_of_a_dead_letter_is_redacted():
    spoil(json.dumps({"phase": "finished", "status": "success", "user_id": "alice@example.com"}))
    for _ in range(digest.ATTEMPTS):
        digest.drain()
        let_time_pass()
    assert "alice@example.com" not in DeadLetter.objects.get().error
    assert "[[EMAIL]]" in DeadLetter.objects.get().error


def test_an_event_redacted_by_an_older_engine_is_redacted_again():
    call = uuid7()
    body = {
        "phase": "finished",
        "status": "success",
        "redaction_version": 0,
        "reply": "Ask bob@example.com",
        "inference_id": str(call),
    }
    spoil(json.dumps(body))
    digest.drain()
    row = only_row()
    said = payloads.content_of(row)
    assert said["reply"] == [{"role": "assistant", "content": "Ask [[EMAIL]]"}]
    assert row.redaction_version >= 1


def test_a_crash_before_the_commit_loses_nothing_and_doubles_nothing():
    call = uuid7()
    append(started(call), finished(call))
    with pytest.raises(OperationalError), transaction.atomic():
        digest.drain_batch()
        assert InferenceLog.objects.exists()
        raise OperationalError("the server went away")
    assert (InferenceLog.objects.count(), InferenceKey.objects.count(), InboxEvent.objects.count()) == (0, 0, 2)
    digest.drain()
    assert (only_row().phases, tallies.balance().missing) == (3, 0)


def test_a_crash_before_the_callers_commit_leaves_no_trace():
    with pytest.raises(OperationalError), transaction.atomic():
        append(started())
        raise OperationalError("the server went away")
    assert tallies.balance().received == 0
    assert not InboxEvent.objects.exists()


def test_trouble_of_the_connection_costs_no_event_an_attempt(monkeypatch):
    def away(*given):
        raise OperationalError("the server went away")

    monkeypatch.setattr("telemetry.logs.write", away)
    append(started())
    with pytest.raises(OperationalError):
        digest.drain()
    assert InboxEvent.objects.get().attempt_count == 0


def test_a_huge_event_is_digested_and_a_batch_of_them_is_split(monkeypatch):
    monkeypatch.setattr("telemetry.digest.BATCH_BYTES", 3_000_000)
    append(*[finished(reply="tide " * 190_000) for _ in range(6)])
    assert digest.drain_batch().taken == 4
    digest.drain()
    assert InferenceLog.objects.count() == 6
    assert tallies.balance().missing == 0


def test_the_end_of_a_call_keeps_what_only_its_start_told():
    call = uuid7()
    record(started(call, tags=["school"], metadata={"lesson": 3}))
    record(finished(call, finish_reason="stop"))
    row = only_row()
    assert (row.tags, row.metadata, row.finish_reason) == (["school"], {"lesson": 3}, "stop")
    said = payloads.content_of(row)
    assert said["messages"][0]["content"] == "How do tides work?"
    assert said["reply"][0]["content"] == "The moon pulls the water."


def test_a_canceled_call_that_nobody_counted_is_counted_and_marked():
    call = uuid7()
    record(started(call))
    record(finished(call, status="canceled", input_tokens=None, output_tokens=None, usage_source="none"))
    row = only_row()
    assert row.usage_source == "estimated"
    assert row.input_tokens > 3
    assert row.output_tokens > 3
    assert row.cost_usd > 0


def test_an_error_without_tokens_has_no_known_cost():
    record(
        finished(
            status="error",
            provider="openai",
            model="gpt-4o",
            input_tokens=None,
            output_tokens=None,
            usage_source=None,
            reply=None,
        )
    )
    assert (only_row().cost_usd, only_row().usage_source) == (None, None)


def test_an_unknown_model_costs_nothing_known_never_zero():
    call = uuid7()
    record(started(call, provider="cellar", model="homemade-7b"), finished(call))
    assert (only_row().cost_usd, only_row().price_id) == (None, None)


def test_what_the_caller_says_a_call_cost_is_used_where_we_know_no_price():
    call = uuid7()
    record(started(call, provider="cellar", model="homemade-7b"), finished(call, reported_cost_usd="0.0125"))
    assert (only_row().cost_usd, only_row().price_id) == (Decimal("0.0125"), rows.REPORTED)


def test_the_demo_model_costs_zero_because_it_runs_here():
    call = uuid7()
    record(started(call, provider="local", model="smollm2"), finished(call))
    assert (only_row().cost_usd, only_row().price_id) == (Decimal(0), "local")


def test_a_record_keeps_the_day_it_comes_from_and_the_day_is_made():
    record(replace(finished(), received_at=NOON.replace(year=2019)))
    assert only_row().day.year == 2019
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM inference_log")
        assert cursor.fetchone() == ("inference_log_20191121",)


def test_a_batch_takes_the_same_number_of_queries_whatever_its_size():
    record(finished())  # makes the day
    counts = []
    for size in (10, 20):
        append(*[event for call in (uuid7() for _ in range(size)) for event in (started(call), finished(call))])
        with CaptureQueriesContext(connection) as queries:
            digest.drain_batch()
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("told", [{"user_id": uuid4()}, {"source": "sdk"}])
def test_nobody_else_ends_a_call_that_somebody_began(told):
    alice, call = uuid4(), uuid7()
    record(started(call, source="chat", user_id=alice))
    drained = record(finished(call, **({"source": "chat", "user_id": alice} | told)))
    assert (drained.stored, drained.duplicate) == (0, 1)
    row = only_row()
    assert (row.status, row.source, row.user_id) == ("in_progress", "chat", alice)


def test_nobody_else_tells_of_the_start_of_a_call_that_has_ended():
    alice, call = uuid4(), uuid7()
    record(finished(call, source="sdk", user_id=alice))
    drained = record(started(call, source="sdk", user_id=uuid4(), tags=["not mine"]))
    assert (drained.stored, drained.duplicate, only_row().tags) == (0, 1, None)


def test_an_end_that_names_nobody_ends_the_call():
    call = uuid7()
    record(started(call, source="chat", user_id=uuid4()))
    record(finished(call))
    assert (only_row().status, only_row().source) == ("success", "chat")
