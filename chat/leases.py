"""What running replies keep in their rows: the text so far, and the lease that says that somebody drives them.

One statement serves all runs of a process. Times are the database's.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models.functions import Now

from chat.models import Message
from chat.openings import LEASE

SAVE_TEXTS = """
UPDATE chat_message AS message SET content = given.content, streamed_seq = given.seq,
    reasoning = given.reasoning, reasoning_ms = nullif(given.reasoning_ms, 0)
FROM unnest(%s::uuid[], %s::text[], %s::int[], %s::text[], %s::int[]) AS given (run_id, content, seq, reasoning, reasoning_ms)
WHERE message.run_id = given.run_id AND message.status = 'streaming' AND message.streamed_seq < given.seq
"""

RENEW = """
UPDATE chat_message SET lease_until = now() + %s
WHERE run_id = ANY(%s::uuid[]) AND status = 'streaming'
RETURNING run_id, stop_requested_at IS NOT NULL
"""


def save_texts(rows: Sequence[tuple[uuid.UUID, str, int, str, int]]) -> None:
    """Store (run id, text, seq, reasoning, its milliseconds) of running replies; a row that has ended is left alone."""
    with connection.cursor() as cursor:
        cursor.execute(SAVE_TEXTS, [list(column) for column in zip(*rows, strict=True)])


def renew(run_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, bool]:
    """Prolong the leases of runs that are still ours: run id → whether somebody asked it to stop."""
    parameters: list[Any] = [LEASE, list(run_ids)]
    with connection.cursor() as cursor:
        cursor.execute(RENEW, parameters)
        return dict(cursor.fetchall())


def request_stop(run_id: uuid.UUID) -> bool:
    """Leave the wish to stop on the row; False when the reply has ended already."""
    return bool(
        Message.objects.filter(run_id=run_id, status=Message.Status.STREAMING, stop_requested_at=None).update(
            stop_requested_at=Now()
        )
    )
