"""Words of calls that are in the log already, a batch at a time: after an upgrade, an import, or new rules of redaction."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import connection, transaction

from telemetry import locks, logs, search

BATCH = 500

ENDED = """
FROM inference_log AS log WHERE log.received_at >= %(start)s AND log.received_at < %(end)s AND log.status <> 'in_progress'
    AND (%(is_all)s OR NOT EXISTS (SELECT FROM search_entry AS entry WHERE entry.workspace_id = log.workspace_id
        AND entry.received_at = log.received_at AND entry.id = log.id
        AND entry.received_at >= %(start)s AND entry.received_at < %(end)s))
"""
# Locked, so that nobody changes or erases a call between its being read and its being indexed.
NEXT = """
SELECT to_json(log)::text {ended} AND (log.received_at, log.id) > (%(after_at)s, %(after_id)s)
ORDER BY log.received_at, log.id LIMIT %(limit)s FOR UPDATE OF log
"""
COUNT = "SELECT count(*) {ended}"
FIRST = "00000000-0000-0000-0000-000000000000"


def count(day: date, *, is_all: bool) -> int:
    """How many calls of a day would be indexed."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT.format(ended=ENDED), _parameters(day, is_all=is_all))
        return int(cursor.fetchone()[0])


def reindex(day: date, *, is_all: bool) -> Iterator[int]:
    """Index the calls of a day; yields how many, a transaction at a time."""
    parameters = _parameters(day, is_all=is_all) | {"after_id": FIRST, "limit": BATCH}
    parameters["after_at"] = parameters["start"] - timedelta(microseconds=1)
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            locks.share(cursor, locks.ERASURE)
            cursor.execute(NEXT.format(ended=ENDED), parameters)
            rows = logs.fetch_rows(cursor)
            search.index(cursor, [(row, {}) for row in rows])
        if not rows:
            return
        yield len(rows)
        parameters |= {"after_at": rows[-1]["received_at"], "after_id": rows[-1]["id"]}


def _parameters(day: date, *, is_all: bool) -> dict[str, Any]:
    start = datetime.combine(day, time(), UTC)
    return {"start": start, "end": start + timedelta(days=1), "is_all": is_all}
