"""The days of the log and of its payloads. There is no DEFAULT partition: it would have to be emptied to add a day."""

from datetime import date, timedelta

from django.db import connection, transaction

from telemetry import locks

DAYS_AHEAD = 7

# The day is built as a plain table and attached: attaching takes a lock that neither readers nor writers wait for.
CREATE = """
CREATE TABLE "{log}" (LIKE inference_log INCLUDING ALL,
    CONSTRAINT "{log}_day" CHECK (received_at >= '{day}T00:00:00Z' AND received_at < '{next}T00:00:00Z'));
ALTER TABLE inference_log ATTACH PARTITION "{log}" FOR VALUES FROM ('{day}T00:00:00Z') TO ('{next}T00:00:00Z');
CREATE TABLE "{payload}" (LIKE payload INCLUDING ALL,
    CONSTRAINT "{payload}_day" CHECK (day >= '{day}' AND day < '{next}'));
ALTER TABLE payload ATTACH PARTITION "{payload}" FOR VALUES FROM ('{day}') TO ('{next}');
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
            # Names and bounds are made of dates alone.
            cursor.execute(CREATE.format(log=log_table(day), payload=payload_table(day), day=day, next=day + timedelta(days=1)))
    return missing


def log_table(day: date) -> str:
    return f"inference_log_{day:%Y%m%d}"


def payload_table(day: date) -> str:
    return f"payload_{day:%Y%m%d}"


def _existing(days: set[date]) -> set[date]:
    names = {log_table(day): day for day in days}
    with connection.cursor() as cursor:
        cursor.execute(ATTACHED, [list(names)])
        return {names[name] for (name,) in cursor.fetchall()}
