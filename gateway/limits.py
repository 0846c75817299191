"""The limits as all processes count them together in Valkey, and as each one counts alone while Valkey is away.

A process keeps count of its own requests in any case. So one that loses Valkey, or meets it emptied, still knows what it let
through in the last minute; alone it allows itself its part of each limit only, so that all processes keep it together.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import redis.asyncio
import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry
from uuid_utils.compat import uuid7

from accounts.database import in_thread
from gateway.windows import SLOTS, Booked, Full, Kind, Subject, Tally, Used
from telemetry import processes

SCRIPT = Path(__file__).with_name("limits.lua").read_text()
TIMEOUT_SECONDS = 1.0
AWAY_SECONDS = 1.0  # for so long nobody waits for a Valkey that did not answer
LEASE_SECONDS = 60  # after which the calls of a process that was killed no longer count as running
RENEWED_EVERY_SECONDS = 20.0
SHARE_SECONDS = 10.0
AT_ONCE = 200
KINDS: dict[bytes, Kind] = {b"r": "requests", b"t": "tokens", b"c": "concurrent"}

log = structlog.get_logger(__name__)


class Away(Exception):
    """Valkey did not answer."""


@dataclass(slots=True)
class Entry:
    """A request that was let in, as this process counts it (`own`) and as all do together; None where it counted alone."""

    id: str
    subjects: Sequence[Subject]
    tokens: int
    own: Booked
    shared: Booked | None = None
    used: Sequence[Used] = ()


@dataclass(slots=True)
class Asking:
    """A command that waits for the next round trip."""

    keys: Sequence[str]
    arguments: Sequence[Any]
    answer: "asyncio.Future[Any]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Valkey:
    """The way there and back. What is asked while a round trip is under way goes with the next one, in the order of asking."""

    def __init__(self) -> None:
        self._client = redis.asyncio.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=None,  # a round trip is limited as a whole: a limit of each write would be a task of its own
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._digest = ""
        self._waiting: list[Asking] = []
        self._talking: asyncio.Task[None] | None = None
        self._away_until = 0.0

    def ask(self, keys: Sequence[str], arguments: Sequence[Any]) -> "asyncio.Future[Any]":
        """The answer of the script; it fails with `Away`."""
        asking = Asking(keys, arguments)
        asking.answer.add_done_callback(_heard)
        if time.monotonic() < self._away_until:
            asking.answer.set_exception(Away())
            return asking.answer
        self._waiting.append(asking)
        if self._talking is None or self._talking.done():
            self._talking = asyncio.create_task(self._talk())
        return asking.answer

    async def aclose(self) -> None:
        """Say what is still to be said, and close the connections."""
        if self._talking is not None:
            await self._talking
        await self._client.aclose()

    async def _talk(self) -> None:
        while self._waiting:
            now, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    answers = await self._run(now)
            except (RedisError, OSError) as error:
                self._lose(now, error)
                continue
            for asking, answer in zip(now, answers, strict=True):
                if isinstance(answer, Exception):
                    self._lose([asking], answer)
                elif not asking.answer.done():
                    asking.answer.set_result(answer)

    def _lose(self, asked: Sequence[Asking], error: Exception) -> None:
        if time.monotonic() >= self._away_until:
            log.warning("Valkey is away: this process keeps its part of the limits alone", error=str(error))
        self._away_until = time.monotonic() + AWAY_SECONDS
        for asking in [*asked, *self._waiting]:
            if not asking.answer.done():
                asking.answer.set_exception(Away())
        self._waiting = []

    async def _run(self, waiting: Sequence[Asking]) -> list[Any]:
        """One round trip. A server that has forgotten the script is told it, and asked again what it did not understand."""
        if not self._digest:
            self._digest = await self._client.script_load(SCRIPT)
        answers = await self._send(waiting)
        unknown = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:
            self._digest = await self._client.script_load(SCRIPT)
            for place, answer in zip(unknown, await self._send([waiting[place] for place in unknown]), strict=True):
                answers[place] = answer
        return answers

    async def _send(self, waiting: Sequence[Asking]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for asking in waiting:
            pipeline.evalsha(self._digest, len(asking.keys), *asking.keys, *asking.arguments)
        return list(await pipeline.execute(raise_on_error=False))


class Counter:
    """One event loop's side of the counting."""

    def __init__(self) -> None:
        self._valkey = Valkey()
        self._alone_until = 0.0
        self._share = 1
        self._share_until = 0.0
        self._sharing: asyncio.Task[None] | None = None
        self._leases: dict[str, Sequence[str]] = {}
        self._renewing: asyncio.Task[None] | None = None

    async def enter(self, subjects: Sequence[Subject], tokens: int) -> Entry | Full:
        """Count a request. This process's own count is enough to refuse it; to let it in, Valkey has the last word."""
        share = await self._processes() if time.monotonic() < self._alone_until else 1
        own = _tally.admit(subjects, tokens, now=time.monotonic(), share=share)
        if isinstance(own, Full):
            return own
        entry = Entry(uuid7().hex, subjects, tokens, own)
        try:
            shared = await self._enter_shared(entry)
        except Away:
            return await self._enter_alone(entry)
        except asyncio.CancelledError:
            _tally.close(subjects, own, tokens=tokens, taken=0, now=time.monotonic())
            raise
        if isinstance(shared, Full):
            _tally.undo(subjects, own, tokens=tokens, now=time.monotonic())
            return shared
        entry.shared, entry.used = shared, shared.used
        return entry

    def leave(self, entry: Entry, taken: int) -> None:
        """The call has ended. Nobody waits for Valkey to hear it: it does before it is asked anything else."""
        _tally.close(entry.subjects, entry.own, tokens=entry.tokens, taken=taken, now=time.monotonic())
        self._leases.pop(entry.id, None)
        if entry.shared is not None and any(_is_closed(subject) for subject in entry.subjects):
            self._close(entry, entry.shared, taken)

    async def aclose(self) -> None:
        for task in (self._renewing, self._sharing):
            if task is not None:
                task.cancel()
        await self._valkey.aclose()

    async def _enter_shared(self, entry: Entry) -> Booked | Full:
        limits = [number for subject in entry.subjects for number in _numbers(subject)]
        answer = self._valkey.ask(keys_of(entry.subjects), ("admit", entry.id, entry.tokens, LEASE_SECONDS, *limits))
        try:
            found = _read(await asyncio.shield(answer))
        except asyncio.CancelledError:
            # The caller hung up meanwhile, and Valkey counts the call all the same.
            answer.add_done_callback(lambda done: self._take_back(entry, done))
            raise
        leases = [_leases(subject) for subject in entry.subjects if subject.limits.concurrent is not None]
        if leases and isinstance(found, Booked):
            self._leases[entry.id] = leases
            if self._renewing is None or self._renewing.done():
                self._renewing = asyncio.create_task(self._renew())
        return found

    def _take_back(self, entry: Entry, done: "asyncio.Future[Any]") -> None:
        if not done.cancelled() and done.exception() is None and isinstance(shared := _read(done.result()), Booked):
            self._close(entry, shared, 0)

    def _close(self, entry: Entry, shared: Booked, taken: int) -> None:
        self._valkey.ask(keys_of(entry.subjects), ("close", entry.id, shared.second, entry.tokens, taken))

    async def _enter_alone(self, entry: Entry) -> Entry | Full:
        """Without Valkey: what was counted as of the whole limit is counted again, as of this process's part of it."""
        self._alone_until = time.monotonic() + SLOTS
        share = await self._processes()
        now = time.monotonic()
        _tally.undo(entry.subjects, entry.own, tokens=entry.tokens, now=now)
        own = _tally.admit(entry.subjects, entry.tokens, now=now, share=share)
        if isinstance(own, Full):
            return own
        entry.own, entry.used = own, _tally.used(entry.subjects, now=now)
        return entry

    async def _processes(self) -> int:
        """How many web processes share the limits, as the database last said; one look at it at a time."""
        if time.monotonic() >= self._share_until:
            if self._sharing is None or self._sharing.done():
                self._sharing = asyncio.create_task(self._look())
            await asyncio.shield(self._sharing)
        return self._share

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                self._share = max(1, await in_thread(processes.alive, "web"))
        except (OperationalError, InterfaceError, TimeoutError):
            log.warning("how many web processes there are is not known", counted=self._share)
        self._share_until = time.monotonic() + SHARE_SECONDS

    async def _renew(self) -> None:
        """Say of the calls that still run that they do, until none does."""
        while self._leases:
            await asyncio.sleep(RENEWED_EVERY_SECONDS)
            for lease, keys in self._leases.items():
                self._valkey.ask(keys, ("renew", lease, LEASE_SECONDS))


_tally = Tally()
_counters: WeakKeyDictionary[asyncio.AbstractEventLoop, Counter] = WeakKeyDictionary()


def counter() -> Counter:
    """This loop's."""
    loop = asyncio.get_running_loop()
    found = _counters.get(loop)
    if found is None:
        found = _counters[loop] = Counter()
    return found


async def aclose() -> None:
    """Close this loop's connections."""
    found = _counters.pop(asyncio.get_running_loop(), None)
    if found is not None:
        await found.aclose()


def _heard(done: "asyncio.Future[Any]") -> None:
    """Not every answer has somebody who waits for it."""
    if not done.cancelled():
        done.exception()


def _read(answer: Sequence[Any]) -> Booked | Full:
    if not answer[0]:
        _, subject, kind, wait_ms, requests_ms, tokens_ms, requests, tokens = answer
        used = Used(int(requests), int(tokens), int(requests_ms) / 1000, int(tokens_ms) / 1000)
        return Full(int(subject) - 1, KINDS[kind], int(wait_ms) / 1000, used)
    _, second, micros, *counts = answer
    whole = SLOTS - int(micros) / 1_000_000
    pairs = zip(counts[::2], counts[1::2], strict=True)
    return Booked(int(second), [Used(int(requests), int(tokens), whole, whole) for requests, tokens in pairs])


def _numbers(subject: Subject) -> list[int]:
    limits = subject.limits
    return [-1 if limit is None else limit for limit in (limits.requests, limits.tokens, limits.concurrent)]


def _is_closed(subject: Subject) -> bool:
    """Whether the end of a call changes anything for it."""
    return subject.limits.tokens is not None or subject.limits.concurrent is not None


def keys_of(subjects: Sequence[Subject]) -> list[str]:
    """What the script counts them under."""
    return [key for subject in subjects for key in (f"ollive:limit:{subject.name}", _leases(subject))]


def _leases(subject: Subject) -> str:
    return f"ollive:running:{subject.name}"
