"""How fast events become log rows: appended in batches of 100, then digested by one worker and by two.

Each call makes a started and a finished event of about 1 KB together with its messages: side by side in the inbox, or, `apart`,
the finished ones once all started ones are digested. A backlog is appended as a whole and drained with an eye on the memory.
Real PostgreSQL, fsync on.
`python -m bench.digest [--calls 5000] [--backlog 1000000]`
"""

import argparse
import random
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

if TYPE_CHECKING:
    from telemetry.events import Event

BATCH = 100
COPIES = """
INSERT INTO telemetry_inbox (workspace_id, inference_id, event_id, body)
SELECT workspace_id, fresh, replace(event_id, inference_id::text, fresh::text), replace(body, inference_id::text, fresh::text)
FROM telemetry_inbox AS event CROSS JOIN generate_series(1, %s) AS copy
CROSS JOIN LATERAL (SELECT md5(event.inference_id::text || copy)::uuid AS fresh) AS named ORDER BY copy, id
"""
RECEIVED = "INSERT INTO telemetry_tally (day, received_count) VALUES (statement_timestamp()::date, %s)"
WORDS = ("tide", "moon", "water", "shore", "bay", "harbour", "sand", "wind", "current", "wave", "ebb", "flow", "neap", "spring")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--backlog", type=int, default=0, help="events of a backlog to drain at the end")
    given = parser.parse_args()
    from bench.stack import servers

    with servers():
        from telemetry import digest

        digest.spare_memory()
        measure(given.calls, workers=1)
        measure(given.calls, workers=2)
        measure_apart(given.calls)
        if given.backlog:
            drain_backlog(given.backlog)


def measure(calls: int, *, workers: int) -> None:
    """Print one line; Django is set up by now."""
    from telemetry import tallies

    before = tallies.balance()
    began = time.perf_counter()
    events = make_events(calls)
    built = time.perf_counter()
    append(events)
    appended = time.perf_counter()
    threads = [threading.Thread(target=_work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    drained = time.perf_counter()
    after = tallies.balance()
    size = sum(len(event.body) for event in events) // len(events)
    print(
        f"{len(events)} events of {size} B: built {len(events) / (built - began):,.0f}/s, "
        f"appended {len(events) / (appended - built):,.0f}/s, digested by {workers} {len(events) / (drained - appended):,.0f}/s, "
        f"stored {after.stored - before.stored}, lost {after.missing}, waiting {after.pending}"
    )


def append(events: "Sequence[Event]") -> None:
    from django.db import connection, transaction

    from telemetry import inbox

    for start in range(0, len(events), BATCH):
        with transaction.atomic(), connection.cursor() as cursor:
            inbox.append(events[start : start + BATCH], cursor)


def measure_apart(calls: int) -> None:
    """One worker; the second half finds its rows stored."""
    events = make_events(calls)
    rates = []
    for half in (events[0::2], events[1::2]):
        append(half)
        began = time.perf_counter()
        _work()
        rates.append(len(half) / (time.perf_counter() - began))
    print(f"apart: started {rates[0]:,.0f}/s, finished {rates[1]:,.0f}/s")


def drain_backlog(count: int) -> None:
    """The backlog is copies of some events under other ids, made by PostgreSQL; a line a tenth."""
    import psutil
    from django.db import connection

    from telemetry import digest, tallies

    append(make_events(500))
    with connection.cursor() as cursor:
        cursor.execute(COPIES, [count // 1000 - 1])
        cursor.execute(RECEIVED, [1000 * (count // 1000 - 1)])
        cursor.execute("VACUUM ANALYZE telemetry_inbox")
    ours, began, drained = psutil.Process(), time.perf_counter(), digest.Drained()
    marks = iter(range(0, count, max(1, count // 10)))
    mark = next(marks)
    while (batch := digest.drain_batch()).taken:
        drained += batch
        if drained.taken >= mark:
            mark = next(marks, count)
            seconds = time.perf_counter() - began
            memory = ours.memory_info().rss / 2**20
            print(f"{drained.taken:9} drained, {drained.taken / seconds:6,.0f}/s, {memory:.0f} MB", flush=True)
    print(f"stored {drained.stored}, failed {drained.failed}, dead {drained.dead}, missing {tallies.balance().missing}")


def _work() -> None:
    from django.db import connection

    from telemetry.digest import drain

    drain(seconds=120)
    connection.close()


def make_events(calls: int) -> list["Event"]:
    """Both events of each call, in the order in which they would come."""
    from uuid_utils.compat import uuid7

    from telemetry import events

    dice = random.Random(7)
    workspace, now = uuid4(), datetime.now(UTC)
    made = []
    for _ in range(calls):
        inference: UUID = uuid7()
        said = {"role": "user", "content": " ".join(dice.choices(WORDS, k=120))}
        made.append(
            events.started(
                inference_id=inference,
                workspace_id=workspace,
                source="gateway",
                provider="openai",
                model="gpt-4o-mini",
                started_at=now,
                messages=[{"role": "system", "content": "Answer briefly."}, said],
            )
        )
        made.append(
            events.finished(
                inference_id=inference,
                workspace_id=workspace,
                status="success",
                first_token_at=now + timedelta(milliseconds=dice.randrange(100, 900)),
                ended_at=now + timedelta(milliseconds=dice.randrange(1000, 9000)),
                input_tokens=130,
                output_tokens=120,
                reply=" ".join(dice.choices(WORDS, k=120)),
            )
        )
    return made


if __name__ == "__main__":
    main()
