"""Whom a request's key stands for: looked up once in five seconds a process, however many requests come with it."""

import asyncio
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from accounts import api_keys
from accounts.database import in_thread
from accounts.entrance import Bearer, Refused
from accounts.programs import unauthorised

FRESH_SECONDS = 5.0
STALE_SECONDS = 60.0  # a known key is not forgotten because the database is away; nothing is stored then anyway
WAIT_SECONDS = 3.0
AWAY_SECONDS = 1.0
KNOWN_LIMIT = 10_000


@dataclass(slots=True)
class Known:
    """What was found, and when by the monotonic clock."""

    bearer: Bearer | None
    at: float


class Bearers:
    """The cache. One look-up at a time for each key."""

    def __init__(self) -> None:
        self._known: dict[bytes, Known] = {}
        self._asking: dict[bytes, asyncio.Task[Bearer | None]] = {}
        self._away_until = 0.0

    async def of(self, headers: Mapping[str, str]) -> Bearer:
        """Raises `Refused`: 401 without a valid key, 503 while the database can't say."""
        given = headers.get("authorization")
        if given is None and (bare := headers.get("x-api-key")):  # as Anthropic's clients send it
            given = f"Bearer {bare}"
        scheme, _, token = (given or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise unauthorised("Send an API key: Authorization: Bearer olv_…")
        bearer = await self._find(token) if api_keys.may_exist(token) else None
        if bearer is None:
            raise unauthorised("This API key is mistyped, unknown, expired or revoked.")
        return bearer

    async def _find(self, token: str) -> Bearer | None:
        key = hashlib.sha256(token.encode()).digest()
        known = self._known.get(key)
        now = time.monotonic()
        if known and now - known.at < FRESH_SECONDS:
            return known.bearer
        try:
            if now < self._away_until:
                raise OperationalError("the database was away a moment ago")
            async with asyncio.timeout(WAIT_SECONDS):
                return await self._ask_once(key, token)
        except (OperationalError, InterfaceError, TimeoutError):
            if now >= self._away_until:
                self._away_until = time.monotonic() + AWAY_SECONDS
            if known and now - known.at < STALE_SECONDS:
                return known.bearer
            raise Refused(503, "unavailable", "The database cannot be reached; try again in a moment.", retry_after=2) from None

    async def _ask_once(self, key: bytes, token: str) -> Bearer | None:
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._ask(key, token))
        return await asyncio.shield(task)

    async def _ask(self, key: bytes, token: str) -> Bearer | None:
        try:
            bearer = await self._verify(token)
        finally:
            del self._asking[key]
        if len(self._known) >= KNOWN_LIMIT:
            self._known.clear()
        self._known[key] = Known(bearer, time.monotonic())
        return bearer

    async def _verify(self, token: str) -> Bearer | None:
        """Twice, where the first try met connections that died with the database's last restart."""
        try:
            return await in_thread(api_keys.verify, token, timezone.now())
        except (OperationalError, InterfaceError):
            return await in_thread(api_keys.verify, token, timezone.now())
