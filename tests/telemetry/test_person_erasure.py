"""Nothing that telemetry knows of a person is left, and the accounts still add up."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone
from uuid_utils.compat import uuid7

from telemetry import digest, integrity, person_erasure, product_events, receipts, rollups, spans, tallies
from telemetry.models import (
    ErasureReceipt,
    InboxEvent,
    InferenceKey,
    InferenceLog,
    Payload,
    ProductEvent,
    SealedDay,
    SearchEntry,
    Span,
    UsageDay,
)
from telemetry.person_erasure import Subject
from tests.telemetry.calls import WORKSPACE, append, finished, record, spoil, started
from tests.telemetry.rows import make_row, store

pytestmark = pytest.mark.django_db

ALICE, BOB = UUID(int=0xA11CE), UUID(int=0xB0B)
ELSEWHERE = UUID(int=9)


def call_of(user: UUID | None, words: str = "hello", **fields: Any) -> None:
    call = uuid7()
    told = {"user_id": user, "messages": [{"role": "user", "content": words}], **fields}
    record(started(call, **told), finished(call, reply=f"You said {words}.", user_id=user, **fields))


def step_of(user: UUID, **fields: Any) -> Any:
    told = {
        "id": uuid7(),
        "span_id": "ab" * 8,
        "trace_id": "cd" * 16,
        "workspace_id": WORKSPACE,
        "kind": "tool",
        "name": "weather",
        "status": "success",
        "user_id": user,
    }
    return spans.build(told | fields)


def erase(subject: Subject) -> Counter[str]:
    counted: Counter[str] = Counter()
    person_erasure.erase_user(subject, lambda kind, count: counted.update({kind: count}))
    return +counted


def all_kept() -> bool:
    return all(check.is_kept for check in integrity.checks(deep=True))


def test_a_persons_calls_go_with_all_that_belongs_to_them():
    call_of(ALICE, "my secret")
    call_of(BOB, "his secret")
    assert person_erasure.counts(Subject(ALICE)) == {"calls": 1}
    assert erase(Subject(ALICE)) == {"calls": 1}
    assert [row.user_id for row in InferenceLog.objects.all()] == [BOB]
    assert InferenceKey.objects.count() == SearchEntry.objects.count() == 1
    assert not any("my secret" in (piece.body or "") for piece in Payload.objects.all())
    assert any("his secret" in (piece.body or "") for piece in Payload.objects.all())
    assert all_kept()
    assert erase(Subject(ALICE)) == {}


def test_steps_of_a_person_go_though_their_calls_are_unknown():
    record(step_of(ALICE), step_of(BOB, span_id="ef" * 8))
    assert erase(Subject(ALICE)) == {"steps": 1}
    assert Span.objects.get().user_id == BOB
    assert all_kept()


def test_what_waits_goes_too_and_is_accounted_for():
    append(started(user_id=ALICE), finished(user_id=BOB))
    spoil("not json")
    assert person_erasure.counts(Subject(ALICE)) == {"waiting events": 1}
    assert erase(Subject(ALICE)) == {"waiting events": 1}
    assert InboxEvent.objects.count() == 2
    assert tallies.balance().rejected == {"erased": 1}
    digest.drain()
    assert tallies.balance().missing == 0


def test_words_that_look_like_a_persons_field_are_no_reason():
    append(finished(reply=f'"user_id":"{ALICE}"', user_id=BOB))
    assert erase(Subject(ALICE)) == {}
    assert InboxEvent.objects.count() == 1


def test_a_label_names_a_person_of_one_workspace_only():
    for workspace in (WORKSPACE, ELSEWHERE):
        record(finished(workspace_id=workspace, end_user='customer "7"'), finished(workspace_id=workspace, end_user="customer 8"))
    append(*[finished(workspace_id=workspace, end_user='customer "7"') for workspace in (WORKSPACE, ELSEWHERE)])
    assert erase(Subject(end_users=('customer "7"',), workspace_id=WORKSPACE)) == {"calls": 1, "waiting events": 1}
    digest.drain()
    left = sorted((row.workspace_id, row.end_user) for row in InferenceLog.objects.all())
    assert [label for workspace, label in left if workspace == WORKSPACE] == ["customer 8"]
    assert len(left) == 4
    assert all_kept()


@pytest.mark.parametrize("given", [{"end_users": ("7",)}, {"workspace_id": WORKSPACE}])
def test_a_label_without_its_workspace_is_refused(given):
    with pytest.raises(ValueError, match="both"):
        Subject(**given)


def test_sums_stay_without_the_name():
    now = datetime.now(UTC)
    dice = random.Random(4)
    old = now - timedelta(days=3)
    store(make_row(dice, old, user_id=user, model="m", provider="p", status="success") for user in (ALICE, ALICE, BOB, None))
    rollups.build(now, is_hasty=True)
    SealedDay.objects.create(day=old.date(), workspace_id=None)
    InferenceLog.objects.all().delete()
    InferenceKey.objects.all().delete()
    erase(Subject(ALICE))
    rollups.build(now, is_hasty=True)
    assert {sums.user_id: sums.call_count for sums in UsageDay.objects.all()} == {BOB: 1, UUID(int=0): 3}


def test_product_events_lose_the_name():
    product_events.note(ProductEvent.Name.CHAT_REQUESTED, WORKSPACE, user_id=ALICE, conversation_id=uuid4())
    product_events.note(ProductEvent.Name.CHAT_REQUESTED, WORKSPACE, user_id=BOB)
    assert erase(Subject(ALICE)) == {"product events without a name": 1}
    assert set(ProductEvent.objects.values_list("user_id", flat=True)) == {None, BOB}


def test_a_receipt_counts_along_and_tells_nothing():
    receipt = receipts.begin("Alice@example.com ", "Dora", timezone.now())
    receipts.add(receipt, "calls", 2)
    again = receipts.begin("alice@example.com", "Dora", timezone.now())
    assert again.id == receipt.id
    receipts.add(again, "calls", 3)
    done = receipts.finish(again, timezone.now())
    assert done.counts == {"calls": 5}
    assert receipts.finished("alice@example.com") == done
    assert "alice" not in str(ErasureReceipt.objects.values()).lower()
    assert receipts.begin("alice@example.com", "Dora", timezone.now()).id != receipt.id


def test_a_receipt_that_was_changed_no_longer_fits_its_digest():
    receipt = receipts.begin("alice@example.com", "Dora", timezone.now())
    receipts.finish(receipt, timezone.now())
    stored = ErasureReceipt.objects.get()
    assert receipts.digest_of(stored) == stored.digest
    stored.counts = {"calls": 1}
    assert receipts.digest_of(stored) != stored.digest
