"""Marks the minutes whose calls changed, so that their rollups are rebuilt from rows."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.backends.utils import CursorWrapper

from telemetry.models import RollupMark

# Insert only: workers that change calls of the same minute never wait for each other.
MARK = """
INSERT INTO rollup_mark (level, workspace_id, bucket_at)
SELECT %s, workspace_id, bucket_at FROM unnest(%s::uuid[], %s::timestamptz[]) AS touched (workspace_id, bucket_at)
"""


def touch(cursor: CursorWrapper, changed: Iterable[tuple[UUID, datetime]]) -> None:
    """Mark the minutes of calls (workspace, received_at) that were written, changed or deleted, in the caller's transaction."""
    minutes = sorted({(workspace_id, received_at.replace(second=0, microsecond=0)) for workspace_id, received_at in changed})
    if minutes:
        workspaces, buckets = zip(*minutes, strict=True)
        cursor.execute(MARK, [RollupMark.Level.MINUTE, list(workspaces), list(buckets)])
