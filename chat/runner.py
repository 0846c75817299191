"""Drives the runs of this process: started by a turn, ended by the provider, a stop, or the process' own end.

One registry a process, on the event loop of the server. Views live in threads and reach it through thread-safe calls.
"""

import asyncio
import contextvars
import uuid
from collections.abc import Collection, Sequence

import structlog
from channels.layers import get_channel_layer
from django.db import connection, transaction

from accounts.database import in_thread
from chat import endings, leases
from chat.feed import Feed
from chat.mirrors import Mirrors
from chat.models import Message
from chat.pulse import Pulse
from chat.relay import Relay
from chat.runs import Run
from chat.tools import rounds
from chat.turns import Turn
from gateway import spending
from gateway.protocol import ProviderError
from telemetry import events, inbox, wakeups

log = structlog.get_logger(__name__)

CONTROL_GROUP = "runners"


class Runner:
    """The runs of one process, by run id."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.is_draining = False
        self.process_id: uuid.UUID | None = None
        self._loop = loop
        self._runs: dict[uuid.UUID, Run] = {}
        self._relay = Relay()
        self._mirrors = Mirrors(self._relay)
        self._pulse = Pulse(self._relay, self._runs.values)
        self._beating = loop.create_task(self._pulse.beat_forever(), context=contextvars.Context())

    @property
    def runs(self) -> Collection[Run]:
        return self._runs.values()

    def launch(self, turn: Turn) -> list[Feed]:
        """Drive the runs of a new turn, and return what they show; to be called from any thread, once the turn is committed."""
        runs = [
            Run(opening.reply, opening.exchange, opening.toolbox) for opening in turn.openings if opening.exchange is not None
        ]
        for run in runs:
            self._loop.call_soon_threadsafe(self._start, run)
        return [run.feed for run in runs]

    def feed(self, run_id: uuid.UUID) -> Feed:
        """What a run shows, wherever it is driven."""
        run = self._runs.get(run_id)
        return run.feed if run is not None else self._mirrors.feed(run_id)

    async def stop(self, run_id: uuid.UUID) -> bool:
        """Stop a run wherever it is driven; False when it has ended already."""
        is_running = await in_thread(leases.request_stop, run_id)
        if run_id in self._runs:
            self.stop_here(run_id)
            return True
        layer = get_channel_layer()
        if is_running and layer is not None:
            # The flag on the row is polled with the lease, should this message get lost.
            await layer.group_send(CONTROL_GROUP, {"type": "stop.run", "run_id": str(run_id)})
        return is_running

    def stop_here(self, run_id: uuid.UUID) -> None:
        run = self._runs.get(run_id)
        if run is not None:
            run.stop("canceled")

    async def drain(self, *, grace_seconds: float) -> None:
        """Take no new runs, give the running ones their grace, then close them as interrupted."""
        self.is_draining = True
        tasks = [run.task for run in self._runs.values() if run.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=grace_seconds)
        for run in list(self._runs.values()):
            run.stop("interrupted")
        tasks = [run.task for run in self._runs.values() if run.task is not None]
        if tasks:
            # Long enough for what can't be stored to be spooled instead.
            await asyncio.wait(tasks, timeout=max(grace_seconds, endings.PATIENCE_SECONDS + 1))
        self._beating.cancel()
        await self._relay.aclose()

    def _start(self, run: Run) -> None:
        self._runs[run.run_id] = run
        run.task = self._loop.create_task(self._drive(run), context=contextvars.Context())

    async def _drive(self, run: Run) -> None:
        error: ProviderError | None = None
        status = Message.Status.COMPLETE
        try:
            await rounds.drive(run, lambda pair: self._record_attempt(run, pair))
        except asyncio.CancelledError:
            status = Message.Status.CANCELED if run.stop_reason == "canceled" else Message.Status.INTERRUPTED
        except ProviderError as caught:
            status, error = Message.Status.FAILED, caught
        except Exception:  # edge: whatever goes wrong, the reply must end
            log.exception("A run broke.", run_id=str(run.run_id))
            status, error = Message.Status.FAILED, ProviderError("internal", "Ollive failed while it wrote this reply.")
        run.is_ending = True
        try:
            await endings.finish(run, status, error, relay=self._relay)
        finally:
            self._runs.pop(run.run_id, None)

    async def _record_attempt(self, run: Run, pair: Sequence[events.Event]) -> None:
        """Store the end of one attempt and the beginning of the next, before the provider is asked again."""
        await in_thread(_store_attempt, run.message_id, pair)


def _store_attempt(message_id: uuid.UUID, pair: Sequence[events.Event]) -> None:
    with transaction.atomic():
        Message.objects.filter(id=message_id).update(inference_id=pair[-1].inference_id)
        spending.pass_on(pair[0].inference_id, pair[-1].inference_id)
        with connection.cursor() as cursor:
            inbox.append(pair, cursor)
        transaction.on_commit(wakeups.wake)


_runner: Runner | None = None


def attach(loop: asyncio.AbstractEventLoop) -> Runner:
    """Make this process' runner on the server's event loop, once."""
    global _runner
    if _runner is None or _runner._loop is not loop:
        _runner = Runner(loop)
    return _runner


def current() -> Runner:
    """This process' runner. Raises `RuntimeError` outside a web process."""
    if _runner is None:
        raise RuntimeError("Runs are driven in web processes only.")
    return _runner
