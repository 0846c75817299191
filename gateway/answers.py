"""An answer is made once for each Idempotency-Key, and given again as it was, byte for byte: streams too.

The key is the caller's (an API key's), for a day. Only what succeeded is kept: an error, a stream that breaks and a caller who
hangs up free the key, so that a retry is worth it.
"""

import asyncio
import contextvars
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import orjson
import structlog
from django.db import InterfaceError, OperationalError

from accounts.database import in_thread
from accounts.entrance import Refused, Request, Response
from gateway import claims
from gateway.claims import Answer, Claim

HEADER = "idempotency-key"
LONGEST_KEY = 255
LARGEST_BODY = 16 * 1024 * 1024
PIECE = 64 * 1024
RENEW_SECONDS = 8.0
OF_THE_MOMENT = ("x-ratelimit-", "retry-after", "connection")  # headers that are not true any more when the answer is given again

# As the doors write them: an error in mid-stream, which no retry should get again, and the frame that ends a stream.
ERROR_FRAME = re.compile(rb'^(data: ?\{"error"|data: ?\{"type": ?"error"|event: ?(error|response\.failed)\b)', re.MULTILINE)
LAST_FRAME = re.compile(rb'(data: ?\[DONE\]|"type": ?"(message_stop|response\.(completed|incomplete))".*|"done": ?true.*)\s*\Z')

log = structlog.get_logger(__name__)


async def once(request: Request, produce: Callable[[], Awaitable[Response]]) -> Response:
    """The answer of `produce`, or the one that was given to this key before. Raises `Refused` (400, 409, 503)."""
    given = request.headers.get(HEADER)
    if given is None:
        return await produce()
    found = await _claim(request, given)
    if isinstance(found, Answer):
        return _replay(found)
    keeper = _keeper()
    keeper.watch(found)
    is_made = False
    try:
        response = await produce()
        is_made = 200 <= response.status < 300
    finally:
        if not is_made:
            await _surely(keeper.free(found))
    if not is_made:
        return response
    if response.chunks is not None:
        return replace(response, chunks=_recorded(response, response.chunks, found, keeper))
    await _surely(keeper.keep(found, response, response.body))
    return response


async def _claim(request: Request, given: str) -> Claim | Answer:
    if not given.strip() or len(given) > LONGEST_KEY or not given.isprintable():
        message = f"An Idempotency-Key is 1 to {LONGEST_KEY} printable characters."
        raise Refused(400, "invalid_idempotency_key", message)
    key = claims.digest(given.encode())
    said = (request.method, request.path.removesuffix("/"), request.query, request.media_type)
    asked = claims.digest(*(part.encode() for part in said), _plain(request.body))
    token = claims.new_token()
    try:
        try:
            return await in_thread(claims.claim, request.bearer, key, asked, token)
        except (OperationalError, InterfaceError):  # of a connection that died with the database's last restart
            return await in_thread(claims.claim, request.bearer, key, asked, token)
    except (OperationalError, InterfaceError):
        message = "The database cannot be reached, without which an Idempotency-Key can't be kept. Try again in a moment."
        raise Refused(503, "unavailable", message, retry_after=2) from None


def _plain(body: bytes) -> bytes:
    """The same bytes for the same JSON, however a client orders and spaces it."""
    try:
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return body


def _replay(answer: Answer) -> Response:
    headers = {**answer.headers, "idempotent-replayed": "true"}
    body = answer.body or b""
    if answer.is_stream:
        return Response(answer.status, headers=headers, chunks=_pieces(body))
    return Response(answer.status, body, headers)


async def _pieces(body: bytes) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(body), PIECE):
        yield body[start : start + PIECE]


async def _recorded(
    response: Response, chunks: AsyncGenerator[bytes, None], held: Claim, keeper: "Keeper"
) -> AsyncGenerator[bytes, None]:
    """The stream as it comes, kept when it has ended well; the last frame is sent after that: who has read it finds it."""
    parts: list[bytes] = []
    size, last = 0, b""
    is_kept = False
    try:
        async with aclosing(chunks):
            async for chunk in chunks:
                size += len(chunk)
                if size <= LARGEST_BODY:
                    parts.append(chunk)
                if last:
                    yield last
                last = chunk if LAST_FRAME.search(chunk, max(0, len(chunk) - 4096)) else b""
                if not last:
                    yield chunk
        body = b"".join(parts)
        if not ERROR_FRAME.search(body):
            is_kept = True
            await _surely(keeper.keep(held, response, body if size <= LARGEST_BODY else None))
    finally:
        if not is_kept:
            await _surely(keeper.free(held))
    if last:
        yield last


class Keeper:
    """Keeps the claims of this process's requests alive, and stores answers when the database is back.

    A claim that nobody holds any more is not renewed: a stream that is dropped before it began frees its key by itself.
    """

    def __init__(self) -> None:
        self._claims: WeakSet[Claim] = WeakSet()
        self._unsaved: list[tuple[Claim, Answer]] = []
        self._task: asyncio.Task[None] | None = None

    def watch(self, held: Claim) -> None:
        self._claims.add(held)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work(), context=contextvars.Context())

    async def keep(self, held: Claim, response: Response, body: bytes | None) -> None:
        """Store the answer. While the database is away it waits here: it was paid for, so it is given in any case."""
        headers = {name: value for name, value in response.headers.items() if not name.startswith(OF_THE_MOMENT)}
        if body is not None and len(body) > LARGEST_BODY:
            body = None
        answer = Answer(response.status, headers, body, response.chunks is not None)
        if not await self._keep(held, answer):
            self._unsaved.append((held, answer))

    async def free(self, held: Claim) -> None:
        self._claims.discard(held)
        try:
            await in_thread(claims.free, held)
        except (OperationalError, InterfaceError) as error:  # its lease ends soon
            log.warning("an idempotency key could not be freed", error=type(error).__name__)

    async def _keep(self, held: Claim, answer: Answer) -> bool:
        """Whether that is done with."""
        try:
            if not await in_thread(claims.keep, held, answer):
                log.warning("an answer came too late for its idempotency key")
        except (OperationalError, InterfaceError) as error:
            log.warning("an answer could not be stored yet", error=type(error).__name__)
            return False
        self._claims.discard(held)
        return True

    async def _work(self) -> None:
        while self._claims or self._unsaved:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await in_thread(claims.renew, [held.token for held in self._claims])
            except (OperationalError, InterfaceError) as error:
                log.warning("idempotency keys could not be held", error=type(error).__name__)
                continue
            waiting, self._unsaved = self._unsaved, []
            self._unsaved += [entry for entry in waiting if not await self._keep(*entry)]


_keepers: WeakKeyDictionary[asyncio.AbstractEventLoop, Keeper] = WeakKeyDictionary()
_finishing: set[asyncio.Task[None]] = set()


def _keeper() -> Keeper:
    return _keepers.setdefault(asyncio.get_running_loop(), Keeper())


async def _surely(work: Coroutine[Any, Any, None]) -> None:
    """Do it to the end, also when the caller hangs up meanwhile."""
    task = asyncio.create_task(work)
    _finishing.add(task)
    task.add_done_callback(_finishing.discard)
    await asyncio.shield(task)
