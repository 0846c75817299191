"""Reads a request's body: capped while it arrives, decompressed as it comes, and not for ever."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any

from django.conf import settings

from accounts.entrance import Gone, Refused

PIECE_BYTES = 64 * 1024
RATIO_LIMIT = 200  # plain text comes to 3 to 30, the same event a thousand times to more
RATIO_FROM_BYTES = 1024 * 1024
TOTAL_FACTOR = 10  # how many times the pause between two chunks the whole body may take
HELD_LIMIT = 128 * 1024 * 1024  # of all bodies that this process holds at a moment
ENCODINGS = {"", "identity", "gzip", "x-gzip", "deflate"}

Receive = Callable[[], Awaitable[dict[str, Any]]]

_held = 0


class Body:
    """One request's body. `close` it when the request is answered."""

    def __init__(self, receive: Receive, headers: Mapping[str, str], cap: int) -> None:
        """Raises `Refused` for what the headers tell already: too large, without a length, an unknown compression."""
        self.is_read = False
        self._receive = receive
        self._cap = cap
        self._holding = 0
        self._encoding = headers.get("content-encoding", "").strip().lower()
        if self._encoding not in ENCODINGS:
            raise Refused(415, "unsupported_encoding", "Compress the body with gzip or deflate, or not at all.")
        announced = headers.get("content-length")
        if announced is None and "transfer-encoding" not in headers:
            raise Refused(411, "length_required", "Say how long the body is (Content-Length), or send it in chunks.")
        if announced is not None and announced.isdecimal() and int(announced) > cap:
            raise self._too_large()

    async def read(self) -> bytes:
        """The whole body, decompressed. Raises `Refused` and `Gone`."""
        pieces: list[bytes] = []
        async for piece in self.chunks():
            self._hold(len(piece))
            pieces.append(piece)
        return b"".join(pieces)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, decompressed. Raises `Refused` and `Gone`."""
        inflate = None if self._encoding in {"", "identity"} else Inflation(self._encoding)
        size = 0
        async for chunk in self._arriving():
            for piece in inflate.feed(chunk) if inflate else (chunk,):
                size += len(piece)
                if size > self._cap:
                    raise self._too_large()
                yield piece
        if inflate:
            inflate.finish()

    def close(self) -> None:
        """Its memory is free for others."""
        global _held
        _held -= self._holding
        self._holding = 0

    async def _arriving(self) -> AsyncIterator[bytes]:
        pause = settings.OLLIVE_BODY_TIMEOUT
        deadline = asyncio.get_running_loop().time() + TOTAL_FACTOR * pause
        while not self.is_read:
            try:
                async with asyncio.timeout_at(min(deadline, asyncio.get_running_loop().time() + pause)):
                    message = await self._receive()
            except TimeoutError:
                raise Refused(408, "too_slow", "The body did not arrive in time.") from None
            if message["type"] == "http.disconnect":
                raise Gone
            self.is_read = not message.get("more_body", False)
            if chunk := message.get("body", b""):
                yield chunk

    def _hold(self, size: int) -> None:
        global _held
        if _held + size > HELD_LIMIT:
            raise Refused(503, "busy", "Too much is being sent at once; try again in a moment.", retry_after=1)
        _held += size
        self._holding += size

    def _too_large(self) -> Refused:
        return Refused(413, "too_large", f"The body is larger than {self._cap} bytes, compressed or not: send it in parts.")


class Inflation:
    """Decompression in small steps, so that a bomb is noticed before it goes off."""

    def __init__(self, encoding: str) -> None:
        self._is_gzip = "gzip" in encoding
        self._stream: Any = None
        self._taken = self._given = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What these bytes decompress to, in pieces. Raises `Refused`."""
        while data:
            if self._stream is None:
                self._stream = zlib.decompressobj(self._window(data))
            self._taken += len(data)
            while data and not self._stream.eof:
                piece = self._inflate(data)
                data = self._stream.unconsumed_tail
                if piece:
                    self._weigh(len(piece), len(data))
                    yield piece
            if not self._stream.eof:
                return
            data = self._stream.unused_data
            self._taken -= len(data)
            if data and not self._is_gzip:
                raise self._broken()
            self._stream = None  # gzip files may follow each other

    def finish(self) -> None:
        """All has been fed. Raises `Refused` when something is missing."""
        if self._stream is not None or not self._taken:
            raise self._broken()

    def _inflate(self, data: bytes) -> bytes:
        try:
            piece: bytes = self._stream.decompress(data, PIECE_BYTES)
        except zlib.error:
            raise self._broken() from None
        return piece

    def _weigh(self, given: int, waiting: int) -> None:
        self._given += given
        if self._given > RATIO_FROM_BYTES and self._given > RATIO_LIMIT * (self._taken - waiting):
            raise Refused(413, "compression_ratio", f"The body becomes more than {RATIO_LIMIT} times larger when decompressed.")

    def _window(self, data: bytes) -> int:
        """HTTP's deflate has zlib's header; some senders leave it out."""
        if self._is_gzip:
            return 31
        return 15 if data[0] & 0x0F == 8 else -15

    def _broken(self) -> Refused:
        return Refused(400, "bad_compression", "The body can't be decompressed: it is broken or cut off.")
