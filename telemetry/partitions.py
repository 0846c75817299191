"""The days of the log and of its payloads. There is no DEFAULT partition: it would have to be emptied to add a day."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.db import connection, transaction

from telemetry import locks

DAYS_AHEAD = 7


@dataclass(frozen=True, slots=True)
class Parent:
    """A table that is partitioned by the day: the column, and how a day's bounds are written for it."""

    table: str
    column: str
    bound: str  # a format of a date

    def of(self, day: date) -> str:
        return f"{self.table}_{day:%Y%m%d}"


LOG = Parent("inference_log", "received_at", "{}T00:00:00Z")
PAYLOAD = Parent("payload", "day", "{}")
SPAN = Parent("span", "received_at", "{}T00:00:00Z")
PARENTS = (LOG, PAYLOAD, SPAN)  # the log is the first: where it has a day, all have it

# The day is built as a plain table and attached: attaching takes a lock that neither readers nor writers wait for.
CREATE = """
CREATE TABLE "{child}" (LIKE "{table}" INCLUDING ALL,
    CONSTRAINT "{child}_day" CHECK ("{column}" >= '{start}' AND "{column}" < '{end}'));
ALTER TABLE "{table}" ATTACH PARTITION "{child}" FOR VALUES FROM ('{start}') TO ('{end}');
"""

# Read as a table: to_regclass answers from a cache that doesn't notice what another transaction made while we waited.
ATTACHED = """
SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'inference_log'::regclass AND relname = ANY(%s)
"""


def ensure(today: date, days: int = DAYS_AHEAD) -> list[date]:
    """Make the missing partitions from today on; returns the days that were made."""
    return ensure_days({today + timedelta(days=ahead) for ahead in range(days + 1)})


def ensure_days(days: set[date]) -> list[date]:
    """Make the missing ones of these days. Safe in any number of workers at once, and inside a transaction."""
    missing = sorted(days - _existing(days))
    if not missing:
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        locks.hold(cursor, locks.PARTITIONS)
        missing = sorted(days - _existing(days))
        for day in missing:
            for parent in PARENTS:
                cursor.execute(creation(parent, day))
    return missing


def creation(parent: Parent, day: date) -> str:
    """The statements that make a day. Names and bounds are made of our own words and dates alone."""
    start, end = (parent.bound.format(bound) for bound in (day, day + timedelta(days=1)))
    return CREATE.format(child=parent.of(day), table=parent.table, column=parent.column, start=start, end=end)


def _existing(days: set[date]) -> set[date]:
    names = {LOG.of(day): day for day in days}
    with connection.cursor() as cursor:
        cursor.execute(ATTACHED, [list(names)])
        return {names[name] for (name,) in cursor.fetchall()}
