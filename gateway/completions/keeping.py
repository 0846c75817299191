"""Answers of a short name that are given again: looked for before a provider is asked, and kept once one has answered."""

import asyncio
from dataclasses import dataclass, replace

from accounts.entrance import Request
from gateway.answer_cache import Called, Choice, Kept, Slot, slot
from gateway.calls import Bill, Origin
from gateway.completions.asked import Asked
from gateway.completions.calls import Answer
from gateway.completions.screened import LARGE, Screened
from gateway.protocol import Usage
from gateway.routing import Route
from telemetry import policies


@dataclass(frozen=True, slots=True)
class Keeper:
    """Of one request: where its answer is kept, None where it isn't, and the one that was found there."""

    slot: Slot | None = None
    found: Kept | None = None

    @property
    def headers(self) -> dict[str, str]:
        if self.slot is None:
            return {}
        return {"x-ollive-cache": "hit" if self.found else "miss"}

    def route(self, route: Route) -> Route:
        """A kept answer is given in the name of who gave it, and says nothing about anybody's health."""
        if self.found is None:
            return route
        target = next(target for target in route.targets if target.path == self.found.path)
        return Route(route.name, target)

    def origin(self, origin: Origin) -> Origin:
        return replace(origin, is_cached=True) if self.found else origin

    async def keep(self, call: Answer, bill: Bill) -> None:
        """Keep the answer that a provider has given."""
        if self.slot is None or self.found is not None:
            return
        choices = {
            index: Choice(
                content="".join(said.content),
                reasoning="".join(said.reasoning),
                calls={
                    place: Called(one.id, one.name, one.arguments, dict(one.extra or {}))
                    for place, one in enumerate(said.asked.calls)
                },
                reason=said.finish,
            )
            for index, said in call.said.items()
        }
        told = replace(bill.usage, raw=call.told_usage(bill))
        usage = {name: getattr(told, name) for name in Usage.__slots__}
        kept = Kept(choices, call.request.target.path, call.finish.served_model, usage)
        await self.slot.keep(kept, call.rules)


async def look(asked: Asked, screened: Screened, route: Route, *, request: Request, rules: policies.Rules) -> Keeper:
    """What is known of this question. Who keeps less of a call than all of it keeps no answers either."""
    if route.cache is None or policies.kept(rules.policy, request.bearer.payloads) != "full":
        return Keeper()

    def place() -> Slot | None:
        return slot(
            route.cache,
            screened.messages,
            screened.parameters,
            workspace_id=request.bearer.workspace_id,
            rules=rules,
            control=request.headers.get("cache-control", ""),
        )

    where = await asyncio.to_thread(place) if asked.size > LARGE else place()
    if where is None:
        return Keeper()
    found = await where.find()
    # An answer of a model that this caller may not use, or that is no longer behind the name, is none for them.
    if found is not None and all(target.path != found.path for target in route.targets):
        found = None
    return Keeper(where, found)
