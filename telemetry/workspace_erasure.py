"""Everything that telemetry keeps of a workspace, deleted: calls and steps day by day, sums, what waits.

Each step is a transaction of its own; a run that dies or is out of time is simply run again.
"""

import time
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from telemetry import locks, partitions, retention, spool, tallies

WAITING = ("telemetry_inbox", "telemetry_dead_letter")
SUMS = ("rollup_mark", "rollup_minute", "rollup_hour", "rollup_day", "usage_hour", "usage_day")
REST = (
    *("inference_key", "product_event", "search_entry", "telemetry_score", "telemetry_repricing"),
    *("telemetry_unlinked", "telemetry_sealed_day"),
)


def erase(workspace_id: UUID, now: datetime, *, deadline: float) -> bool:
    """Delete it; False when the time (of the monotonic clock) was over before the end."""
    spool.replay()
    _erase_waiting(workspace_id)
    for day in partitions.attached_days(partitions.LOG):
        if time.monotonic() > deadline:
            return False
        retention.empty_day(workspace_id, day, now)
    _erase_sums(workspace_id)
    _erase_rest(workspace_id)
    return True


def call_count(workspace_id: UUID, *, most: int) -> int:
    """How many calls are logged, counted up to `most`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT FROM inference_log WHERE workspace_id = %s LIMIT %s) AS counted", [workspace_id, most]
        )
        return int(cursor.fetchone()[0])


def _erase_waiting(workspace_id: UUID) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        locks.hold(cursor, locks.ERASURE)
        count = 0
        for table in WAITING:
            cursor.execute(f"DELETE FROM {table} WHERE workspace_id = %s", [workspace_id])  # noqa: S608 - names of our own
            count += cursor.rowcount
        tallies.add(cursor, "erased", rejected=count)


def _erase_sums(workspace_id: UUID) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        locks.hold(cursor, locks.ROLLUPS)
        for table in SUMS:
            cursor.execute(f"DELETE FROM {table} WHERE workspace_id = %s", [workspace_id])  # noqa: S608


def _erase_rest(workspace_id: UUID) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for table in REST:
            cursor.execute(f"DELETE FROM {table} WHERE workspace_id = %s", [workspace_id])  # noqa: S608
