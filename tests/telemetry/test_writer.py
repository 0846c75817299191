"""One connection commits for all who wait: together, each of them told what became of their own events."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from django.db import connection

from telemetry import digest, tallies, writer
from telemetry.inbox import Appended
from telemetry.models import InboxEvent, Tally
from tests.server import database_away
from tests.telemetry.calls import finished, started

pytestmark = pytest.mark.django_db(transaction=True)

T = TypeVar("T")


def run(scenario: Coroutine[Any, Any, T]) -> T:
    """On a loop of its own, hung up at the end as a web process does."""

    async def whole() -> T:
        try:
            return await scenario
        finally:
            await writer.close()

    return asyncio.run(whole())


def poison():
    """An event that passes everything of ours, and that PostgreSQL refuses."""
    return replace(started(), body='{"phase": "started", "reply": "\0"}')


def test_events_are_committed_when_the_call_returns():
    async def scenario() -> tuple[Appended, int]:
        appended = await writer.append([started(), finished()])
        return appended, await asyncio.to_thread(_count_elsewhere)

    assert run(scenario()) == (Appended(2, 0), 2)


def test_those_who_wait_at_once_share_commits():
    async def scenario() -> list[Appended]:
        return await asyncio.gather(*(writer.append([started()]) for _ in range(60)))

    assert run(scenario()) == [Appended(1, 0)] * 60
    assert InboxEvent.objects.count() == 60
    assert Tally.objects.count() < 20


def test_each_caller_is_told_of_their_own_duplicates():
    first, second, third = started(), started(), started()

    async def scenario() -> list[Appended]:
        await writer.append([first])
        return await asyncio.gather(*(writer.append(batch) for batch in ([first, second], [second, third], [third, third])))

    assert run(scenario()) == [Appended(1, 1), Appended(1, 1), Appended(0, 2)]
    assert InboxEvent.objects.count() == 3
    balance = tallies.balance()
    assert (balance.received, balance.duplicate, balance.missing) == (7, 4, 0)


def test_what_was_rejected_is_counted_in_the_same_commit():
    async def scenario() -> None:
        await asyncio.gather(writer.append([started()], {"not_json": 2}), writer.append([], {"not_json": 1, "too_deep": 1}))

    run(scenario())
    balance = tallies.balance()
    assert (balance.received, balance.rejected, balance.missing) == (5, {"not_json": 3, "too_deep": 1}, 0)


def test_an_event_that_the_database_refuses_costs_only_itself():
    batches = [[started() for _ in range(20)] for _ in range(4)]
    batches[2][13] = poison()
    batches[3][0] = poison()

    async def scenario() -> list[Appended]:
        return await asyncio.gather(*(writer.append(batch) for batch in batches))

    assert run(scenario()) == [Appended(20, 0), Appended(20, 0), Appended(19, 0, (13,)), Appended(19, 0, (0,))]
    assert InboxEvent.objects.count() == 78
    balance = tallies.balance()
    assert (balance.rejected, balance.missing) == ({"unstorable": 2}, 0)


def test_an_event_that_is_refused_is_not_called_a_duplicate_of_itself():
    bad = poison()

    async def scenario() -> Appended:
        return await writer.append([bad, started(), bad])

    assert run(scenario()) == Appended(1, 0, (0, 2))
    assert tallies.balance().missing == 0


def test_more_than_fits_into_one_commit_goes_in_several(monkeypatch):
    monkeypatch.setattr(writer, "FLUSH_ROWS", 3)
    events = [started() for _ in range(10)]
    events[7] = poison()

    async def scenario() -> Appended:
        return await writer.append(events)

    assert run(scenario()) == Appended(9, 0, (7,))
    assert InboxEvent.objects.count() == 9


def test_a_connection_that_died_unused_costs_nobody_an_error():
    async def scenario() -> Appended:
        await writer.append([started()])
        await asyncio.to_thread(_end_other_connections)
        return await writer.append([started()])

    assert run(scenario()) == Appended(1, 0)
    assert InboxEvent.objects.count() == 2


def _count_elsewhere() -> int:
    try:
        return InboxEvent.objects.count()
    finally:
        connection.close()


def _end_other_connections() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND query LIKE %s",
                ["%telemetry_tally%"],
            )
    finally:
        connection.close()


def test_while_the_database_is_away_the_events_are_the_callers_again():
    event = started()

    async def scenario() -> Appended:
        with pytest.raises(writer.Away) as away:
            await writer.append([event])
        assert away.value.retry_after > 0
        with pytest.raises(writer.Away):
            writer.check()
        return Appended(0, 0)

    with database_away():
        run(scenario())
    assert run(_append_one(event)) == Appended(1, 0)


async def _append_one(event) -> Appended:
    return await writer.append([event])


def test_an_inbox_that_nobody_digests_is_full_one_day(settings, monkeypatch):
    settings.OLLIVE_INBOX_LIMIT = 5
    monkeypatch.setattr(writer, "DEPTH_SECONDS", 0)

    async def scenario() -> Appended:
        await writer.append([started() for _ in range(6)])
        with pytest.raises(writer.Away, match="wait to be digested") as away:
            await writer.append([started()])
        assert away.value.retry_after >= 1
        await asyncio.to_thread(_empty_the_inbox)
        return await writer.append([started()])

    assert run(scenario()) == Appended(1, 0)
    assert tallies.balance().missing == 0


def _empty_the_inbox() -> None:
    try:
        digest.drain()
    finally:
        connection.close()


def test_more_than_may_wait_is_refused_at_once(monkeypatch):
    monkeypatch.setattr(writer, "QUEUE_ROWS", 5)

    async def scenario() -> None:
        with pytest.raises(writer.Away, match="too many"):
            await writer.append([started() for _ in range(6)])
        await writer.append([started()])

    run(scenario())
    assert InboxEvent.objects.count() == 1


def test_what_waits_when_the_process_ends_is_committed_first():
    async def scenario() -> list[Appended]:
        waiting = [asyncio.create_task(writer.append([started()])) for _ in range(5)]
        await asyncio.sleep(0)
        await writer.close()
        return await asyncio.gather(*waiting)

    assert run(scenario()) == [Appended(1, 0)] * 5
    assert InboxEvent.objects.count() == 5


def test_a_caller_who_gives_up_takes_nothing_from_the_others():
    async def scenario() -> Appended:
        leaving = asyncio.create_task(writer.append([started()]))
        staying = asyncio.create_task(writer.append([started()]))
        await asyncio.sleep(0)
        leaving.cancel()
        return await staying

    assert run(scenario()) == Appended(1, 0)
