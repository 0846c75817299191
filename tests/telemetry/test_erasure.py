"""Deleted calls leave nothing behind; deleted conversations leave their calls."""

from uuid import uuid4

import pytest
from uuid_utils.compat import uuid7

from telemetry import conversations, dead_letters, digest, erasure, integrity, tallies
from telemetry.models import DeadLetter, InboxEvent, InferenceKey, InferenceLog, Payload
from tests.telemetry.calls import WORKSPACE, append, finished, let_time_pass, only_row, record, record_calls, spoil, started

pytestmark = pytest.mark.django_db


def all_kept() -> bool:
    return all(check.is_kept for check in integrity.checks(deep=True))


def test_a_call_is_deleted_with_its_key_its_words_and_what_still_waits():
    call = uuid7()
    record(started(call, messages=[{"role": "user", "content": "A secret of Alice."}]))
    append(finished(call))
    assert erasure.erase_calls([only_row()]) == 1
    for model in (InferenceLog, InferenceKey, Payload, InboxEvent):
        assert not model.objects.exists()
    assert tallies.balance().rejected == {"erased": 1}
    assert all_kept()


def test_words_that_another_call_said_too_stay():
    first, second = record_calls(2)
    before = Payload.objects.count()
    erasure.erase_calls([first])
    assert Payload.objects.count() == before
    erasure.erase_calls([second])
    assert not Payload.objects.exists()
    assert all_kept()


def test_deleting_nothing_is_nothing():
    assert erasure.erase_calls([]) == 0


def test_a_deleted_conversation_keeps_its_calls_without_the_link():
    conversation = uuid4()
    record(finished(conversation_id=conversation, message_id=uuid4()), finished(conversation_id=uuid4()))
    conversations.unlink_conversation(WORKSPACE, conversation)
    assert InferenceLog.objects.count() == 2
    assert InferenceLog.objects.filter(conversation_id=None, message_id=None).count() == 1


def test_events_that_come_after_the_deletion_are_not_linked_again():
    conversation, call = uuid4(), uuid7()
    record(started(call, conversation_id=conversation))
    conversations.unlink_conversation(WORKSPACE, conversation)
    conversations.unlink_conversation(WORKSPACE, conversation)
    record(finished(call, conversation_id=conversation, message_id=uuid4()))
    assert (only_row().status, only_row().conversation_id, only_row().message_id) == ("success", None, None)


def test_another_workspaces_conversation_is_not_touched():
    conversation = uuid4()
    record(finished(conversation_id=conversation))
    conversations.unlink_conversation(uuid4(), conversation)
    assert only_row().conversation_id == conversation


def bury(count: int = 1) -> None:
    spoil(*["not json"] * count)
    for _ in range(digest.ATTEMPTS):
        digest.drain()
        let_time_pass()


def test_a_dead_letter_is_tried_again_from_the_start():
    bury()
    DeadLetter.objects.update(body=finished().body)
    assert dead_letters.retry([DeadLetter.objects.get().id]) == 1
    assert InboxEvent.objects.get().attempt_count == 0
    assert digest.drain().stored == 1
    assert tallies.balance().missing == 0


def test_a_dead_letter_whose_event_waits_again_is_a_duplicate():
    bury()
    dead = DeadLetter.objects.get()
    InboxEvent.objects.create(workspace_id=dead.workspace_id, inference_id=dead.inference_id, event_id=dead.event_id, body="{}")
    assert dead_letters.retry([dead.id]) == 0
    assert tallies.balance().duplicate == 1


def test_a_discarded_dead_letter_is_accounted_for():
    bury(2)
    assert dead_letters.discard(list(DeadLetter.objects.values_list("id", flat=True))) == 2
    assert tallies.balance().rejected == {"discarded": 2}
    assert tallies.balance().missing == 0
