"""`POST /api/v1/ingest`: what a program hands in is stored once, and what is not is named, with a reason."""

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from uuid_utils.compat import uuid7

from accounts.models import ApiKey
from telemetry import digest, payloads, tallies
from telemetry.models import InboxEvent, InferenceLog, Span
from tests.programs import client_of, make_token

DOOR = "/api/v1/ingest"


def call(**fields: Any) -> dict[str, Any]:
    """A whole call in one event."""
    return {
        "inference_id": str(uuid7()),
        "status": "success",
        "provider": "openai",
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "How do tides work?"}],
        "reply": "The moon pulls the water.",
        **fields,
    }


def hand_in(program, *events: Any) -> dict[str, Any]:
    answer = program.post(DOOR, json={"events": events})
    assert answer.status_code == 207, answer.text
    return answer.json()


def send_raw(program, *events: bytes) -> dict[str, Any]:
    """Events as bytes, for those that no JSON library would write."""
    body = b'{"events": [' + b",".join(events) + b"]}"
    answer = program.post(DOOR, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 207, answer.text
    return answer.json()


def raw(**fields: Any) -> bytes:
    return json.dumps(call(**fields)).encode()


def only_row() -> InferenceLog:
    digest.drain()
    return InferenceLog.objects.get()


def test_a_call_that_is_handed_in_becomes_a_row(program, alice, workspace):
    told = call(
        input_tokens=100,
        output_tokens=50,
        messages=[{"role": "user", "content": "I am alice@example.com"}],
        started_at=datetime.now(UTC).isoformat(),
        latency_ms=1200,
    )
    assert hand_in(program, told) == {"accepted": 1, "duplicate": 0, "rejected": [], "problems": []}
    row = only_row()
    assert (str(row.id), row.status, row.source) == (told["inference_id"], "success", "sdk")
    assert (row.input_tokens, row.output_tokens, row.latency_ms) == (100, 50, 1200)
    assert (row.workspace_id, row.user_id, row.api_key_id) == (workspace.id, alice.id, ApiKey.objects.get().id)
    assert "alice@" not in str(payloads.content_of(row)) + row.input_preview
    assert tallies.balance().missing == 0


def test_both_events_of_a_call_land_on_one_row(program):
    inference_id = str(uuid7())
    begun = {"inference_id": inference_id, "phase": "started", "model": "gpt-4o-mini", "messages": "Hi"}
    assert hand_in(program, begun)["accepted"] == 1
    assert only_row().status == "in_progress"
    hand_in(program, call(inference_id=inference_id, phase="finished", status="error", error_class="timeout"))
    row = only_row()
    assert (row.status, row.error_class, row.phases) == ("error", "timeout", 3)


def test_a_step_around_a_call_is_taken_too(program):
    told = call()
    span = {"phase": "span", "id": str(uuid7()), "inference_id": told["inference_id"], "kind": "tool", "name": "weather"}
    assert hand_in(program, told, span)["accepted"] == 2
    digest.drain()
    assert str(Span.objects.get().inference_id) == told["inference_id"]


def test_the_same_event_twice_is_stored_once(program):
    told = call()
    assert hand_in(program, told, told) == {"accepted": 1, "duplicate": 1, "rejected": [], "problems": []}
    assert hand_in(program, told)["duplicate"] == 1
    assert only_row().phases == 2
    hand_in(program, told)
    assert only_row().phases == 2
    assert tallies.balance().missing == 0
    assert tallies.balance().duplicate == 3


BAD: dict[str, tuple[bytes, str]] = {
    "no identity": (json.dumps({"status": "success"}).encode(), "invalid_id"),
    "an identity that is a list": (raw(inference_id=[1]), "invalid_id"),
    "an identity that is too long": (raw(inference_id="x" * 300), "invalid_id"),
    "no ending": (raw(status=None), "invalid_status"),
    "a status of another world": (raw(status="fine"), "invalid_status"),
    "a phase of another world": (raw(phase="middle"), "invalid_phase"),
    "not an object": (b'"hello"', "not_an_object"),
    "null": (b"null", "not_an_object"),
    "broken JSON": (b'{"inference_id": tru}', "not_json"),
    "nothing between two commas": (b" ", "not_json"),
    "an abyss": (b'{"metadata":' + b"[" * 5000 + b"]" * 5000 + b"}", "too_deep"),
    "a megabyte and a half": (raw(inference_id="x", reply="y" * 1_500_000), "too_large"),
}


def test_one_bad_event_in_a_thousand_costs_exactly_that_one(program):
    ids = [str(uuid7()) for _ in range(1000)]
    events = [json.dumps({"inference_id": inference_id, "status": "success"}).encode() for inference_id in ids]
    bad = {50 + 70 * number: kind for number, kind in enumerate(BAD)}
    for place, kind in bad.items():
        events[place] = BAD[kind][0]
    answer = send_raw(program, *events)
    assert answer["accepted"] == 1000 - len(BAD)
    assert [(refused["index"], refused["code"]) for refused in answer["rejected"]] == [
        (place, BAD[kind][1]) for place, kind in bad.items()
    ]
    assert all(refused["message"] for refused in answer["rejected"])
    digest.drain()
    stored = {str(row_id) for row_id in InferenceLog.objects.values_list("id", flat=True)}
    assert stored == {inference_id for place, inference_id in enumerate(ids) if place not in bad}
    balance = tallies.balance()
    assert balance.missing == 0
    assert sum(balance.rejected.values()) == len(BAD)
    assert balance.rejected["invalid_id"] == 3


@pytest.mark.parametrize(
    "event",
    [
        b'{"inference_id": "ID", "status": "success", "reply": "before \\ud800 after"}',
        b'{"inference_id": "ID", "status": "success", "reply": "before \\u0000 after"}',
        b'{"inference_id": "ID", "status": "success", "reply": "before \xff after"}',
    ],
)
def test_texts_that_no_database_takes_are_repaired(program, event):
    assert send_raw(program, event.replace(b"ID", str(uuid7()).encode()), raw())["accepted"] == 2
    digest.drain()
    reply = str([payloads.content_of(row) for row in InferenceLog.objects.all()])
    assert "before \N{REPLACEMENT CHARACTER} after" in reply


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        (b'"input_tokens": -5', "input_tokens"),
        (b'"input_tokens": 99999999999999999999', "input_tokens"),
        (b'"latency_ms": 1e999', "latency_ms"),
        (b'"tokens_per_second": NaN', "tokens_per_second"),
        (b'"reported_cost_usd": "a lot"', "reported_cost_usd"),
        (b'"is_stream": "perhaps"', "is_stream"),
        (b'"started_at": "yesterday"', "started_at"),
        (b'"started_at": 1e300', "started_at"),
        (b'"ended_at": {"a": 1}', "ended_at"),
        (b'"message_id": "none of ours"', "message_id"),
        (b'"tags": "one"', "tags"),
        (b'"token_times_ms": [1, "x"]', "token_times_ms"),
        (b'"mood": "good"', "mood"),
    ],
)
def test_a_value_that_cannot_be_taken_is_left_out_and_named(program, fields, name):
    event = b'{"inference_id": "' + str(uuid7()).encode() + b'", "status": "success", ' + fields + b"}"
    answer = send_raw(program, event)
    assert (answer["accepted"], answer["rejected"]) == (1, [])
    (problem,) = answer["problems"]
    assert name in problem["message"]
    assert only_row().status == "success"


def test_the_caller_cannot_say_who_they_are(program, charlie, alice, workspace):
    elsewhere = charlie.workspaces.get()
    told = call(
        workspace_id=str(elsewhere.id),
        user_id=str(charlie.id),
        api_key_id=str(uuid4()),
        source="chat",
        process_id=str(uuid4()),
        received_at="2020-01-01T00:00:00Z",
        cost_usd="0.01",
        event_id="x",
    )
    answer = hand_in(program, told)
    assert answer["accepted"] == 1
    assert "workspace_id is set by the server" in answer["problems"][0]["message"]
    row = only_row()
    assert (row.workspace_id, row.user_id, row.source, row.process_id) == (workspace.id, alice.id, "sdk", None)
    assert row.api_key_id == ApiKey.objects.get().id
    assert row.received_at.year == datetime.now(UTC).year


def test_an_id_of_the_callers_own_making_is_kept_and_always_means_the_same_call(program, alice):
    told = call(inference_id="chatcmpl-9xYz", metadata={"release": "7"})
    assert hand_in(program, told)["accepted"] == 1
    assert hand_in(program, told)["duplicate"] == 1
    row = only_row()
    assert isinstance(row.id, UUID)
    assert row.metadata == {"release": "7", "ollive": {"foreign_id": "chatcmpl-9xYz"}}


def test_the_same_foreign_id_is_another_call_in_another_workspace(program, programs_server, charlie):
    told = call(inference_id="run-1")
    hand_in(program, told)
    with client_of(programs_server, make_token(charlie)) as stranger:
        assert hand_in(stranger, told)["accepted"] == 1
    digest.drain()
    assert InferenceLog.objects.values("id").distinct().count() == 2


def test_a_conversation_of_anothers_making_groups_calls_as_a_session(program):
    own = uuid4()
    hand_in(program, call(conversation_id=f"c_{own.hex}"), call(conversation_id="thread-77"))
    digest.drain()
    told = {(row.conversation_id, row.session_id) for row in InferenceLog.objects.all()}
    assert told == {(own, None), (None, "thread-77")}


def test_a_clock_that_is_far_off_is_kept_and_noted(program):
    future = datetime.now(UTC) + timedelta(days=400)
    answer = hand_in(program, call(started_at=future.isoformat()))
    assert answer["accepted"] == 1
    assert "ahead of ours" in answer["problems"][0]["message"]
    row = only_row()
    assert row.started_at == future
    assert row.metadata["ollive"]["clock_offset_s"] == pytest.approx(400 * 86_400, abs=60)


def test_a_key_may_have_less_kept_of_its_calls(programs_server, transactional_db, alice):
    with client_of(programs_server, make_token(alice, payloads="none")) as program:
        hand_in(program, call())
    row = only_row()
    assert (row.payload_parts, row.input_preview) == (None, None)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b'{"events": {}}', 400),
        (b'{"events": [', 400),
        (b'{"events": [{"a": "b]}', 400),
        (b"\xff\xfe", 400),
        (b'{"events": []}', 207),
        (b'{"more": [1, {"events": 2}], "events": []}', 207),
        (b'{"events": [' + b"{}," * 5000 + b"{}]}", 422),
        (b'{"events": [' + b"[]," * 400_000 + b"[]]}", 413),
    ],
)
def test_a_body_without_a_batch_is_refused_whole(program, body, status):
    answer = program.post(DOOR, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["detail" if status != 207 else "accepted"] is not None
    assert tallies.balance().received == 0


def test_many_programs_with_the_same_events_store_them_once(program, programs_server):
    events = [call() for _ in range(40)]
    answers: list[dict[str, Any]] = []
    token = program.headers["authorization"].removeprefix("Bearer ")

    def send(turn: int) -> None:
        with client_of(programs_server, token) as own:
            answers.append(hand_in(own, *(events if turn % 2 else reversed(events))))

    threads = [threading.Thread(target=send, args=[turn]) for turn in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(answer["accepted"] for answer in answers) == 40
    assert sum(answer["duplicate"] for answer in answers) == 280
    assert InboxEvent.objects.count() == 40
    assert tallies.balance().missing == 0
