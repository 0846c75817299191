"""Reading and writing whole log rows, as the digest and the sweep need them: locked, as JSON, many at once."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import IntegrityError
from django.db.backends.utils import CursorWrapper

from telemetry import arrays, payloads, rows
from telemetry.models import InferenceLog

KEY = ("workspace_id", "received_at", "id")
COLUMNS = tuple(str(field.column) for field in InferenceLog._meta.concrete_fields)
CHANGING = tuple(column for column in COLUMNS if column not in KEY)

# A subquery that locks is not flattened into a join: each row is found by its key in its own partition, in the order given,
# whatever the planner thinks of the table.
LOAD = """
SELECT found.row FROM unnest(%s::uuid[], %s::timestamptz[], %s::uuid[]) AS called (workspace_id, received_at, id)
CROSS JOIN LATERAL (
    SELECT to_json(log)::text AS row FROM inference_log AS log
    WHERE workspace_id = called.workspace_id AND received_at = called.received_at AND id = called.id FOR UPDATE
) AS found
"""

# The last line is a belt: rows are locked when they are merged, so no event of theirs can be lost meanwhile.
WRITE = """
INSERT INTO inference_log ({columns})
SELECT {columns} FROM json_populate_recordset(NULL::inference_log, %s::json) ORDER BY workspace_id, received_at, id
ON CONFLICT (workspace_id, received_at, id) DO UPDATE SET ({changing}) = ROW ({excluded})
WHERE inference_log.phases & EXCLUDED.phases = inference_log.phases
""".format(
    columns=", ".join(COLUMNS),
    changing=", ".join(CHANGING),
    excluded=", ".join(f"EXCLUDED.{column}" for column in CHANGING),
)


def load(received: Mapping[tuple[UUID, UUID], datetime], cursor: CursorWrapper) -> dict[tuple[UUID, UUID], dict[str, Any]]:
    """The stored rows of these calls (workspace, id → received_at), locked until the transaction ends."""
    keys = sorted(received)
    at = (received[key].isoformat() for key in keys)
    cursor.execute(LOAD, [arrays.literal(key[0] for key in keys), arrays.literal(at), arrays.literal(key[1] for key in keys)])
    return {(UUID(row["workspace_id"]), UUID(row["id"])): row for row in fetch_rows(cursor)}


def fetch_rows(cursor: CursorWrapper) -> list[dict[str, Any]]:
    """The rows of a query that selects `to_json(log)::text`: orjson reads them in a third of the driver's time."""
    return [orjson.loads(text) for (text,) in cursor.fetchall()]


def write(written: Sequence[Mapping[str, Any]], cursor: CursorWrapper) -> None:
    """Insert the rows, or put them in the place of the locked ones."""
    cursor.execute(WRITE, [orjson.dumps(written).decode()])
    if cursor.rowcount != len(written):
        raise IntegrityError("a log row changed under its lock")


def content_to_count(row: Mapping[str, Any]) -> dict[str, Any]:
    """What was said and stored before, where its tokens are still to be counted; else nothing."""
    if not row.get("payload_parts") or not rows.needs_content(row):
        return {}
    day = datetime.fromisoformat(row["received_at"]).astimezone(UTC).date()
    refs = [UUID(ref) for ref in row["payload_refs"]]
    return payloads.read(day, UUID(row["workspace_id"]), row["payload_parts"], refs)
