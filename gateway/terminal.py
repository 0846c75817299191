"""A talk with a model from the terminal. Every question is a call like any other: budgeted before it, recorded in every case."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from accounts.database import in_thread
from accounts.models import Membership
from gateway import routing, screening, spending
from gateway.calls import Bill, Call, Ending, Origin
from gateway.exchanges import Exchange
from gateway.protocol import ChatRequest, ProviderError
from telemetry import events, inbox, policies, wakeups
from telemetry.redaction.masking import StreamRestorer


@dataclass(slots=True)
class Talk:
    """What was said so far. `parameters` are OpenAI-shaped."""

    part: Membership
    model: str
    process_id: UUID
    parameters: dict[str, float | int] = field(default_factory=dict)
    messages: list[dict[str, str]] = field(default_factory=list)

    async def say(self, prompt: str, write: Callable[[str], object]) -> tuple[Call, Bill]:
        """Ask, and write the reply as it comes. An answered question stays in the talk, any other one leaves it.

        Raises `ProviderError`, `spending.BudgetRefusal` and `screening.Blocked`.
        """
        self.messages.append({"role": "user", "content": prompt})
        is_answered = False
        try:
            call, bill = await self._ask(write)
            is_answered = True
        finally:
            if not is_answered:
                self.messages.pop()
        self.messages.append({"role": "assistant", "content": call.text})
        return call, bill

    async def _ask(self, write: Callable[[str], object]) -> tuple[Call, Bill]:
        exchange, values = await in_thread(self._begin)
        ending: Ending = "canceled"
        error: ProviderError | None = None
        try:
            async with aclosing(_restored(exchange, values)) as texts:
                async for text in texts:
                    write(text)
            ending = "success"
        except ProviderError as failed:
            ending, error = "error", failed
            raise
        finally:
            exchange.call.stop_clock()
            bill = await asyncio.shield(in_thread(_end, exchange.call, ending, error))
        return exchange.call, bill

    def _begin(self) -> tuple[Exchange, dict[str, str]]:
        workspace_id = self.part.workspace_id
        rules = policies.rules_of(workspace_id)
        messages, values = screening.screen_messages(self.messages, rules)
        route = routing.plan(self.model, workspace_id=workspace_id, role=self.part.role)
        origin = Origin(
            workspace_id, self.part.user_id, self.process_id, source="gateway", requested_model=self.model, tags=("terminal",)
        )
        exchange = Exchange(ChatRequest(route.target, messages, self.parameters), origin, rules=rules, route=route)
        with transaction.atomic():
            spending.reserve(exchange.call, now=timezone.now())
            _append([exchange.call.started()])
        return exchange, dict(values)


async def _restored(exchange: Exchange, values: dict[str, str]) -> AsyncGenerator[str, None]:
    """The texts of the reply, with the values of masked ones put back."""
    restorer = StreamRestorer(values)
    async with aclosing(exchange.deltas(_record)) as deltas:
        async for delta in deltas:
            if text := restorer.feed(delta.content):
                yield text
    yield restorer.flush()


async def _record(told: Sequence[events.Event]) -> None:
    await in_thread(_append, told)


def _append(told: Sequence[events.Event]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        inbox.append(told, cursor)
        transaction.on_commit(wakeups.wake)


def _end(call: Call, ending: Ending, error: ProviderError | None) -> Bill:
    bill = call.bill(ending)
    with transaction.atomic():
        spending.settle(call.inference_id, bill)
        _append([call.finished(ending, bill, error=error)])
    return bill
