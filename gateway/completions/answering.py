"""Answers what a program asks, in one piece or as it comes."""

from collections.abc import Mapping
from contextlib import aclosing
from functools import partial
from typing import Any

from accounts.entrance import Refused, Request, Response
from gateway import allowances
from gateway.calls import Origin
from gateway.completions import refusals, routes
from gateway.completions.asked import Asked
from gateway.completions.books import Books
from gateway.completions.calls import Answer
from gateway.completions.keeping import Keeper, look
from gateway.completions.relay import frame
from gateway.completions.screened import rules_for, screen
from gateway.completions.streams import Stream, closed
from gateway.completions.wholes import Whole
from gateway.exchanges import Exchange
from gateway.protocol import ChatRequest, ProviderError
from telemetry import processes

PING = b": ping\n\n"
DONE = b"data: [DONE]\n\n"


async def answer(asked: Asked, request: Request) -> Response:
    """Ask a model, and answer as OpenAI would. Raises `Refused`."""
    answering = await begin(asked, request)
    return await (answering.streamed() if asked.is_stream else answering.whole())


async def begin(asked: Asked, request: Request, **origin: Any) -> "Answering":
    """All that comes before the provider is asked: rules, route, limits, budget, and the call's first event.

    `origin` are further fields of `Origin`, such as the operation. Raises `Refused`.
    """
    bearer = request.bearer
    rules = await rules_for(bearer)
    with refusals.told(rules):
        route = await routes.find(asked.model, bearer, subject=asked.end_user or str(bearer.user_id))
        screened = await screen(asked, rules)
        keeper = await look(asked, screened, route, request=request, rules=rules)
        route = keeper.route(route)
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
        with closed(self._books, self._refused):
            async with aclosing(self._exchange.answers(self._books.record_attempt, Answer.whole)) as answers:
                found: Whole | None = await anext(answers)
                async for _ in answers:
                    pass
            assert found is not None
            if found.usage is None:
                found.add_usage(self.call.told_usage(await self._books.reckon("success")))
        await self._keep()
        await self._books.settled()
        return Response(200, found.body, self._told_headers())

    async def streamed(self) -> Response:
        """The answer as it comes. Raises `Refused`."""
        frames = self._exchange.answers(self._books.record_attempt, Answer.frames)
        stream = Stream(frames, self._books, refuse=self._refused, last=self._last, fail=_failed, ping=PING)
        return await stream.answer(self._told_headers)

    async def _last(self) -> bytes:
        bill = await self._books.reckon("success")
        await self._keep()
        return (self.call.last_frames(bill) if self._asked.has_usage else b"") + DONE

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


def _failed(refused: Refused) -> bytes:
    return frame({"error": refusals.as_error(refused)})
