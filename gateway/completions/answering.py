"""Answers what a program asks, in one piece or as it comes."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from functools import partial
from typing import Any

import structlog
from django.db import Error as DatabaseError

from accounts.database import in_thread
from accounts.entrance import Refused, Request, Response
from gateway import allowances
from gateway.calls import Ending, Origin
from gateway.completions import refusals, routes
from gateway.completions.asked import Asked
from gateway.completions.books import Books, away
from gateway.completions.calls import Answer
from gateway.completions.keeping import Keeper, look
from gateway.completions.relay import frame
from gateway.completions.screened import screen
from gateway.completions.wholes import Whole
from gateway.exchanges import Exchange
from gateway.protocol import ChatRequest, ProviderError
from gateway.screening import Blocked
from telemetry import policies, processes

FIRST_SECONDS = 15.0  # for so long the status waits for the first word: after that a refusal comes in the stream
PING = b": ping\n\n"
DONE = b"data: [DONE]\n\n"
BROKEN = Refused(500, "server_error", "Something broke here. It was noted.")
INTERNAL = ProviderError("internal", BROKEN.message)

log = structlog.get_logger(__name__)


async def answer(asked: Asked, request: Request) -> Response:
    """Ask a model, and answer as OpenAI would. Raises `Refused`."""
    answering = await begin(asked, request)
    return await (answering.streamed() if asked.is_stream else answering.whole())


async def begin(asked: Asked, request: Request, **origin: Any) -> "Answering":
    """All that comes before the provider is asked: rules, route, limits, budget, and the call's first event.

    `origin` are further fields of `Origin`, such as the operation. Raises `Refused`.
    """
    bearer = request.bearer
    rules = policies.fresh(bearer.workspace_id)
    if rules is None:
        rules = await in_thread(policies.rules_of, bearer.workspace_id)
    try:
        route = await routes.find(asked.model, bearer, subject=asked.end_user or str(bearer.user_id))
        screened = await screen(asked, rules)
        keeper = await look(asked, screened, route, request=request, rules=rules)
        route = keeper.route(route)
    except ProviderError as error:
        raise refusals.of_provider(error, rules) from None
    except Blocked as blocked:
        raise refusals.of_block(blocked) from None
    except DatabaseError:
        raise away() from None
    admission = await allowances.admit(bearer, tokens=0 if keeper.found else asked.tokens)
    exchange = Exchange(
        ChatRequest(route.target, screened.messages, screened.parameters),
        keeper.origin(origin_of(asked, request, **origin)),
        rules=rules,
        route=route,
        kind=partial(Answer, values=screened.values, again=keeper.found),
    )
    books = Books(exchange, admission, size=asked.size)
    await books.open()
    headers = {**admission.headers, **keeper.headers}
    if asked.ignored:
        headers["x-ollive-ignored"] = ", ".join(name for name in asked.ignored if name.isascii() and name.isprintable())[:500]
    return Answering(asked, exchange, books, headers=headers, keeper=keeper)


def origin_of(asked: Asked, request: Request, **more: Any) -> Origin:
    """Who asks, through this door."""
    bearer = request.bearer
    given: dict[str, Any] = {
        "workspace_id": bearer.workspace_id,
        "user_id": bearer.user_id,
        "process_id": processes.own(),
        "source": "gateway",
        "trace_id": request.trace_id,
        "payloads": bearer.payloads,
        "api_key_id": bearer.api_key_id,
        "requested_model": asked.model,
        "is_stream": asked.is_stream,
        "end_user": asked.end_user,
        "tags": asked.tags,
        "metadata": asked.metadata,
    }
    return Origin(**given | more)


class Answering:
    """One request that is being answered. Take `whole` or `streamed`, once: that closes the books."""

    def __init__(self, asked: Asked, exchange: Exchange, books: Books, *, headers: Mapping[str, str], keeper: Keeper) -> None:
        self._keeper = keeper
        self._asked = asked
        self._exchange = exchange
        self._books = books
        self._headers = headers

    @property
    def call(self) -> Answer:
        """The attempt that answers."""
        call = self._exchange.call
        assert isinstance(call, Answer)
        return call

    async def whole(self) -> Response:
        """The answer in one piece. Raises `Refused`."""
        ending: Ending = "error"
        error: ProviderError | None = INTERNAL
        try:
            async with aclosing(self._exchange.answers(self._books.record_attempt, Answer.whole)) as answers:
                found: Whole | None = await anext(answers)
                async for _ in answers:
                    pass
            assert found is not None
            ending, error = "success", None
            if found.usage is None:
                found.add_usage(self.call.told_usage(await self._books.reckon(ending)))
        except ProviderError as failed:
            error = failed
            raise self._refused(failed) from None
        except asyncio.CancelledError as gone:
            ending, error = why(gone), None
            raise
        finally:
            self._books.close(ending, error)
        await self._keep()
        await self._books.settled()
        return Response(200, found.body, self._told_headers())

    async def streamed(self) -> Response:
        """The answer as it comes. What goes wrong before the first word is refused, with a status. Raises `Refused`."""
        frames = self._exchange.answers(self._books.record_attempt, Answer.frames)
        first = asyncio.get_running_loop().create_task(anext(frames))
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
            raise self._refused(failed) from None
        except asyncio.CancelledError as gone:
            ending, error = why(gone), None
            raise
        finally:
            if not is_begun:
                await _leave(first, frames)
                self._books.close(ending, error)
        headers = {"content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no", **self._told_headers()}
        return Response(200, headers=headers, chunks=self._chunks(first, frames), ping=PING)

    async def _chunks(self, first: asyncio.Task[bytes], frames: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        ending: Ending = "canceled"
        error: ProviderError | None = None
        try:
            if not first.done():
                yield PING
            yield await first
            async for sent in frames:
                yield sent
            ending = "success"
            last = self.call.last_frames(await self._books.reckon(ending)) if self._asked.has_usage else b""
            self._books.close(ending)
            await self._keep()
            await self._books.settled()
            yield last + DONE
        except ProviderError as failed:
            ending, error = "error", failed
            self._books.close(ending, error)
            yield frame({"error": refusals.as_error(self._refused(failed))})
        except asyncio.CancelledError as gone:
            ending = why(gone) if ending == "canceled" else ending
            raise
        except Exception:  # edge: the program is told in the stream, which has begun; it has no status any more
            log.exception("a stream broke", inference_id=str(self.call.inference_id))
            ending, error = "error", INTERNAL
            yield frame({"error": refusals.as_error(BROKEN)})
        finally:
            await _leave(first, frames)
            self._books.close(ending, error)

    async def _keep(self) -> None:
        await self._keeper.keep(self.call, await self._books.reckon("success"))

    def _refused(self, error: ProviderError) -> Refused:
        refused = refusals.of_provider(error, self.call.rules)
        refused.headers.update(self._told_headers())
        return refused

    def _told_headers(self) -> dict[str, str]:
        call = self.call
        return {
            **self._headers,
            "x-ollive-inference-id": str(call.inference_id),
            "x-ollive-model": call.request.target.path.encode("ascii", "replace").decode(),
        }


async def _leave(first: asyncio.Task[bytes], frames: AsyncGenerator[bytes, None]) -> None:
    """Hang up on the provider."""
    if not first.done():
        first.cancel()
    with suppress(asyncio.CancelledError, ProviderError, StopAsyncIteration):
        await first
    await frames.aclose()


def why(gone: asyncio.CancelledError) -> Ending:
    """The server says so when it ends what is still running; else it is the caller who has hung up."""
    return "interrupted" if any("shutdown" in str(reason) for reason in gone.args) else "canceled"
