"""Which processes of ours are alive, and what happens to the calls of those that are not."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from telemetry import feed, logs, rollups, rows, search
from telemetry.models import Process

BATCH = 200
BEAT_SECONDS = 5.0
LONGEST_WORK_SECONDS = 300.0

# A call without a process was made elsewhere, by a client that may come back with its spool: it gets a day.
SILENT = """
SELECT to_json(log)::text FROM inference_log AS log LEFT JOIN telemetry_process AS process ON process.id = log.process_id
WHERE log.status = 'in_progress' AND CASE
    WHEN log.process_id IS NULL THEN log.received_at < statement_timestamp() - interval '1 day'
    ELSE process.beat_at IS NULL OR process.beat_at < statement_timestamp() - interval '30 seconds' END
ORDER BY log.workspace_id, log.received_at, log.id LIMIT %s FOR UPDATE OF log SKIP LOCKED
"""
FORGET = "DELETE FROM telemetry_process WHERE beat_at < statement_timestamp() - interval '7 days'"

log = structlog.get_logger(__name__)
_own: UUID | None = None


def own() -> UUID | None:
    """This process, once it is entered: its calls carry it, so that its silence closes them."""
    return _own


def become(process_id: UUID) -> None:
    global _own
    _own = process_id


def register(kind: str) -> UUID:
    """Enter this process: `kind` is web, worker, drain, …"""
    process_id = uuid7()
    _enter(process_id, kind)
    return process_id


def beat(process_id: UUID, *, kind: str = "returned") -> None:
    """Show that the process is alive, by the database's clock. One that is not known, or was forgotten, is entered."""
    if not Process.objects.filter(id=process_id).update(beat_at=Now()):
        _enter(process_id, kind)


@contextmanager
def beating(process_id: UUID, *, kind: str, at_most_seconds: float = LONGEST_WORK_SECONDS) -> Iterator[None]:
    """Beat now, and go on beating while the work lasts; not for ever, so that work that hangs is noticed."""
    beat(process_id, kind=kind)
    done = threading.Event()
    threading.Thread(target=_beat_on, args=[process_id, done, at_most_seconds], name="heartbeat", daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _beat_on(process_id: UUID, done: threading.Event, at_most_seconds: float) -> None:
    deadline = time.monotonic() + at_most_seconds
    while not done.wait(BEAT_SECONDS) and time.monotonic() < deadline:
        try:
            beat(process_id)
        except (OperationalError, InterfaceError) as error:
            log.warning("a heartbeat was missed", error=type(error).__name__)
        finally:
            connection.close()


def last_beat_at(kind: str) -> datetime | None:
    """When any process of the kind was last heard of."""
    return Process.objects.filter(kind=kind).order_by("-beat_at").values_list("beat_at", flat=True).first()


def alive(kind: str) -> int:
    """How many processes of the kind were heard of in the last half minute."""
    return Process.objects.filter(kind=kind, beat_at__gt=Now() - timedelta(seconds=30)).count()


def close_silent() -> int:
    """Close as `interrupted` what processes silent for 30 s left in progress; returns how many calls.

    When they ended is not known, so no duration is written. A finished event that comes later still wins.
    """
    closed = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(SILENT, [BATCH])
            silent = logs.fetch_rows(cursor)
            for row in silent:
                row["status"] = "interrupted"
                rows.settle(row, logs.content_to_count(row))
            if silent:
                logs.write(silent, cursor)
                search.index(cursor, [(row, {}) for row in silent])
                rollups.touch(cursor, ((UUID(row["workspace_id"]), datetime.fromisoformat(row["received_at"])) for row in silent))
                feed.note(cursor, ((row["workspace_id"], row["id"], row["received_at"], True) for row in silent))
            else:
                cursor.execute(FORGET)
        closed += len(silent)
        if len(silent) < BATCH:
            return closed


def _enter(process_id: UUID, kind: str) -> None:
    Process.objects.create(id=process_id, kind=kind, host=socket.gethostname(), pid=os.getpid())
