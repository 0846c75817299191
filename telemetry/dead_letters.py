"""Events that were put aside after their last attempt: tried again, or given up."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max, QuerySet

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


def chosen(
    *, workspace_id: UUID | None = None, since: datetime | None = None, until: datetime | None = None, error: str = ""
) -> QuerySet[DeadLetter]:
    """The dead letters of a workspace, that died in a period (its end not included), with these words in their error."""
    asked = {"workspace_id": workspace_id, "died_at__gte": since, "died_at__lt": until, "error__icontains": error}
    return DeadLetter.objects.filter(**{name: value for name, value in asked.items() if value})


def retry_all(letters: QuerySet[DeadLetter] | None = None, limit: int = 1000) -> int:
    """Put these dead letters, or all of this moment, back, some at a time; returns how many."""
    retried, last = 0, 0
    letters = DeadLetter.objects.all() if letters is None else letters
    newest = letters.aggregate(newest=Max("id"))["newest"] or 0
    while ids := list(letters.filter(id__gt=last, id__lte=newest).order_by("id").values_list("id", flat=True)[:limit]):
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
