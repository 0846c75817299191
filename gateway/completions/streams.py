"""How an answer to a program ends, whole or streamed: well, by a fault of the provider's, or because somebody has gone.

Whichever it is, the books are closed with it, once.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

import structlog

from accounts.entrance import Refused, Response
from gateway.calls import Ending
from gateway.completions.books import Books
from gateway.protocol import ProviderError

FIRST_SECONDS = 15.0  # for so long the status waits for the first word: after that a refusal comes in the stream
BROKEN = Refused(500, "server_error", "Something broke here. It was noted.")
INTERNAL = ProviderError("internal", BROKEN.message)
EVENTS = {"content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no"}

Refuse = Callable[[ProviderError], Refused]

log = structlog.get_logger(__name__)


@contextmanager
def closed(books: Books, refuse: Refuse, *, goes_on: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Close the books with how the work inside ended, unless it goes on. Raises `Refused` for a fault of the provider's."""
    ending: Ending = "error"
    error: ProviderError | None = INTERNAL
    try:
        yield
        ending, error = "success", None
    except ProviderError as failed:
        error = failed
        raise refuse(failed) from None
    except asyncio.CancelledError as gone:
        ending, error = _why(gone), None
        raise
    finally:
        if not goes_on():
            books.close(ending, error)


class Stream:
    """Frames that go out as they come. What goes wrong before the first one is refused, with a status.

    `last` makes the frames of a good end, `fail` the one of a bad end; `ping` goes out in a long silence.
    """

    def __init__(
        self,
        frames: AsyncGenerator[bytes, None],
        books: Books,
        *,
        refuse: Refuse,
        last: Callable[[], Awaitable[bytes]],
        fail: Callable[[Refused], bytes],
        ping: bytes,
    ) -> None:
        self._frames = frames
        self._books = books
        self._refuse = refuse
        self._last = last
        self._fail = fail
        self._ping = ping

    async def answer(self, headers: Callable[[], dict[str, str]]) -> Response:
        """Raises `Refused`. The headers are asked for when the provider that answers is known."""
        first = asyncio.get_running_loop().create_task(self._begun())
        is_begun = False
        with closed(self._books, self._refuse, goes_on=lambda: is_begun):
            try:
                await asyncio.wait([first], timeout=FIRST_SECONDS)
                if first.done():
                    first.result()
                is_begun = True
            finally:
                if not is_begun:
                    await self._leave(first)
        return Response(200, headers=EVENTS | headers(), chunks=self._chunks(first), ping=self._ping)

    async def _chunks(self, first: asyncio.Task[bytes]) -> AsyncGenerator[bytes, None]:
        ending: Ending = "canceled"
        error: ProviderError | None = None
        try:
            if not first.done():
                yield self._ping
            if begun := await first:
                yield begun
            async for sent in self._frames:
                yield sent
            ending = "success"
            last = await self._last()
            self._books.close(ending)
            await self._books.settled()
            if last:
                yield last
        except ProviderError as failed:
            ending, error = "error", failed
            self._books.close(ending, error)
            yield self._fail(self._refuse(failed))
        except asyncio.CancelledError as gone:
            ending = _why(gone) if ending == "canceled" else ending
            raise
        except Exception:  # edge: the program is told in the stream, which has begun; it has no status any more
            log.exception("a stream broke")
            ending, error = "error", INTERNAL
            yield self._fail(BROKEN)
        finally:
            await self._leave(first)
            self._books.close(ending, error)

    async def _begun(self) -> bytes:
        """The first frame; nothing where the provider has nothing to say."""
        return await anext(self._frames, b"")

    async def _leave(self, first: asyncio.Task[bytes]) -> None:
        """Hang up on the provider."""
        if not first.done():
            first.cancel()
        with suppress(asyncio.CancelledError, ProviderError):
            await first
        await self._frames.aclose()


def _why(gone: asyncio.CancelledError) -> Ending:
    """The server says so when it ends what is still running; else it is the caller who has hung up."""
    return "interrupted" if any("shutdown" in str(reason) for reason in gone.args) else "canceled"
