"""The accounting of events: received = stored + duplicate + rejected + dead + pending.

Whoever decides an event's fate inserts a tally in the same transaction, so the counts hold after any crash. A row is inserted,
never updated, so that nobody waits for a hot row; `fold` sums them up by day. What is pending or dead is counted where it lies.
"""

from dataclasses import dataclass, field

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from telemetry import locks

FOLD_FROM = 500

ADD = """
INSERT INTO telemetry_tally (day, reason, received_count, duplicate_count, rejected_count, stored_count, erased_count)
VALUES ((statement_timestamp() AT TIME ZONE 'UTC')::date, %s, %s, %s, %s, %s, %s)
"""

FOLD = """
WITH gone AS (DELETE FROM telemetry_tally RETURNING *)
INSERT INTO telemetry_tally (day, reason, received_count, duplicate_count, rejected_count, stored_count, erased_count)
SELECT day, reason, sum(received_count), sum(duplicate_count), sum(rejected_count), sum(stored_count), sum(erased_count)
FROM gone GROUP BY day, reason
"""

# One statement, so one snapshot: counted one after the other, a busy inbox would never add up.
BALANCE = """
SELECT coalesce(sum(received_count), 0), coalesce(sum(stored_count), 0), coalesce(sum(duplicate_count), 0),
    coalesce(sum(erased_count), 0), (SELECT count(*) FROM telemetry_dead_letter), (SELECT count(*) FROM telemetry_inbox),
    (SELECT coalesce(json_object_agg(reason, rejected_count), '{}') FROM (
        SELECT reason, sum(rejected_count) AS rejected_count FROM telemetry_tally WHERE rejected_count > 0 GROUP BY reason
    ) AS by_reason)
FROM telemetry_tally
"""


@dataclass(frozen=True, slots=True)
class Balance:
    """The terms of the equation, all in events. `stored` counts what was stored once, deleted since or not."""

    received: int
    stored: int
    duplicate: int
    erased: int
    dead: int
    pending: int
    rejected: dict[str, int] = field(default_factory=dict)

    @property
    def missing(self) -> int:
        """Events received whose fate is not known. Anything but 0 is a bug."""
        return self.received - self.stored - self.duplicate - sum(self.rejected.values()) - self.dead - self.pending

    @property
    def equation(self) -> str:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.rejected.items()))
        rejected = f"{sum(self.rejected.values())} rejected" + (f" ({reasons})" if reasons else "")
        parts = f"{self.stored} stored + {self.duplicate} duplicate + {rejected} + {self.dead} dead + {self.pending} pending"
        return f"{self.received} received = {parts}" + (f", and {self.missing} missing" if self.missing else "")


def add(
    cursor: CursorWrapper,
    reason: str = "",
    *,
    received: int = 0,
    duplicate: int = 0,
    rejected: int = 0,
    stored: int = 0,
    erased: int = 0,
) -> None:
    """Count, in the caller's transaction."""
    cursor.execute(ADD, [reason, received, duplicate, rejected, stored, erased])


def balance() -> Balance:
    with connection.cursor() as cursor:
        cursor.execute(BALANCE)
        received, stored, duplicate, erased, dead, pending, rejected = cursor.fetchone()
    return Balance(int(received), int(stored), int(duplicate), int(erased), dead, pending, rejected)


def fold(threshold: int = FOLD_FROM) -> bool:
    """Sum the tallies up by day and reason, once there are many; says whether it did."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM telemetry_tally")
        if cursor.fetchone()[0] < threshold or not locks.try_hold(cursor, locks.TALLIES):
            return False
        cursor.execute(FOLD)
    return True
