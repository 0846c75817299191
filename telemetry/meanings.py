"""What calls mean, as vectors beside the log: filled by workers after the fact, newest first, never on the way of an event."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from telemetry import embeddings, locks, logs, search
from telemetry.search import Key

BATCH = 64
RECENT = timedelta(days=1)  # what the clock's task looks through; the command goes back further
LAST = UUID(int=2**128 - 1)

# Whose words are indexed has ended and has content.
LACKING = """
SELECT entry.workspace_id, entry.received_at, entry.id FROM search_entry AS entry
WHERE entry.received_at >= %(since)s AND (entry.received_at, entry.id) < (%(before)s, %(before_id)s)
    AND entry.received_at <= %(before)s
    AND NOT EXISTS (SELECT FROM search_meaning AS meaning WHERE meaning.workspace_id = entry.workspace_id
        AND meaning.received_at = entry.received_at AND meaning.id = entry.id)
ORDER BY entry.received_at DESC, entry.id DESC LIMIT %(limit)s
"""
COUNT = """
SELECT count(*) FROM search_entry AS entry WHERE entry.received_at >= %(since)s AND entry.received_at < %(until)s
    AND NOT EXISTS (SELECT FROM search_meaning AS meaning WHERE meaning.workspace_id = entry.workspace_id
        AND meaning.received_at = entry.received_at AND meaning.id = entry.id)
"""
ROWS = """
SELECT to_json(log)::text FROM inference_log AS log
JOIN unnest(%s::uuid[], %s::timestamptz[], %s::uuid[]) AS called (workspace_id, received_at, id)
    ON log.workspace_id = called.workspace_id AND log.received_at = called.received_at AND log.id = called.id
WHERE log.received_at >= %s AND log.received_at <= %s
"""
WRITE = """
INSERT INTO search_meaning (workspace_id, received_at, id, model, meaning)
SELECT workspace_id, received_at, id, %s, meaning::halfvec
FROM unnest(%s::uuid[], %s::timestamptz[], %s::uuid[], %s::text[]) AS given (workspace_id, received_at, id, meaning)
JOIN inference_log USING (workspace_id, received_at, id)
ON CONFLICT (workspace_id, received_at, id) DO UPDATE SET model = EXCLUDED.model, meaning = EXCLUDED.meaning
"""
FORGET_DROPPED = """
DELETE FROM search_meaning WHERE received_at < (SELECT min(received_at) FROM search_entry)
"""


def exists() -> bool:
    """Whether this database can hold them: it needs pgvector."""
    with connection.cursor() as cursor:
        return search.has_meanings(cursor)


def is_on() -> bool:
    """Whether calls are to be found by meaning: somebody wants it, the packages are installed, the database can."""
    return bool(settings.OLLIVE_MEANING_SEARCH) and embeddings.is_installed() and exists()


def embed_recent(now: datetime, *, limit: int = 10 * BATCH) -> int:
    """Embed the newest calls that lack it, and forget those of days that are gone; returns how many were embedded."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET_DROPPED)
    done, before = 0, (now, LAST)
    while done < limit and (keys := lacking(now - RECENT, before=before)):
        done += embed_calls(keys)
        before = keys[-1][1:]
    return done


def lacking(since: datetime, *, before: tuple[datetime, UUID], limit: int = BATCH) -> list[Key]:
    """Calls without a vector, newest first, from a key on."""
    with connection.cursor() as cursor:
        cursor.execute(LACKING, {"since": since, "before": before[0], "before_id": before[1], "limit": limit})
        return list(cursor.fetchall())


def count_lacking(since: datetime, until: datetime) -> int:
    """How many calls of the period have no vector."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"since": since, "until": until})
        return int(cursor.fetchone()[0])


def embed_calls(keys: Sequence[Key]) -> int:
    """Embed these calls; returns how many. One that was erased meanwhile stays erased."""
    workspaces, times, ids = (list(column) for column in zip(*keys, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(ROWS, [workspaces, times, ids, min(times), max(times)])
        rows = logs.fetch_rows(cursor)
    vectors = embeddings.embed(search.texts_of([(row, {}) for row in rows]))
    columns: list[list[Any]] = [[row[name] for row in rows] for name in ("workspace_id", "received_at", "id")]
    with transaction.atomic(), connection.cursor() as cursor:
        locks.share(cursor, locks.ERASURE)
        cursor.execute(WRITE, [embeddings.NAME, *columns, [embeddings.literal(vector) for vector in vectors]])
        return int(cursor.rowcount)
