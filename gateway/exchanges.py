"""An exchange: the attempts that answer one request, at one provider after the other."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeVar

from gateway.calls import Call, Origin
from gateway.protocol import ChatRequest, Delta, ProviderError
from gateway.routing import Route, Step
from telemetry import events, policies

Record = Callable[[Sequence[events.Event]], Awaitable[None]]
T = TypeVar("T")


class Exchange:
    """The attempts that answer one request. They share a trace; none follows the first token."""

    def __init__(
        self,
        request: ChatRequest,
        origin: Origin,
        *,
        rules: policies.Rules | None = None,
        route: Route | None = None,
        kind: Callable[..., Call] = Call,
    ) -> None:
        self.route = route or Route(request.target.path, request.target)
        self._kind = kind
        self.call = kind(request, marked(origin, self.route), rules=rules)
        self.call.may_ask = self.route.targets

    async def deltas(self, record: Record) -> AsyncGenerator[Delta, None]:
        """The redacted deltas of the attempt that answers. `record` stores events durably before it returns.

        Raises `ProviderError` when no attempt is left.
        """
        async with aclosing(self.answers(record, lambda call: call.deltas())) as deltas:
            async for delta in deltas:
                yield delta

    async def answers(self, record: Record, ask: Callable[[Any], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
        """As `deltas`, whatever the calls are asked for."""
        while True:
            try:
                async with aclosing(ask(self.call)) as pieces:
                    async for piece in pieces:
                        yield piece
                self.route.succeeded()
                return
            except ProviderError as error:
                step = self.route.after(error, attempt=self.call.attempt, has_output=self.call.has_output)
                if step is None:
                    raise
                await self._try_again(step, error, record)

    async def _try_again(self, step: Step, error: ProviderError, record: Record) -> None:
        failed = self.call
        failed.stop_clock()
        following = self._kind(
            replace(failed.request, target=step.target),
            replace(failed.origin, variant=step.variant),
            attempt=failed.attempt + 1,
            fallback_of=failed.inference_id if step.target.path != failed.request.target.path else None,
            rules=failed.rules,
        )
        bill = await asyncio.to_thread(failed.bill, "error")
        self.call = following  # from here on it is this one's end that is to be told, also if nobody waits for it any more
        await record([failed.finished("error", bill, error=error), following.started()])
        await asyncio.sleep(step.pause_seconds)


def marked(origin: Origin, route: Route) -> Origin:
    """The origin of a call on this route: under which name the model was asked for, and on which side of a comparison it is."""
    if route.alias is None:
        return origin
    return replace(origin, requested_model=origin.requested_model or route.name, variant=route.variant)
