"""The days of the log and of its payloads. There is no DEFAULT partition: it would have to be emptied to add a day."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

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
SEARCH = Parent("search_entry", "received_at", "{}T00:00:00Z")
MINUTES = Parent("rollup_minute", "bucket_at", "{}T00:00:00Z")
COST_VERSION = Parent("cost_version", "received_at", "{}T00:00:00Z")
PARENTS = (LOG, PAYLOAD, SPAN, SEARCH, MINUTES, COST_VERSION)

# The day is built as a plain table and attached: attaching takes a lock that neither readers nor writers wait for.
CREATE = """
CREATE TABLE "{child}" (LIKE "{table}" INCLUDING ALL,
    CONSTRAINT "{child}_day" CHECK ("{column}" >= '{start}' AND "{column}" < '{end}'));
ALTER TABLE "{table}" ATTACH PARTITION "{child}" FOR VALUES FROM ('{start}') TO ('{end}');
"""

# Read as a table: to_regclass answers from a cache that doesn't notice what another transaction made while we waited.
ATTACHED = "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE relname = ANY(%s)"

DAYS = """
SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = %s::regclass AND NOT inhdetachpending ORDER BY relname
"""


def ensure(today: date, days: int = DAYS_AHEAD) -> list[date]:
    """Make the missing partitions from today on; returns the days that were made."""
    return ensure_days({today + timedelta(days=ahead) for ahead in range(days + 1)})


def ensure_days(days: set[date]) -> list[date]:
    """Make the missing ones of these days. Safe in any number of workers at once, and inside a transaction."""
    if not _missing(days):
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        locks.hold(cursor, locks.PARTITIONS)
        missing = _missing(days)
        for day, parent in missing:
            cursor.execute(creation(parent, day))
    return sorted({day for day, _ in missing})


def creation(parent: Parent, day: date) -> str:
    """The statements that make a day. Names and bounds are made of our own words and dates alone."""
    start, end = (parent.bound.format(bound) for bound in (day, day + timedelta(days=1)))
    return CREATE.format(child=parent.of(day), table=parent.table, column=parent.column, start=start, end=end)


def attached_days(parent: Parent) -> list[date]:
    """The days that a table has, in order."""
    with connection.cursor() as cursor:
        cursor.execute(DAYS, [parent.table])
        return [datetime.strptime(name[-8:], "%Y%m%d").replace(tzinfo=UTC).date() for (name,) in cursor.fetchall()]


def _missing(days: set[date]) -> list[tuple[date, Parent]]:
    """Each table is asked for: one that a release adds has none of the days that the others have."""
    wanted = {parent.of(day): (day, parent) for day in sorted(days) for parent in PARENTS}
    with connection.cursor() as cursor:
        cursor.execute(ATTACHED, [list(wanted)])
        attached = {name for (name,) in cursor.fetchall()}
    return [pair for name, pair in wanted.items() if name not in attached]
