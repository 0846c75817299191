"""How fast events become log rows: appended in batches of 100, then digested by one worker and by two.

Each call makes a started and a finished event of about 1 KB together with its messages. Real PostgreSQL, fsync on.
`python -m bench.digest [--calls 5000]`
"""

import argparse
import random
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

if TYPE_CHECKING:
    from telemetry.events import Event

BATCH = 100
WORDS = ("tide", "moon", "water", "shore", "bay", "harbour", "sand", "wind", "current", "wave", "ebb", "flow", "neap", "spring")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=5000)
    calls: int = parser.parse_args().calls
    from bench.stack import servers

    with servers():
        measure(calls, workers=1)
        measure(calls, workers=2)


def measure(calls: int, *, workers: int) -> None:
    """Print one line; Django is set up by now."""
    from django.db import connection, transaction

    from telemetry import inbox, tallies

    before = tallies.balance()
    began = time.perf_counter()
    events = make_events(calls)
    built = time.perf_counter()
    for start in range(0, len(events), BATCH):
        with transaction.atomic(), connection.cursor() as cursor:
            inbox.append(events[start : start + BATCH], cursor)
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
