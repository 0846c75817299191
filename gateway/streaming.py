"""The answer of an inquiry, in one piece or as it comes, in the words of the protocol that was asked in."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Protocol

import orjson

from accounts.entrance import Refused, Request, Response
from gateway.completions.asked import Asked
from gateway.completions.streams import Stream, closed
from gateway.dialects.frames import Piece
from gateway.inquiry import Inquiry, Source
from gateway.protocol import StreamPart


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
    with closed(inquiry.books, inquiry.refused):
        async with aclosing(inquiry.parts()) as parts:
            async for part in parts:
                dialect.take(part)
        dialect.end()
        body = orjson.dumps(dialect.whole())
    await inquiry.books.settled()
    return Response(200, body, inquiry.headers)


async def _streamed(inquiry: Inquiry, dialect: Dialect) -> Response:
    async def last() -> bytes:
        return dialect.end()

    stream = Stream(
        _frames(inquiry, dialect), inquiry.books, refuse=inquiry.refused, last=last, fail=dialect.fail, ping=dialect.ping
    )
    return await stream.answer(lambda: inquiry.headers)


async def _frames(inquiry: Inquiry, dialect: Dialect) -> AsyncGenerator[bytes, None]:
    async with aclosing(inquiry.parts()) as parts:
        async for part in parts:
            if frames := dialect.take(part):
                yield frames
