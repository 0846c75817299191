"""Taking whole days out of the partitioned tables: detached while others read and write, then dropped.

Each step can be the last that a dying process takes: the next run finds the tables by their names and goes on. Not to be called
inside a transaction, because DETACH CONCURRENTLY is two of them.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from telemetry import locks
from telemetry.partitions import LOG, PARENTS, Parent

LOCK_TIMEOUT = "5s"

# A day's tables by name, whether they are attached, half detached or left behind.
STATES = """
SELECT child.relname, inhparent IS NOT NULL, coalesce(inhdetachpending, false)
FROM pg_class AS child LEFT JOIN pg_inherits ON inhrelid = child.oid
WHERE child.relkind = 'r' AND child.relname = ANY(%s)
"""
NAMES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ %s"

DETACH = 'ALTER TABLE "{table}" DETACH PARTITION "{child}" CONCURRENTLY'
FINALIZE = 'ALTER TABLE "{table}" DETACH PARTITION "{child}" FINALIZE'
DROP = 'DROP TABLE IF EXISTS "{child}"'


def existing_days(parents: Sequence[Parent] = PARENTS) -> list[date]:
    """The days that any of these tables has, attached or left behind, in order."""
    pattern = f"^({'|'.join(parent.table for parent in parents)})_[0-9]{{8}}$"
    with connection.cursor() as cursor:
        cursor.execute(NAMES, [pattern])
        days = {datetime.strptime(name[-8:], "%Y%m%d").replace(tzinfo=UTC).date() for (name,) in cursor.fetchall()}
    return sorted(days)


def drop_day(
    day: date, *, parents: Sequence[Parent] = PARENTS, count: Callable[[CursorWrapper, frozenset[str]], None] | None = None
) -> bool:
    """Drop a day of these tables; says whether there was anything. `count` sees the detached tables, in the drop's transaction.

    The log goes first: an event that still comes for the day then finds no day, and waits for the lock to make a new one.
    OperationalError when a lock can't be had in time; what is done by then stays done.
    """
    with connection.cursor() as cursor, _alone(cursor):
        for parent in sorted(parents, key=lambda parent: parent is not LOG):
            _detach(parent, day, cursor)
        names = [parent.of(day) for parent in parents]
        with transaction.atomic():
            cursor.execute(STATES, [names])
            left = frozenset(name for name, _, _ in cursor.fetchall())
            if count:
                count(cursor, left)
            for name in sorted(left):
                cursor.execute(DROP.format(child=name))
    return bool(left)


def _detach(parent: Parent, day: date, cursor: CursorWrapper) -> None:
    cursor.execute(STATES, [[parent.of(day)]])
    for child, is_attached, is_pending in cursor.fetchall():
        if is_attached:
            cursor.execute((FINALIZE if is_pending else DETACH).format(table=parent.table, child=child))


@contextmanager
def _alone(cursor: CursorWrapper) -> Iterator[None]:
    """While a day leaves, nobody makes one. The lock is the session's: there are several transactions to hold it over."""
    with locks.held_by_session(cursor, locks.PARTITIONS):
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [LOCK_TIMEOUT])
        try:
            yield
        finally:
            if connection.is_usable():
                cursor.execute("RESET lock_timeout")
