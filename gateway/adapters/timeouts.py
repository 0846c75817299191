"""How long a provider is waited for, and the watch that ends a silence: one timer a call, not one a token."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from gateway.protocol import Target


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, until the first byte of the answer's body, and between two pieces of it."""

    connect: float = 10.0
    first_byte: float = 120.0
    idle: float = 60.0
    # After its last choice has ended, a reply is complete without the usage that may follow.
    ending: float = 10.0
    # An answer in one piece comes when all of it is there.
    whole: float = 600.0

    @classmethod
    def of_settings(cls) -> "Timeouts":
        return cls(settings.OLLIVE_CONNECT_TIMEOUT, settings.OLLIVE_FIRST_BYTE_TIMEOUT, settings.OLLIVE_IDLE_TIMEOUT)

    @classmethod
    def of(cls, target: Target) -> "Timeouts":
        """A target's own, or else those of the installation. Nobody is connected to for longer than the first byte may take."""
        first, idle = target.first_byte_seconds, target.idle_seconds
        if first is None and idle is None:
            return cls.of_settings()
        first = first or settings.OLLIVE_FIRST_BYTE_TIMEOUT
        idle = idle or settings.OLLIVE_IDLE_TIMEOUT
        return cls(min(settings.OLLIVE_CONNECT_TIMEOUT, first), first, idle, whole=first + idle)


class Watch:
    """Calls `close` when a wait that it was told of lasts longer than `limit` seconds. The reader's own pauses don't count."""

    __slots__ = ("_close", "_handle", "_loop", "_waiting_since", "has_expired", "limit")

    def __init__(self, loop: asyncio.AbstractEventLoop, close: Callable[[], None], limit: float) -> None:
        self._loop = loop
        self._close = close
        self._waiting_since: float | None = None
        self.limit = limit
        self.has_expired = False
        self._handle = loop.call_later(limit, self._look)

    def wait(self) -> None:
        self._waiting_since = self._loop.time()

    def rest(self) -> None:
        self._waiting_since = None

    def change_limit(self, limit: float) -> None:
        """A shorter or longer patience from now on."""
        if limit != self.limit:
            self.limit = limit
            self._handle.cancel()
            self._handle = self._loop.call_later(limit, self._look)

    def stop(self) -> None:
        self._handle.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        due = (now if self._waiting_since is None else self._waiting_since) + self.limit
        # The clock may wake a timer up to one tick before its time.
        if due <= now + 0.001:
            self.has_expired = True
            self._close()
        else:
            self._handle = self._loop.call_at(due, self._look)
