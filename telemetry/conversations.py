"""What a deleted conversation leaves in the log: its calls, without the link."""

from uuid import UUID

from django.db import connection, transaction

from telemetry import locks, scores

UNLINK = """
UPDATE inference_log SET conversation_id = NULL, message_id = NULL WHERE workspace_id = %s AND conversation_id = %s
"""
UNLINK_SPANS = "UPDATE span SET conversation_id = NULL WHERE workspace_id = %s AND conversation_id = %s"
REMEMBER = """
INSERT INTO telemetry_unlinked (workspace_id, conversation_id) VALUES (%s, %s) ON CONFLICT DO NOTHING
"""


def unlink_conversation(workspace_id: UUID, conversation_id: UUID) -> None:
    """Cut the link in the caller's transaction; events still on their way are stored without it."""
    with transaction.atomic(), connection.cursor() as cursor:
        # A digest at work has looked for unlinked conversations already: wait until it is done.
        locks.hold(cursor, locks.ERASURE)
        cursor.execute(UNLINK, [workspace_id, conversation_id])
        cursor.execute(UNLINK_SPANS, [workspace_id, conversation_id])
        scores.unlink_conversation(cursor, workspace_id, conversation_id)
        cursor.execute(REMEMBER, [workspace_id, conversation_id])
