"""PostgreSQL for the tasks of the event loop: in threads, beside each other, and quick to recover from a restart of it.

Channels' own helper sends all such work through one thread of the process, where one slow query holds up every stream.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from channels.db import DatabaseSyncToAsync
from django.db import InterfaceError, OperationalError, connection

P = ParamSpec("P")
R = TypeVar("R")

THREADS = ThreadPoolExecutor(16, thread_name_prefix="database")


async def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function that uses the database; its connection goes back to the pool."""

    def call() -> R:
        try:
            return function(*args, **kwargs)
        except (OperationalError, InterfaceError):
            forget_connections()
            raise

    return await DatabaseSyncToAsync(call, thread_sensitive=False, executor=THREADS)()


def forget_connections() -> None:
    """Drop the pool's idle connections: after a restart of the server all of them are dead, and would fail one by one."""
    pool = getattr(connection, "pool", None)
    if pool is not None:
        pool.drain()
