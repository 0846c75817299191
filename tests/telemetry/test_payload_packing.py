"""What was said on days that are over is compressed, and read as before."""

import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, InterfaceError, connection
from uuid_utils.compat import uuid7

from telemetry import erasure, integrity, payload_packing, payloads
from telemetry.models import InferenceLog, PackedDay, Payload
from telemetry.partitions import PAYLOAD
from tests.telemetry.calls import append, finished, record, started

pytestmark = pytest.mark.django_db

TODAY = datetime.now(UTC).date()
OLD = TODAY - timedelta(days=9)
LONG = "The moon pulls the water, and the shore feels it twice a day. " * 40


def record_then(reply: str = LONG, count: int = 1, **fields: object) -> list[InferenceLog]:
    """Calls of the old day."""
    ids = [uuid7() for _ in range(count)]
    for call in ids:
        append(started(call, **fields), finished(call, reply=f"{reply} {call}"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE telemetry_inbox SET received_at = %s", [datetime.combine(OLD, datetime.min.time(), UTC)])
    record()
    return list(InferenceLog.objects.filter(id__in=ids))


def all_kept() -> bool:
    return all(check.is_kept for check in integrity.checks(deep=True))


def test_packed_days_read_as_before_and_are_smaller():
    history = [{"role": "user", "content": f"turn {number} {LONG}"} for number in range(50)]
    [call] = record_then(messages=history)
    before = payloads.content_of(call)
    [packed] = payload_packing.pack_days(TODAY)
    assert payloads.content_of(call) == before
    assert packed.after_bytes < packed.before_bytes
    assert Payload.objects.filter(packed__isnull=False, body=None).count() >= 50
    assert not Payload.objects.filter(form=Payload.Form.DIGESTS, body=None).exists()
    assert all_kept()


def test_a_day_is_packed_once_and_young_days_are_not():
    record_then()
    record(finished(reply=LONG))
    assert [packed.day for packed in payload_packing.pack_days(TODAY)] == [OLD]
    assert payload_packing.pack_days(TODAY) == []
    assert PackedDay.objects.get().piece_count == Payload.objects.filter(day=OLD).count()
    assert not Payload.objects.filter(day=TODAY, packed__isnull=False).exists()


def test_late_calls_are_accepted_by_a_packed_day():
    [first] = record_then()
    payload_packing.pack_days(TODAY)
    [late] = record_then("Later.")
    assert payloads.content_of(late)["reply"][0]["content"].startswith("Later.")
    assert payloads.content_of(first)["reply"][0]["content"].startswith(LONG)
    assert all_kept()


def test_a_packed_call_is_erased_with_what_it_said():
    [first] = record_then()
    [second] = record_then("Other words.")
    payload_packing.pack_days(TODAY)
    erasure.erase_calls([first])
    assert payloads.content_of(second)["reply"][0]["content"].startswith("Other words.")
    assert Payload.objects.filter(day=OLD).count() == 2
    erasure.erase_calls([second])
    assert not Payload.objects.filter(day=OLD).exists()


def test_short_pieces_and_lists_of_digests_stay_as_they_are():
    assert payload_packing.packed_piece(Payload.Form.CONTENT, "short", None) == ("short", None)
    assert payload_packing.packed_piece(Payload.Form.DIGESTS, LONG, None) == (LONG, None)
    body, packed = payload_packing.packed_piece(Payload.Form.CONTENT, LONG, None)
    assert body is None
    assert payloads.unpacked(None, packed) == LONG.encode()


@pytest.mark.django_db(transaction=True)
def test_what_is_added_and_erased_while_a_day_is_packed_is_neither_lost_nor_kept(monkeypatch):
    [goes, _] = record_then(count=2)
    whole = payload_packing._copy

    def in_a_thread(job) -> None:
        def run() -> None:
            job()
            connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()

    def copy_while_others_write(child, cursor):
        count = whole(child, cursor)
        in_a_thread(lambda: record_then("Meanwhile."))
        in_a_thread(lambda: erasure.erase_calls([goes]))
        return count

    monkeypatch.setattr(payload_packing, "_copy", copy_while_others_write)
    assert payload_packing.pack_days(TODAY)
    said = [payloads.content_of(call)["reply"][0]["content"] for call in InferenceLog.objects.order_by("received_at", "id")]
    assert any(reply.startswith("Meanwhile.") for reply in said)
    assert len(said) == 2
    assert all_kept()
    refs = {ref for call in InferenceLog.objects.all() for ref in call.payload_refs}
    assert set(Payload.objects.filter(day=OLD).values_list("digest", flat=True)) == refs


@pytest.mark.django_db(transaction=True)
def test_packing_that_dies_changes_nothing(monkeypatch):
    [call] = record_then()
    monkeypatch.setattr(payload_packing, "SWAP", (*payload_packing.SWAP, "SELECT pg_terminate_backend(pg_backend_pid())"))
    with suppress(DatabaseError, InterfaceError):
        payload_packing.pack_days(TODAY)
    connection.close()
    assert payloads.content_of(call)["reply"][0]["content"].startswith(LONG)
    assert not PackedDay.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [f"{PAYLOAD.of(OLD)}_packed"])
        assert cursor.fetchone()[0] is None
    monkeypatch.undo()
    assert payload_packing.pack_days(TODAY)
