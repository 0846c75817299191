"""A talk with a model from the terminal. Every question is a call like any other: budgeted before it, recorded in every case."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from accounts.database import in_thread
from accounts.models import Membership, User
from gateway import routing, screening, spending
from gateway.calls import Bill, Call, Ending, Origin
from gateway.exchanges import Exchange
from gateway.protocol import ChatRequest, ProviderError
from telemetry import events, inbox, policies, wakeups
from telemetry.redaction.masking import StreamRestorer


class NobodySuch(ValueError):
    """Whoever was named can't ask; the message says why."""


def speaker(email: str | None, workspace_id: UUID | None) -> Membership:
    """The part of whoever asks from a terminal: the owner's first workspace, unless told otherwise. Raises `NobodySuch`."""
    parts = Membership.objects.select_related("user", "workspace").order_by("created_at", "pk")
    if email is None:
        parts = parts.filter(user__is_superuser=True)
    elif not User.objects.filter(email=email.strip().lower()).exists():
        raise NobodySuch(f"There is no user {email}.")
    else:
        parts = parts.filter(user__email=email.strip().lower())
    found = (parts.filter(workspace_id=workspace_id) if workspace_id else parts).first()
    if found is None:
        raise NobodySuch(f"{email or 'The owner'} is not in {'that' if workspace_id else 'any'} workspace.")
    if found.role == Membership.Role.VIEWER:
        raise NobodySuch(f"{found.user.email} reads along there, and asks nothing.")
    return found


@dataclass(slots=True)
class Talk:
    """What was said so far. `parameters` are OpenAI-shaped."""

    part: Membership
    model: str
    process_id: UUID
    parameters: dict[str, float | int] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    tags: tuple[str, ...] = ("terminal",)

    async def say(self, prompt: str, write: Callable[[str], object]) -> tuple[Call, Bill]:
        """Ask, and write the reply as it comes. An answered question stays in the talk, any other one leaves it.

        Raises `ProviderError`, `spending.BudgetRefusal` and `screening.Blocked`.
        """
        self.messages.append({"role": "user", "content": prompt})
        is_answered = False
        try:
            call, bill = await self.ask(write)
            is_answered = True
        finally:
            if not is_answered:
                self.messages.pop()
        self.messages.append({"role": "assistant", "content": call.text})
        return call, bill

    async def ask(self, write: Callable[[str], object]) -> tuple[Call, Bill]:
        """Ask with the messages as they are, and write the reply as it comes. Raises as `say` does."""
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
            workspace_id, self.part.user_id, self.process_id, source="gateway", requested_model=self.model, tags=self.tags
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
