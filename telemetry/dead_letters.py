"""Events that were put aside after their last attempt: tried again, or given up."""

from collections.abc import Sequence

from django.db import connection, transaction
from django.db.models import Max

from telemetry import tallies, wakeups
from telemetry.models import DeadLetter

# An event that was sent again meanwhile waits already: then this one is a duplicate.
RETRY = """
WITH gone AS (DELETE FROM telemetry_dead_letter WHERE id = ANY(%s) RETURNING *), back AS (
    INSERT INTO telemetry_inbox (workspace_id, inference_id, event_id, body, received_at)
    SELECT workspace_id, inference_id, event_id, body, received_at FROM gone ORDER BY workspace_id, event_id
    ON CONFLICT (workspace_id, event_id) DO NOTHING RETURNING 1
)
SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM back)
"""


def retry(ids: Sequence[int]) -> int:
    """Put dead letters back into the inbox, their attempts forgotten; returns how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(RETRY, [list(ids)])
        gone, back = cursor.fetchone()
        if gone > back:
            tallies.add(cursor, duplicate=gone - back)
        transaction.on_commit(wakeups.wake)
    return int(back)


def retry_all(limit: int = 1000) -> int:
    """Put all dead letters of this moment back, some at a time; returns how many."""
    retried, last = 0, 0
    newest = DeadLetter.objects.aggregate(newest=Max("id"))["newest"] or 0
    while ids := list(DeadLetter.objects.filter(id__gt=last, id__lte=newest).order_by("id").values_list("id", flat=True)[:limit]):
        retried += retry(ids)
        last = ids[-1]
    return retried


def discard(ids: Sequence[int]) -> int:
    """Delete dead letters for good; the accounts call them rejected."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM telemetry_dead_letter WHERE id = ANY(%s)", [list(ids)])
        discarded = int(cursor.rowcount)
        tallies.add(cursor, "discarded", rejected=discarded)
    return discarded
