"""What a web process does beside answering: it drives runs, says that it lives, sweeps, and listens for stops."""

import asyncio
import contextvars
import sys
import threading
import uuid
from collections.abc import Awaitable, Callable

import structlog
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import timezone
from redis.exceptions import RedisError

from accounts.database import in_thread
from chat import deletion, runner, sweep
from chat.render import warm
from gateway import adapters, allowances, answer_cache, completions, limits
from telemetry import prices, processes, spool, tokens, writer
from telemetry.redaction import redact

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 10.0
REPLAY_SECONDS = 2.0
SWEEP_SECONDS = 5.0
RETRY_SECONDS = 1.0
# Threads ask for the interpreter ten times a query, and would wait 5 ms each time while the loop is busy: with 150 live chats
# a page that reconnected took seconds to follow on (python -m bench.chats: p95 lag 6.9 s; with this 0.2 s).
SWITCH_SECONDS = 0.0005


class WebProcess:
    """The long-lived tasks of a web process, on its event loop."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self._runner: runner.Runner | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin, once; cheap to call for every request."""
        if self._runner is not None:
            return
        self._runner = runner.attach(loop)
        sys.setswitchinterval(SWITCH_SECONDS)
        threading.Thread(target=_warm, name="warm", daemon=True).start()
        tokens.warm_in_thread()
        for work, seconds in (
            (self._replay, REPLAY_SECONDS),  # before the sweep closes for good what a dead process has left open
            (self._say_alive, HEARTBEAT_SECONDS),
            (self._sweep, SWEEP_SECONDS),
            (self._listen, RETRY_SECONDS),
        ):
            self._tasks.append(loop.create_task(_repeat(work, seconds), context=contextvars.Context()))

    async def stop(self) -> None:
        """Give running replies their grace, close the rest as interrupted, then end."""
        if self._runner is not None:
            await self._runner.drain(grace_seconds=settings.OLLIVE_GRACE_SECONDS)
        await completions.settled()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await writer.close()
        await allowances.settled()
        await limits.aclose()
        await answer_cache.aclose()
        await adapters.aclose()

    async def _say_alive(self) -> None:
        assert self._runner is not None
        if self._runner.process_id is None:
            self._runner.process_id = await in_thread(processes.register, "web")
            processes.become(self._runner.process_id)
        else:
            await in_thread(processes.beat, self._runner.process_id)
        await in_thread(prices.refresh)

    async def _replay(self) -> None:
        await in_thread(spool.replay)

    async def _sweep(self) -> None:
        await in_thread(sweep.sweep)
        await in_thread(deletion.purge, timezone.now())

    async def _listen(self) -> None:
        """Stops that were asked of other processes arrive here."""
        layer = get_channel_layer()
        assert layer is not None
        assert self._runner is not None
        channel = await layer.new_channel()
        await layer.group_add(runner.CONTROL_GROUP, channel)
        while True:
            message = await layer.receive(channel)
            if message["type"] == "stop.run":
                self._runner.stop_here(uuid.UUID(message["run_id"]))


def _warm() -> None:
    """The first code block and the first phone number load what they need, and would each hold up a reply."""
    warm()
    redact("+14155550132")


async def _repeat(work: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Work, pause, work again; a server that is away is no reason to end."""
    while True:
        pause = seconds
        try:
            await work()
        except (DatabaseError, RedisError, OSError) as error:
            log.warning("A server is away.", work=work.__name__, error=str(error))
            pause = RETRY_SECONDS
        await asyncio.sleep(pause)
