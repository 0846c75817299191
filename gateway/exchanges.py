"""An exchange: the attempts that answer one request, at one provider after the other."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from gateway.calls import Call, Origin
from gateway.protocol import ChatRequest, Delta, ProviderError
from gateway.routing import Route, Step
from telemetry import events, policies

Record = Callable[[Sequence[events.Event]], Awaitable[None]]


class Exchange:
    """The attempts that answer one request. They share a trace; none follows the first token."""

    def __init__(
        self, request: ChatRequest, origin: Origin, *, rules: policies.Rules | None = None, route: Route | None = None
    ) -> None:
        self.call = Call(request, origin, rules=rules)
        self.route = route or Route(request.target.path, request.target)

    async def deltas(self, record: Record) -> AsyncGenerator[Delta, None]:
        """The redacted deltas of the attempt that answers. `record` stores events durably before it returns.

        Raises `ProviderError` when no attempt is left.
        """
        while True:
            try:
                async with aclosing(self.call.deltas()) as deltas:
                    async for delta in deltas:
                        yield delta
                return
            except ProviderError as error:
                step = self.route.after(error, attempt=self.call.attempt, has_output=self.call.has_output)
                if step is None:
                    raise
                await self._try_again(step, error, record)

    async def _try_again(self, step: Step, error: ProviderError, record: Record) -> None:
        failed = self.call
        failed.stop_clock()
        following = Call(
            replace(failed.request, target=step.target),
            failed.origin,
            attempt=failed.attempt + 1,
            fallback_of=failed.inference_id if step.target != failed.request.target else None,
            rules=failed.rules,
        )
        bill = await asyncio.to_thread(failed.bill, "error")
        await record([failed.finished("error", bill, error=error), following.started()])
        self.call = following
        await asyncio.sleep(step.pause_seconds)
