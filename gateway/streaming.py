"""The answer of an inquiry, in one piece or as it comes, in the words of the protocol that was asked in."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from typing import Any, Protocol

import orjson

from accounts.entrance import Refused, Request, Response
from gateway.calls import Ending
from gateway.completions.answering import FIRST_SECONDS, INTERNAL, why
from gateway.completions.asked import Asked
from gateway.dialects.frames import Piece
from gateway.inquiry import Inquiry, Part, Source
from gateway.protocol import ProviderError, StreamPart

EVENTS = {"content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no"}


class Dialect(Protocol):
    """Writes one answer. It takes the parts one by one; `whole` is what they came to."""

    ping: bytes

    def take(self, part: StreamPart | Piece) -> bytes:
        """The frames that tell of the part; none where nothing is to be told yet."""

    def end(self) -> bytes:
        """The last frames."""

    def whole(self) -> Mapping[str, Any]:
        """The answer in one piece."""

    def fail(self, refused: Refused) -> bytes:
        """The frame of an error in mid-stream."""


async def answer(
    request: Request, asked: Asked, source: Source, dialect: Dialect, *, is_opaque: bool = False, operation: str = "chat"
) -> Response:
    """Ask, and answer as the program wants it. Raises `Refused`."""
    inquiry = await Inquiry.open(request, asked, source, is_opaque=is_opaque, operation=operation)
    return await (_streamed(inquiry, dialect) if asked.is_stream else _whole(inquiry, dialect))


async def _whole(inquiry: Inquiry, dialect: Dialect) -> Response:
    ending: Ending = "error"
    error: ProviderError | None = INTERNAL
    try:
        async with aclosing(inquiry.parts()) as parts:
            async for part in parts:
                dialect.take(part)
        dialect.end()
        body = orjson.dumps(dialect.whole())
        ending, error = "success", None
    except ProviderError as failed:
        error = failed
        raise inquiry.refused(failed) from None
    except asyncio.CancelledError as gone:
        ending, error = why(gone), None
        raise
    finally:
        inquiry.books.close(ending, error)
    await inquiry.books.settled()
    return Response(200, body, inquiry.headers)


async def _streamed(inquiry: Inquiry, dialect: Dialect) -> Response:
    """Nothing is sent before the provider has said something, so that its refusal has a status; but nobody waits in silence."""
    parts = inquiry.parts()
    first = asyncio.get_running_loop().create_task(_next(parts))
    ending: Ending = "error"
    error: ProviderError | None = INTERNAL
    is_begun = False
    try:
        await asyncio.wait([first], timeout=FIRST_SECONDS)
        if first.done():
            first.result()
        is_begun = True
    except ProviderError as failed:
        error = failed
        raise inquiry.refused(failed) from None
    except asyncio.CancelledError as gone:
        ending, error = why(gone), None
        raise
    finally:
        if not is_begun:
            await _leave(first, parts)
            inquiry.books.close(ending, error)
    return Response(200, headers=EVENTS | inquiry.headers, chunks=_chunks(inquiry, dialect, first, parts), ping=dialect.ping)


async def _chunks(
    inquiry: Inquiry, dialect: Dialect, first: asyncio.Task[Part | None], parts: AsyncGenerator[Part, None]
) -> AsyncGenerator[bytes, None]:
    ending: Ending = "canceled"
    error: ProviderError | None = None
    try:
        if not first.done():
            yield dialect.ping
        part = await first
        while part is not None:
            if frames := dialect.take(part):
                yield frames
            part = await _next(parts)
        last = dialect.end()
        ending = "success"
        inquiry.books.close(ending)
        await inquiry.books.settled()
        if last:
            yield last
    except ProviderError as failed:
        ending, error = "error", failed
        inquiry.books.close(ending, error)
        yield dialect.fail(inquiry.refused(failed))
    except asyncio.CancelledError as gone:
        ending = why(gone) if ending == "canceled" else ending
        raise
    finally:
        await _leave(first, parts)
        inquiry.books.close(ending, error)


async def _next(parts: AsyncGenerator[Part, None]) -> Part | None:
    return await anext(parts, None)


async def _leave(first: asyncio.Task[Part | None], parts: AsyncGenerator[Part, None]) -> None:
    """Hang up on the provider."""
    if not first.done():
        first.cancel()
    with suppress(asyncio.CancelledError, ProviderError):
        await first
    await parts.aclose()
