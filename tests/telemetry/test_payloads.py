"""What was said is stored once, however often it is said again, and read back as it was."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.utils import timezone
from uuid_utils.compat import uuid7

from telemetry import payloads
from telemetry.models import InferenceLog, Payload
from tests.telemetry.calls import WORKSPACE, finished, only_row, record, started

pytestmark = pytest.mark.django_db
TODAY = timezone.now().date()


def message(number: int) -> dict[str, str]:
    return {"role": "user" if number % 2 else "assistant", "content": f"message {number}"}


def test_a_growing_conversation_is_stored_once():
    history: list[dict[str, str]] = []
    for turn in range(30):
        history = [*history, {"role": "user", "content": f"question {turn}"}]
        reply = f"answer {turn}"
        record(finished(messages=history, reply=reply))
        history = [*history, {"role": "assistant", "content": reply}]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM payload WHERE form = 0")
        assert cursor.fetchone() == (60,)
    newest = InferenceLog.objects.order_by("-received_at", "-id").first()
    assert newest is not None
    assert payloads.content_of(newest)["messages"] == history[:-1]


def test_a_long_list_is_read_back_in_order_and_its_references_stay_few():
    messages = [message(number) for number in range(2000)]
    record(finished(messages=messages))
    row = only_row()
    assert payloads.content_of(row)["messages"] == messages
    assert len(row.payload_refs or []) <= 40


def test_a_conversation_cut_at_its_front_keeps_most_of_its_pieces():
    messages = [message(number) for number in range(600)]
    whole, trimmed = (payloads.pack(WORKSPACE, {"messages": part}) for part in (messages, messages[5:]))
    assert len(trimmed.pieces.keys() - whole.pieces.keys()) <= 4


def test_the_same_words_in_two_workspaces_are_two_pieces():
    one, other = (payloads.pack(workspace, {"reply": "The same."}) for workspace in (WORKSPACE, uuid4()))
    assert not one.pieces.keys() & other.pieces.keys()


def test_the_end_replaces_its_own_parts_and_keeps_the_others():
    call = uuid7()
    record(started(call, messages=[message(1)], tools=[{"type": "function"}]))
    record(finished(call, messages=[message(1), message(2)], reply="done", reasoning="thinking"))
    assert payloads.content_of(only_row()) == {
        "messages": [message(1), message(2)],
        "reply": [{"role": "assistant", "content": "done"}],
        "reasoning": "thinking",
        "tools": [{"type": "function"}],
    }


def test_a_piece_that_is_gone_leaves_a_gap():
    record(finished(messages=[message(1), message(2)]))
    Payload.objects.filter(body__contains="message 1").delete()
    assert payloads.content_of(only_row())["messages"] == [None, message(2)]


def test_a_sweep_takes_only_what_no_call_refers_to_deep_lists_included():
    record(finished(messages=[message(number) for number in range(200)]))
    Payload.objects.bulk_create(
        [Payload(day=TODAY, workspace_id=WORKSPACE, digest=UUID(int=number), form=0, body='"alone"') for number in range(5)]
    )
    before = Payload.objects.count()
    assert payloads.sweep(only_row().day, WORKSPACE) == 5
    assert Payload.objects.count() == before - 5
    assert len(payloads.content_of(only_row())["messages"]) == 200
    assert payloads.sweep(only_row().day - timedelta(days=1), WORKSPACE) == 0
