"""Streams from any server that speaks OpenAI's chat completions, over one shared aiohttp session and without LiteLLM."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from typing import Protocol, TypeVar

import aiohttp
import msgspec

from gateway import directory
from gateway.adapters import concessions, wire
from gateway.adapters.faults import fault, of_error, refusal, retry_after_seconds
from gateway.adapters.posting import JSON, post
from gateway.adapters.sessions import read_start
from gateway.adapters.sse import EventReader, EventTooLargeError
from gateway.adapters.timeouts import Timeouts, Watch
from gateway.addresses import ForbiddenAddressError
from gateway.protocol import ChatRequest, Delta, Finish, ProviderError, StreamPart, Target, Usage

DONE = b"[DONE]"
MAX_REFUSAL_BYTES = 64 * 1024
MAX_WHOLE_BYTES = 16 * 1024 * 1024
DRAIN_SECONDS = 0.1
EVENTS = "text/event-stream"
NETWORK_ERRORS = (aiohttp.ClientError, msgspec.MsgspecError, OSError, RuntimeError, ValueError)


T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Reading(Protocol[T_co]):
    """What is made of the bytes of one reply as they come."""

    is_done: bool  # it is complete, whatever else may come

    @property
    def is_finished(self) -> bool:
        """Whether every choice has said how it ended; what may follow is its usage."""

    def feed(self, data: bytes) -> Iterable[T_co]: ...
    def rest(self) -> Iterable[T_co]:
        """What the stream ended without closing."""

    def take_whole(self, body: bytes) -> Iterable[T_co]:
        """An answer that isn't streamed, though it was asked to be."""

    def ends(self, content_type: str) -> Iterable[T_co]:
        """What follows the last piece. Raises `ProviderError` when the stream ended before the reply did."""


class DirectAdapter:
    """An `Adapter`. Options that a target may have: `key_header`, `max_tokens` (the parameter's name), `query`."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts

    def stream(self, request: ChatRequest) -> AsyncGenerator[StreamPart, None]:
        who = directory.label(request.target.provider)
        return self.read(request, _Reply(who, int(request.parameters.get("n") or 1)))

    async def read(self, request: ChatRequest, reply: Reading[T]) -> AsyncGenerator[T, None]:
        """Stream one call, and yield what `reply` makes of it."""
        who = directory.label(request.target.provider)
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        response = await self._open(request, who)
        watch = Watch(loop, response.close, max(0.0, self._timeouts.first_byte + asked_at - loop.time()))
        idle, ending = self._timeouts.idle, self._timeouts.ending
        try:
            try:
                if response.content_type == JSON:
                    for part in reply.take_whole(await _read(response, watch, limit=MAX_WHOLE_BYTES)):
                        yield part
                read, feed = response.content.readany, reply.feed
                while not reply.is_done:
                    watch.wait()
                    data = await read()
                    watch.rest()
                    if not data:
                        break
                    for part in feed(data):
                        yield part
                    watch.change_limit(ending if reply.is_finished else idle)
                for part in reply.rest():
                    yield part
            except NETWORK_ERRORS as error:
                if not reply.is_finished:
                    raise network_fault(error, who, watch=watch) from error
            for end in reply.ends(response.content_type):
                yield end
            await _drain(response)
        finally:
            watch.stop()
            response.close()

    async def whole(self, request: ChatRequest) -> bytes:
        """The provider's answer in one piece, as it wrote it. Raises `ProviderError`."""
        who = directory.label(request.target.provider)
        response = await self._open(request, who, is_stream=False)
        watch = Watch(asyncio.get_running_loop(), response.close, self._timeouts.idle)
        try:
            return await _read(response, watch, limit=MAX_WHOLE_BYTES)
        except NETWORK_ERRORS as error:
            raise network_fault(error, who, watch=watch) from error
        finally:
            watch.stop()
            response.close()

    async def _open(self, request: ChatRequest, who: str, *, is_stream: bool = True) -> aiohttp.ClientResponse:
        """The answer that is to be read. Raises `ProviderError`."""
        conceded = concessions.conceded_to(request.target)
        while True:
            body = concessions.body_of(request, conceded, is_stream=is_stream)
            try:
                response = await self._post(request.target, msgspec.json.encode(body), is_stream=is_stream)
                if 200 <= response.status < 300:
                    return response
                text = await self._read_refusal(response)
            except NETWORK_ERRORS as error:
                raise network_fault(error, who) from error
            given_up = concessions.next_concession(response.status, text.decode("utf-8", "replace"), body, conceded)
            if given_up is None:
                raise refusal(who, response.status, text, retry_after=retry_after_seconds(response.headers))
            conceded |= {given_up}
            concessions.remember(request.target, conceded)

    async def _post(self, target: Target, body: bytes, *, is_stream: bool) -> aiohttp.ClientResponse:
        times = self._timeouts
        patience, accept = (times.first_byte, EVENTS) if is_stream else (times.whole, JSON)
        headers = {"Accept": accept}
        return await post(target, "/chat/completions", body, headers=headers, patience=patience, connect=times.connect)

    async def _read_refusal(self, response: aiohttp.ClientResponse) -> bytes:
        async with response, asyncio.timeout(self._timeouts.idle):
            return await read_start(response, limit=MAX_REFUSAL_BYTES)


class _Reply:
    """What one call has said so far, as deltas: a `Reading`."""

    __slots__ = ("_events", "_transcript", "_who", "has_events", "is_done")

    def __init__(self, who: str, choice_count: int) -> None:
        self._who = who
        self._events = EventReader()
        self._transcript = wire.Transcript(choice_count)
        self.is_done = False
        self.has_events = False

    @property
    def is_finished(self) -> bool:
        """Whether every choice has said how it ended; what may follow is its usage."""
        return self._transcript.is_finished

    def feed(self, data: bytes) -> list[Delta]:
        return self._take(self._events.feed(data))

    def rest(self) -> list[Delta]:
        """What the stream ended without closing."""
        return [] if self.is_done else self._take(self._events.rest())

    def take_whole(self, body: bytes) -> list[Delta]:
        """An answer that isn't streamed, though it was asked to be."""
        deltas = self._take([body])
        self.is_done = True
        return deltas

    def _take(self, payloads: list[bytes]) -> list[Delta]:
        deltas: list[Delta] = []
        for payload in payloads:
            if payload == DONE:
                self.is_done = True
                break
            chunk = wire.decode(payload)
            self.has_events = True
            if chunk.error or chunk.object == "error":
                raise of_error(self._who, chunk.error or msgspec.json.decode(payload))
            deltas += self._transcript.read(chunk)
        return deltas

    def ends(self, content_type: str) -> list[Usage | Finish]:
        """Usage and finishes. Raises `ProviderError` when the stream ended before the reply did."""
        if self.is_done or self.is_finished:
            return self._transcript.end()
        if not self.has_events:
            raise fault("bad_response", self._who, f"It is {content_type or 'empty'}, not a stream of events.", retryable=False)
        raise fault("connection", self._who, "It ended the stream before the reply was complete.")


async def _read(response: aiohttp.ClientResponse, watch: Watch, *, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    watch.wait()
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > limit:
            raise EventTooLargeError
        watch.wait()
    watch.rest()
    return b"".join(parts)


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read the end of the body, if it is here already: only then can the connection serve the next call."""
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            await response.content.readany()
    except (aiohttp.ClientError, OSError):
        return


# What went wrong below the protocol, the most particular first: the kind of error, its place in the table, and why. The
# texts of the errors are passed on only where they are ours or a certificate's: some hold the header with the key.
BREAKS: tuple[tuple[type[Exception], str, str, bool | None], ...] = (
    (ForbiddenAddressError, "connection", "Its address leads into a private network, which is not allowed.", False),
    (aiohttp.ConnectionTimeoutError, "timeout", "It could not be reached in time.", None),
    (TimeoutError, "timeout", "It sent no answer in time.", None),
    (aiohttp.ClientConnectorDNSError, "connection", "Its host {error.host} was not found.", None),
    (aiohttp.ClientSSLError, "connection", "No secure connection to {error.host} could be made: {cause}.", False),
    (aiohttp.ClientConnectorError, "connection", "{error.host}:{error.port} refused the connection, or is not there.", None),
    (aiohttp.InvalidURL, "connection", "Its address cannot be used.", False),
    (EventTooLargeError, "bad_response", "One piece of it is too large.", None),
    (msgspec.MsgspecError, "bad_response", "A piece of the stream is not what it should be: {error}.", None),
    (UnicodeDecodeError, "bad_response", "A piece of the stream is not what it should be: {error}.", None),
    (aiohttp.ClientResponseError, "bad_response", "It does not speak HTTP as it should.", None),
    (ValueError, "invalid_request", "The prompt, the key or the address holds characters that cannot be sent.", None),
)


def network_fault(error: Exception, who: str, *, watch: Watch | None = None) -> ProviderError:
    """The fault of an error below the protocol; whatever isn't in `BREAKS` is a connection that broke."""
    if watch is not None and watch.has_expired:
        return fault("timeout", who, f"It said nothing for {watch.limit:.3g} seconds.")
    cause = getattr(error, "os_error", None)
    for sort, code, why, retryable in BREAKS:
        if isinstance(error, sort) or isinstance(cause, sort):
            return fault(code, who, why.format(error=error, cause=cause), retryable=retryable)
    return fault("connection", who, "It broke the connection off.")
