"""Where events wait for the digest. One statement appends them; what it does not store it says is a duplicate."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection
from django.db.backends.utils import CursorWrapper

from telemetry import tracing
from telemetry.events import Event

# Sorted, so that two transactions with the same events wait for each other instead of deadlocking.
# One JSON document instead of an array for each column: half the time, and a fifth of our own CPU.
APPEND = """
WITH given AS (
    SELECT * FROM json_to_recordset(%s::json)
        AS event (workspace_id uuid, inference_id uuid, event_id text, body text, received_at timestamptz)
), kept AS (
    INSERT INTO telemetry_inbox (workspace_id, inference_id, event_id, body, received_at)
    SELECT workspace_id, inference_id, event_id, body, coalesce(received_at, statement_timestamp())
    FROM given ORDER BY workspace_id, event_id
    ON CONFLICT (workspace_id, event_id) DO NOTHING
    RETURNING 1
), counted AS (
    INSERT INTO telemetry_tally (day, received_count, duplicate_count)
    SELECT (statement_timestamp() AT TIME ZONE 'UTC')::date,
        (SELECT count(*) FROM given), (SELECT count(*) FROM given) - (SELECT count(*) FROM kept)
    RETURNING received_count - duplicate_count AS stored, duplicate_count
)
SELECT stored, duplicate_count FROM counted
"""

# The group commit's: besides, it counts what was rejected and what came twice in it, and says which events were known.
FLUSH = """
WITH given AS (
    SELECT * FROM ROWS FROM (json_to_recordset(%(events)s::json)
        AS (workspace_id uuid, inference_id uuid, event_id text, body text, received_at timestamptz)) WITH ORDINALITY
        AS event (workspace_id, inference_id, event_id, body, received_at, position)
), kept AS (
    INSERT INTO telemetry_inbox (workspace_id, inference_id, event_id, body, received_at)
    SELECT workspace_id, inference_id, event_id, body, coalesce(received_at, statement_timestamp())
    FROM given ORDER BY workspace_id, event_id
    ON CONFLICT (workspace_id, event_id) DO NOTHING
    RETURNING workspace_id, event_id
), sums AS (SELECT (SELECT count(*) FROM given) AS given_count, (SELECT count(*) FROM kept) AS kept_count
), counted AS (
    INSERT INTO telemetry_tally (day, reason, received_count, duplicate_count, rejected_count)
    SELECT (statement_timestamp() AT TIME ZONE 'UTC')::date, reason, received_count, duplicate_count, rejected_count FROM (
        SELECT '', given_count + %(repeated)s, given_count - kept_count + %(repeated)s, 0 FROM sums WHERE given_count > 0
        UNION ALL
        SELECT reason, rejected_count, 0, rejected_count
        FROM json_to_recordset(%(rejected)s::json) AS rejected (reason text, rejected_count bigint)
    ) AS fates (reason, received_count, duplicate_count, rejected_count)
)
SELECT CASE WHEN kept_count < given_count THEN (
    SELECT array_agg(position) FROM given WHERE (workspace_id, event_id) NOT IN (SELECT workspace_id, event_id FROM kept)
) END FROM sums
"""

# Ids have gaps, so their range is only looked at to save the counting; the counting ends at the limit.
DEPTH = """
SELECT CASE WHEN max(id) - min(id) < %(limit)s THEN 0
    ELSE (SELECT count(*) FROM (SELECT FROM telemetry_inbox LIMIT %(limit)s + 1) AS waiting) END
FROM telemetry_inbox
"""

# By the time of its coming, which is not `received_at`: an import brings that along.
OLDEST = """
SELECT extract(epoch FROM statement_timestamp() - available_at) FROM telemetry_inbox
WHERE available_at <= statement_timestamp() ORDER BY id LIMIT 1
"""
LATE_SECONDS = 15  # beat has the inbox drained every 5 s

COLUMNS = ("workspace_id", "inference_id", "event_id", "body", "received_at")


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of the events: both counts are safe to acknowledge. `refused`: the places of those that can't be stored."""

    stored: int
    duplicate: int
    refused: tuple[int, ...] = ()


def append(events: Sequence[Event], cursor: CursorWrapper) -> Appended:
    """Add events inside the caller's transaction. Ring `telemetry.wakeups.wake` once it has committed."""
    if not events:
        return Appended(0, 0)
    began = time.perf_counter()
    cursor.execute(APPEND, [parameter(events)])
    stored, duplicate = cursor.fetchone()
    tracing.tell_events("inbox", events, seconds=time.perf_counter() - began)
    return Appended(stored, duplicate)


def parameter(events: Sequence[Event]) -> str:
    """What APPEND takes."""
    return orjson.dumps([{name: getattr(event, name) for name in COLUMNS} for event in events]).decode()


def flush_parameters(events: Sequence[Event], rejected: Mapping[str, int], repeated: int) -> dict[str, Any]:
    """What FLUSH takes; `repeated` events came twice and are given once."""
    reasons = [{"reason": reason, "rejected_count": count} for reason, count in sorted(rejected.items())]
    return {"events": parameter(events), "rejected": orjson.dumps(reasons).decode(), "repeated": repeated}


def oldest_seconds() -> float:
    """For how long the first event that may be digested has been waiting; 0 when none does."""
    with connection.cursor() as cursor:
        cursor.execute(OLDEST)
        row = cursor.fetchone()
    return float(row[0]) if row else 0.0
