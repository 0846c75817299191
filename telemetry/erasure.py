"""Deleting calls for good: the row, its key, its events still waiting, and what was said unless another call said it too."""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from django.db import connection, transaction

from telemetry import locks, payloads, tallies
from telemetry.models import InferenceLog

DELETE_LOGS = """
WITH gone AS (
    DELETE FROM inference_log USING unnest(%s::uuid[], %s::timestamptz[], %s::uuid[]) AS called (workspace_id, received_at, id)
    WHERE inference_log.workspace_id = called.workspace_id AND inference_log.received_at = called.received_at
        AND inference_log.id = called.id
    RETURNING phases
)
SELECT count(*), coalesce(sum((phases & 1) + (phases >> 1 & 1)), 0) FROM gone
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
        cursor.execute(DELETE_LOGS, [workspaces, [call.received_at for call in erased], ids])
        row_count, event_count = cursor.fetchone()
        waiting_count = 0
        for table in ("telemetry_inbox", "telemetry_dead_letter"):
            cursor.execute(DELETE_WAITING.format(table=table), [workspaces, ids])
            waiting_count += cursor.rowcount
        cursor.execute(DELETE_WAITING.format(table="inference_key"), [workspaces, ids])
        days: set[tuple[date, UUID]] = {(call.day, call.workspace_id) for call in erased}
        for day, workspace_id in sorted(days):
            payloads.sweep(day, workspace_id)
        tallies.add(cursor, "erased", erased=int(event_count), rejected=waiting_count)
    return int(row_count)
