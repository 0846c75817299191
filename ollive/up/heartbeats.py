"""Notices a worker that lives and no longer works, and has the inbox drained meanwhile.

Celery was seen to stop consuming after its broker was killed.
"""

import asyncio
import socket
from typing import Any

from ollive import env
from ollive.up.children import Child
from ollive.up.console import say

SILENT_SECONDS = 30
LATE_SECONDS = 15  # beat asks for the inbox to be drained every 5 seconds
CHECK_SECONDS = 5.0
# Each draining of the inbox leaves a sign of life by the database's clock, again and again while it lasts.
SIGNS_OF_LIFE = """
SELECT count(*) FROM telemetry_process
WHERE host = %s AND pid = %s AND beat_at > statement_timestamp() - make_interval(secs => %s)
"""
OLDEST = """
SELECT extract(epoch FROM statement_timestamp() - available_at)::float FROM telemetry_inbox
WHERE available_at <= statement_timestamp() ORDER BY id LIMIT 1
"""


async def watch(worker: Child, drain: Child) -> None:
    """Look every few seconds, for as long as the worker is kept; `drain` runs while events wait for too long."""
    is_draining = False
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        is_at_rest = worker.age_seconds == 0
        is_quiet = is_at_rest or await asyncio.to_thread(is_silent, worker.pid)
        if is_quiet and worker.age_seconds > 2 * SILENT_SECONDS:
            say("up", f"the worker has been silent for {SILENT_SECONDS} s")
            worker.restart()
        waiting = await asyncio.to_thread(oldest_wait_seconds)
        if waiting is None:
            continue
        if not is_draining and waiting > LATE_SECONDS:
            say("up", f"events have been waiting for {waiting:.0f} s: draining the inbox beside the worker")
            drain.keep()
            is_draining = True
        elif is_draining and waiting < CHECK_SECONDS and not is_quiet:
            await drain.stop(hurry=asyncio.Event())
            is_draining = False
            say("up", "the worker keeps up again")


def is_silent(pid: int) -> bool:
    """Did the process leave no sign of life for too long? A database that does not answer is no sign of anything."""
    return _ask(SIGNS_OF_LIFE, [socket.gethostname(), pid, SILENT_SECONDS]) == (0,)


def oldest_wait_seconds() -> float | None:
    """For how long the first event has been waiting for its turn; 0 when none does, None when the database doesn't answer."""
    row = _ask(OLDEST, [])
    return row if row is None else float(row[0]) if row else 0.0


def _ask(query: str, parameters: list[Any]) -> tuple[Any, ...] | None:
    """The first row; an empty one when there is none, and None when the database doesn't answer."""
    import psycopg  # the supervisor starts sooner without it

    url = "postgresql://" + env.database_url().partition("://")[2]
    try:
        with psycopg.connect(url, connect_timeout=3, options="-c statement_timeout=3000") as connection:
            return connection.execute(query.encode(), parameters).fetchone() or ()
    except psycopg.Error:
        return None
