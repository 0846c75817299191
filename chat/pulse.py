"""The pulse of a process: at each beat the new text of all its runs is rendered, relayed in one round trip, then shown.

A frame is shown only after the relay has acknowledged it or, with the relay away, after PostgreSQL has stored its text.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from time import monotonic

import structlog
from django.db import Error as DatabaseError

from accounts.database import in_thread
from chat import leases
from chat.relay import Relay, RelayAwayError, Writing
from chat.runs import Run

log = structlog.get_logger(__name__)

BEAT_SECONDS = 0.05
BUSY_BEAT_SECONDS = 0.065
BUSY_RUNS = 40
SAVE_SECONDS = 1.0
LEASE_SECONDS = 5.0
RETRY_SECONDS = 1.0


class Pulse:
    """Keeps the runs of one process flowing, stored and leased."""

    def __init__(self, relay: Relay, runs: Callable[[], Collection[Run]]) -> None:
        self._relay = relay
        self._runs = runs
        self._relay_away_until = 0.0
        self._saved_at = monotonic()
        self._leased_at = monotonic()
        self._keeping: asyncio.Task[None] | None = None

    async def beat_forever(self) -> None:
        beat_at = monotonic()
        while True:
            # The work of a beat is part of its time; after a hold-up, beats are not made up for.
            beat_at = max(monotonic(), beat_at + (BUSY_BEAT_SECONDS if len(self._runs()) > BUSY_RUNS else BEAT_SECONDS))
            await asyncio.sleep(beat_at - monotonic())
            if self._runs():
                await self.beat()
                self._keep()

    async def beat(self) -> None:
        """Cut, relay and show what has come in."""
        for run in list(self._runs()):
            run.cut()
        waiting = [(run, run.seq) for run in self._runs() if run.unrelayed()]
        if not waiting:
            return
        if monotonic() < self._relay_away_until:
            return  # `_keep` stores the texts, then shows them
        try:
            await self._relay.write([Writing(run.run_id, run.unrelayed()) for run, _ in waiting])
        except RelayAwayError as error:
            log.warning("The relay is away; texts are shown once they are stored.", error=str(error))
            self._relay_away_until = monotonic() + RETRY_SECONDS
            return
        for run, seq in waiting:
            run.mark_relayed(seq)
            run.show(seq)

    def _keep(self) -> None:
        """Store and lease beside the beat, never in its way; one such task at a time."""
        now = monotonic()
        is_away = now < self._relay_away_until
        wants_save = now - self._saved_at >= (SAVE_SECONDS / 2 if is_away else SAVE_SECONDS)
        wants_lease = now - self._leased_at >= LEASE_SECONDS
        if (wants_save or wants_lease) and (self._keeping is None or self._keeping.done()):
            self._keeping = asyncio.create_task(self._store(wants_lease=wants_lease))

    async def _store(self, *, wants_lease: bool) -> None:
        runs = list(self._runs())
        try:
            self._saved_at = monotonic()
            await self._save(runs)
            if wants_lease:
                await self._renew(runs)
                self._leased_at = monotonic()
        except DatabaseError as error:
            log.warning("The database is away; running replies go on.", error=str(error))
            return
        if wants_lease:
            await self._mend(runs)

    async def _save(self, runs: Sequence[Run]) -> None:
        rows = [(run, run.seq) for run in runs if run.seq > run.stored_seq and not run.is_ending]
        if not rows:
            return
        texts = [(run.run_id, run.text, seq, run.reasoning.text, run.reasoning_ms) for run, seq in rows]
        await in_thread(leases.save_texts, texts)
        for run, seq in rows:
            run.stored_seq = seq
            run.show(seq)

    async def _renew(self, runs: Sequence[Run]) -> None:
        asked = [run for run in runs if not run.is_ending]
        ours = await in_thread(leases.renew, [run.run_id for run in asked])
        for run in asked:
            if run.run_id not in ours:
                run.stop("lost")
            elif ours[run.run_id]:
                run.stop("canceled")

    async def _mend(self, runs: Sequence[Run]) -> None:
        """Write a run's stream anew when the relay has lost a part of it."""
        asked = [(run, run.seq - len(run.unrelayed())) for run in runs if not run.is_ending and run.seq > 0]
        try:
            lengths = await self._relay.lengths([run.run_id for run, _ in asked])
            for (run, relayed_count), length in zip(asked, lengths, strict=True):
                if length < relayed_count:
                    await self._relay.forget(run.run_id)
                    run.mark_relayed(0)
        except RelayAwayError:
            return  # the next beat finds out, and says so
