"""Notices a worker that lives and no longer works. Celery was seen to stop consuming after its broker was killed."""

import asyncio
import socket

from ollive import env
from ollive.up.children import Child
from ollive.up.console import say

SILENT_SECONDS = 30
CHECK_SECONDS = 10.0
# Each draining of the inbox, which beat asks for every 5 seconds, leaves a sign of life by the database's clock.
SIGNS_OF_LIFE = """
SELECT count(*) FROM telemetry_process
WHERE host = %s AND pid = %s AND beat_at > statement_timestamp() - make_interval(secs => %s)
"""


async def restart_when_silent(worker: Child) -> None:
    """Look every few seconds, for as long as the worker is kept."""
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        if worker.age_seconds > 2 * SILENT_SECONDS and await asyncio.to_thread(is_silent, worker.pid):
            say("up", f"the worker has been silent for {SILENT_SECONDS} s")
            worker.restart()


def is_silent(pid: int) -> bool:
    """Did the process leave no sign of life for too long? A database that does not answer is no sign of anything."""
    import psycopg  # the supervisor starts sooner without it

    url = "postgresql://" + env.database_url().partition("://")[2]
    try:
        with psycopg.connect(url, connect_timeout=3, options="-c statement_timeout=3000") as connection:
            row = connection.execute(SIGNS_OF_LIFE, [socket.gethostname(), pid, SILENT_SECONDS]).fetchone()
    except psycopg.Error:
        return False
    return row == (0,)
