"""Several workers, several writers, the same rows: nothing lost, nothing twice, no deadlock."""

import threading
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db import connection, transaction
from uuid_utils.compat import uuid7

from telemetry import conversations, digest, erasure, partitions, tallies
from telemetry.models import InferenceLog, Payload
from tests.telemetry.calls import NOON, WORKSPACE, append, finished, only_row, record, started

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*jobs: Callable[[], object]) -> None:
    """Run each job in a thread of its own; their errors are raised here."""
    errors: list[BaseException] = []
    gate = threading.Barrier(len(jobs))

    def run(job: Callable[[], object]) -> None:
        try:
            gate.wait()
            job()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[job]) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors


def test_workers_share_the_inbox_and_each_event_is_digested_once():
    calls = [uuid7() for _ in range(60)]
    for call in calls:
        append(started(call))
    for call in reversed(calls):
        append(finished(call))
    at_once(*[lambda: digest.drain(limit=7)] * 4)
    assert InferenceLog.objects.filter(status="success", phases=3).count() == 60
    balance = tallies.balance()
    assert (balance.stored, balance.duplicate, balance.missing) == (120, 0, 0)


def test_writers_of_the_same_events_in_opposite_orders_do_not_deadlock():
    events = [started() for _ in range(40)]
    at_once(*[lambda: append(*events), lambda: append(*reversed(events))] * 3)
    digest.drain()
    assert InferenceLog.objects.count() == 40
    balance = tallies.balance()
    assert (balance.received, balance.duplicate, balance.missing) == (240, 200, 0)


def test_both_events_of_a_call_in_two_workers_make_one_row():
    for _ in range(10):
        call = uuid7()
        append(started(call))
        append(finished(call))
        at_once(lambda: digest.drain_batch(1), lambda: digest.drain_batch(1))
    digest.drain()
    assert InferenceLog.objects.filter(phases=3, status="success").count() == 10


def test_a_missing_day_is_made_once():
    day = NOON.replace(year=2031).date()
    at_once(*[lambda: partitions.ensure(day, days=2)] * 4)
    assert partitions.ensure(day, days=2) == []


def test_a_conversation_deleted_while_its_events_are_digested_is_linked_nowhere():
    conversation = uuid4()
    append(*[finished(conversation_id=conversation, message_id=uuid4()) for _ in range(50)])

    def unlink() -> None:
        with transaction.atomic():
            conversations.unlink_conversation(WORKSPACE, conversation)

    at_once(lambda: digest.drain(limit=5), lambda: digest.drain(limit=5), unlink)
    digest.drain()
    assert InferenceLog.objects.count() == 50
    assert not InferenceLog.objects.filter(conversation_id__isnull=False).exists()
    assert not InferenceLog.objects.filter(message_id__isnull=False).exists()


def test_erasing_one_call_takes_nothing_from_another_that_says_the_same():
    record(finished(reply="The same words."))
    first = only_row()
    append(*[finished(reply="The same words.") for _ in range(30)])
    at_once(lambda: digest.drain(limit=3), lambda: erasure.erase_calls([first]))
    digest.drain()
    refs = {ref for row in InferenceLog.objects.all() for ref in row.payload_refs}
    assert refs == set(Payload.objects.values_list("digest", flat=True))
    assert tallies.balance().missing == 0


def test_tallies_folded_while_others_are_written_add_up():
    at_once(*[lambda: [append(started()) for _ in range(20)]] * 2, *[lambda: [tallies.fold(1) for _ in range(20)]] * 2)
    digest.drain()
    tallies.fold(1)
    balance = tallies.balance()
    assert (balance.received, balance.stored, balance.missing) == (40, 40, 0)
