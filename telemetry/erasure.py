"""Deleting calls for good: the row, its steps, their keys, events still waiting, and what only they said."""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from django.db import connection, transaction

from telemetry import locks, payloads, raw_payloads, rollups, scores, search, tallies
from telemetry.models import CostVersion, InferenceLog

DELETE_LOGS = """
WITH gone AS (
    DELETE FROM inference_log USING unnest(%s::uuid[], %s::timestamptz[], %s::uuid[]) AS called (workspace_id, received_at, id)
    WHERE inference_log.workspace_id = called.workspace_id AND inference_log.received_at = called.received_at
        AND inference_log.id = called.id
    RETURNING phases
)
SELECT count(*), coalesce(sum((phases & 1) + (phases >> 1 & 1)), 0) FROM gone
"""
# A step may have come under the identity of its call: they have one key between them.
DELETE_SPANS = """
WITH called AS (
    SELECT * FROM unnest(%s::uuid[], %s::timestamptz[], %s::uuid[]) AS called (workspace_id, received_at, id)
), meant AS (
    SELECT span.workspace_id, span.received_at, span.id FROM called
    JOIN span ON span.inference_id = called.id AND span.workspace_id = called.workspace_id
    UNION SELECT workspace_id, received_at, id FROM called JOIN span USING (workspace_id, received_at, id)
), gone AS (
    DELETE FROM span USING meant
    WHERE span.workspace_id = meant.workspace_id AND span.received_at = meant.received_at AND span.id = meant.id
    RETURNING span.workspace_id, span.received_at, span.id
), forgotten AS (
    DELETE FROM inference_key AS key USING gone WHERE key.workspace_id = gone.workspace_id AND key.inference_id = gone.id
)
SELECT (received_at AT TIME ZONE 'UTC')::date, workspace_id, count(*) FROM gone GROUP BY 1, 2
"""
# What waits is known by its own identity; a step's call is told in its body.
DELETE_WAITING_SPANS = """
DELETE FROM {table} USING unnest(%s::uuid[], %s::uuid[]) AS called (workspace_id, inference_id)
WHERE {table}.workspace_id = called.workspace_id AND {table}.event_id LIKE '%%:span'
    AND substring({table}.body FROM '"inference_id":"([0-9a-f-]{{36}})"') = called.inference_id::text
"""
DELETE_WAITING = """
DELETE FROM {table} USING unnest(%s::uuid[], %s::uuid[]) AS called (workspace_id, inference_id)
WHERE {table}.workspace_id = called.workspace_id AND {table}.inference_id = called.inference_id
"""


def erase_calls(calls: Iterable[InferenceLog]) -> int:
    """Delete these calls; returns how many rows there were."""
    erased = list(calls)
    if not erased:
        return 0
    workspaces, ids = [call.workspace_id for call in erased], [call.id for call in erased]
    with transaction.atomic(), connection.cursor() as cursor:
        locks.hold(cursor, locks.ERASURE)
        raw_payloads.erase(erased)
        received = [call.received_at for call in erased]
        cursor.execute(DELETE_LOGS, [workspaces, received, ids])
        row_count, event_count = cursor.fetchone()
        rollups.touch(cursor, ((call.workspace_id, call.received_at) for call in erased))
        scores.forget_calls(cursor, workspaces, ids)
        search.forget(cursor, [(call.workspace_id, call.received_at, call.id) for call in erased])
        CostVersion.objects.filter(id__in=ids, workspace_id__in=workspaces, received_at__in=received).delete()
        cursor.execute(DELETE_SPANS, [workspaces, received, ids])
        steps = cursor.fetchall()
        waiting_count = 0
        for table in ("telemetry_inbox", "telemetry_dead_letter"):
            for query in (DELETE_WAITING, DELETE_WAITING_SPANS):
                cursor.execute(query.format(table=table), [workspaces, ids])
                waiting_count += cursor.rowcount
        cursor.execute(DELETE_WAITING.format(table="inference_key"), [workspaces, ids])
        days: set[tuple[date, UUID]] = {(call.day, call.workspace_id) for call in erased} | {step[:2] for step in steps}
        for day, workspace_id in sorted(days):
            payloads.sweep(day, workspace_id)
        tallies.add(cursor, "erased", erased=int(event_count) + sum(step[2] for step in steps), rejected=waiting_count)
    return int(row_count)
