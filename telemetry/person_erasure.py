"""Everything that telemetry knows of one person, deleted: calls, steps, what waits, and their name on sums that stay.

Each step is a transaction that counts what it deletes, and deletes nothing twice: a run that died is simply run again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Q

from telemetry import datasets, erasure, locks, partitions, payloads, product_events, scores, spool, tallies
from telemetry.models import Case, InferenceLog, ProductEvent, Score, Span, UsageDay, UsageHour
from telemetry.receipts import Counts
from telemetry.rollup_sums import NIL, SUMS, USAGE

BATCH = 1000
WAITING = ("telemetry_inbox", "telemetry_dead_letter")

# Bodies are JSON without spaces, and a quote inside a text is escaped: this finds fields, never words that were said.
OF_PERSON = """
(EXISTS (SELECT FROM unnest(%(everywhere)s::text[]) AS needle WHERE strpos(body, needle) > 0)
    OR workspace_id = %(workspace)s AND EXISTS (SELECT FROM unnest(%(here)s::text[]) AS needle WHERE strpos(body, needle) > 0))
"""
COUNT_WAITING = "SELECT count(*) FROM {table} WHERE {condition}"
ERASE_WAITING = "DELETE FROM {table} WHERE {condition}"
COUNT_NAMED = "SELECT count(*) FROM {table} WHERE user_id = %s"
ERASE_KEYS = """
DELETE FROM inference_key USING unnest(%s::uuid[], %s::uuid[]) AS gone (workspace_id, id)
WHERE inference_key.workspace_id = gone.workspace_id AND inference_key.inference_id = gone.id
"""
# What was used stays counted, by nobody.
UNNAME = """
WITH gone AS (DELETE FROM {table} WHERE user_id = %(user)s RETURNING *)
INSERT INTO {table} ({columns})
SELECT workspace_id, bucket_at, '{nil}', '{nil}', model, {summed} FROM gone GROUP BY workspace_id, bucket_at, model
ON CONFLICT (workspace_id, bucket_at, user_id, api_key_id, model) DO UPDATE SET {added}
"""

Note = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose records: a user's, and those under labels that the callers of one workspace gave to a person of theirs."""

    user_id: UUID | None = None
    end_users: tuple[str, ...] = ()
    workspace_id: UUID | None = None

    def __post_init__(self) -> None:
        if bool(self.end_users) != bool(self.workspace_id):
            raise ValueError("A label names a person in one workspace: both are needed.")

    @property
    def rows(self) -> Q:
        mine = Q(user_id=self.user_id) if self.user_id else Q(pk__in=[])
        return mine | Q(workspace_id=self.workspace_id, end_user__in=self.end_users) if self.end_users else mine

    @property
    def needles(self) -> dict[str, Any]:
        labels = [f'"end_user":{orjson.dumps(label).decode()}' for label in self.end_users]
        return {
            "everywhere": [f'"user_id":"{self.user_id}"'] if self.user_id else [],
            "here": labels,
            "workspace": self.workspace_id,
        }


def erase_user(subject: Subject, note: Note) -> None:
    """Delete it all; `note` (kind, count) is called in each step's transaction. What is running meanwhile a second run finds."""
    spool.replay()
    _erase_waiting(subject, note)
    for day in partitions.attached_days(partitions.LOG):
        start = datetime.combine(day, time(), UTC)
        during = subject.rows & Q(received_at__gte=start, received_at__lt=start + timedelta(days=1))
        while _erase_calls(during, note):
            pass
        while _erase_steps(during, note):
            pass
    with transaction.atomic():
        note("test cases", datasets.forget(subject.rows))
    if subject.user_id:
        _erase_scores(subject.user_id, note)
        _unname(subject.user_id, note)


def counts(subject: Subject) -> Counts:
    """What `erase_user` would delete."""
    found = {"calls": InferenceLog.objects.filter(subject.rows).count(), "steps": Span.objects.filter(subject.rows).count()}
    with connection.cursor() as cursor:
        found["waiting events"] = 0
        for table in WAITING:
            cursor.execute(COUNT_WAITING.format(table=table, condition=OF_PERSON), subject.needles)
            found["waiting events"] += int(cursor.fetchone()[0])
    found["test cases"] = Case.objects.filter(subject.rows).count()
    if subject.user_id:
        found["sums without a name"] = sum(
            table.objects.filter(user_id=subject.user_id).count() for table in (UsageHour, UsageDay)
        )
        found["scores"] = Score.objects.filter(user_id=subject.user_id).count()
        found["product events without a name"] = ProductEvent.objects.filter(user_id=subject.user_id).count()
    return {kind: count for kind, count in found.items() if count}


def _erase_waiting(subject: Subject, note: Note) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        locks.hold(cursor, locks.ERASURE)
        count = 0
        for table in WAITING:
            cursor.execute(ERASE_WAITING.format(table=table, condition=OF_PERSON), subject.needles)
            count += cursor.rowcount
        tallies.add(cursor, "erased", rejected=count)
        note("waiting events", count)


def _erase_calls(during: Q, note: Note) -> int:
    with transaction.atomic():
        count = erasure.erase_calls(InferenceLog.objects.filter(during).order_by("received_at", "id")[:BATCH])
        note("calls", count)
    return count


def _erase_steps(during: Q, note: Note) -> int:
    """Steps whose calls are others', or unknown."""
    with transaction.atomic(), connection.cursor() as cursor:
        locks.hold(cursor, locks.ERASURE)
        steps = list(Span.objects.filter(during).order_by("received_at", "id")[:BATCH])
        Span.objects.filter(during, id__in=[step.id for step in steps]).delete()
        cursor.execute(ERASE_KEYS, [[step.workspace_id for step in steps], [step.id for step in steps]])
        for day, workspace_id in sorted({(step.day, step.workspace_id) for step in steps}):
            payloads.sweep(day, workspace_id)
        tallies.add(cursor, "erased", erased=len(steps))
        note("steps", len(steps))
    return len(steps)


def _erase_scores(user_id: UUID, note: Note) -> None:
    with transaction.atomic():
        note("scores", scores.forget_user(user_id))


def _unname(user_id: UUID, note: Note) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        locks.hold(cursor, locks.ROLLUPS)
        note("sums without a name", sum(_unname_sums(table, user_id, cursor) for table in USAGE.tables.values()))
        note("product events without a name", product_events.forget_user(user_id))


def _unname_sums(table: str, user_id: UUID, cursor: CursorWrapper) -> int:
    summed = ", ".join(f"sum({name})" for name in SUMS)
    added = ", ".join(f"{name} = {table}.{name} + EXCLUDED.{name}" for name in SUMS)
    cursor.execute(COUNT_NAMED.format(table=table), [user_id])
    count = int(cursor.fetchone()[0])
    cursor.execute(UNNAME.format(table=table, columns=USAGE.columns, nil=NIL, summed=summed, added=added), {"user": user_id})
    return count
