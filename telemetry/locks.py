"""Advisory locks that telemetry's transactions take; each is let go when its transaction ends."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.backends.utils import CursorWrapper

# Two numbers, so that they can't meet the locks of another app.
FAMILY = 0x6F6C76
PARTITIONS = 1  # one transaction makes partitions
ERASURE = 2  # digests share it, whoever erases or unlinks holds it alone: neither sees the other half done
TALLIES = 3  # one transaction folds tallies
ROLLUPS = 4  # one transaction builds rollups, or takes their rows away
PACKING = 6  # one transaction packs payloads
FEED = 5  # one transaction gives positions to the feed
FEED_FAMILY = 0x6F6C77  # with a consumer's name: one process consumes under it


def hold(cursor: CursorWrapper, lock: int) -> None:
    """Wait until the lock is ours alone."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [FAMILY, lock])


def share(cursor: CursorWrapper, lock: int) -> None:
    """Wait until nobody holds the lock alone."""
    cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [FAMILY, lock])


def try_hold(cursor: CursorWrapper, lock: int) -> bool:
    cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [FAMILY, lock])
    held: bool = cursor.fetchone()[0]
    return held


@contextmanager
def held_by_session(cursor: CursorWrapper, lock: int) -> Iterator[None]:
    """Hold the lock alone over several transactions; a connection that ends lets it go."""
    cursor.execute("SELECT pg_advisory_lock(%s, %s)", [FAMILY, lock])
    try:
        yield
    finally:
        if cursor.db.is_usable():
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [FAMILY, lock])
