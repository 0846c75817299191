"""Short names of a workspace, and asking the fake provider by them."""

import asyncio
import json
import uuid
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from accounts.models import Workspace
from gateway import adapters, routing, sources
from gateway.calls import Origin
from gateway.exchanges import Exchange
from gateway.models import Deployment, ModelAlias
from gateway.protocol import ChatRequest, ProviderError
from gateway.routing import Route
from telemetry import events, policies


@dataclass
class Answered:
    """What came of one request."""

    text: str = ""
    error: ProviderError | None = None
    route: Route | None = None
    attempts: list[dict[str, Any]] = field(default_factory=list)  # the events of the attempts that failed and of those after them
    last: dict[str, Any] = field(default_factory=dict)

    @property
    def asked(self) -> list[str]:
        """The models in the order in which they were asked."""
        found = [told["model"] for told in self.attempts if told["phase"] == "finished"]
        return [*found, self.last["model"]]


def make_alias(workspace: Workspace, path: str, *others: str, fallbacks: Sequence[str] = (), **options: Any) -> ModelAlias:
    """A short name `smart` for openai/`path`, which shares with `others` and is followed by `fallbacks`."""
    alias = ModelAlias.objects.create(workspace=workspace, name=options.pop("name", "smart"), path=f"openai/{path}", **options)
    for other in others:
        name, _, weight = other.partition("=")
        Deployment.objects.create(alias=alias, path=f"openai/{name}", weight=int(weight or 1))
    for place, name in enumerate(fallbacks):
        Deployment.objects.create(alias=alias, path=f"openai/{name}", is_fallback=True, position=place)
    sources.forget()
    return alias


def ask(workspace: Workspace, name: str = "smart", *, subject: str = "", **parameters: Any) -> Answered:
    """Ask as a call of the chat does, to its end."""
    route = routing.plan(name, workspace_id=workspace.id, subject=subject)
    origin = Origin(workspace_id=workspace.id, user_id=None, process_id=None, source="gateway")
    messages = [{"role": "user", "content": "How do tides work?"}]
    rules = policies.rules_of(workspace.id)
    exchange = Exchange(ChatRequest(route.target, messages, parameters), origin, rules=rules, route=route)
    answered = Answered(route=route)
    asyncio.run(_hear(exchange, answered))
    answered.last = json.loads(exchange.call.started().body)
    return answered


async def _hear(exchange: Exchange, answered: Answered) -> None:
    async def record(pair: Sequence[events.Event]) -> None:
        answered.attempts += [json.loads(event.body) for event in pair]

    try:
        async with aclosing(exchange.deltas(record)) as deltas:
            async for delta in deltas:
                answered.text += delta.content
    except ProviderError as error:
        answered.error = error
    finally:
        await adapters.aclose()


def plan(workspace: Workspace, name: str = "smart", *, subject: str = "", role: str = "") -> Route:
    return routing.plan(name, workspace_id=workspace.id, role=role, subject=subject)


def anybody() -> str:
    return str(uuid.uuid4())
