"""Where a request goes: the provider that is asked first, and what is tried when it fails."""

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from gateway import catalogue, shelves
from gateway.cooling import health
from gateway.deployments import Alias, CacheRule, Order, Place, alias_of, order
from gateway.protocol import ProviderError, Target

MAX_ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 20.0
# What another provider may well answer. Its own faults, and what this one does not know or may not do.
ELSEWHERE = frozenset({"authentication", "permission", "quota", "not_found", "unknown_model", "no_provider", "bad_response"})


@dataclass(frozen=True, slots=True)
class Step:
    """The next attempt: where, after which pause, and on which side of a comparison."""

    target: Target
    pause_seconds: float
    variant: str = ""


class Route:
    """What a caller's name for a model leads to: for a short name several models, for any other just one.

    It goes with one request: `after` says what follows each failure, `succeeded` is told when it was answered.
    """

    __slots__ = ("_at", "_others", "_shares", "_tried", "alias", "name", "target", "variant")

    def __init__(self, name: str, target: Target, *, alias: Alias | None = None, order: Order | None = None) -> None:
        self.name = name
        self.target = target
        self.alias = alias
        self.variant = order.variant if order else ""
        self._at: Place | None = order.first if order else None
        self._shares: list[Place] = list(order.shares) if order else []
        self._others: list[Place] = [place for place in order.others if place != order.first] if order else []
        self._tried: list[Place] = [self._at] if self._at else []

    @property
    def cache(self) -> CacheRule | None:
        """Which answers may be kept and given again."""
        return self.alias.cache if self.alias else None

    @property
    def targets(self) -> Sequence[Target]:
        """Everything that may come to be asked: what the request costs at most is what the dearest of them does."""
        places = (*self._shares, *self._others)
        return [self.target, *(place.target for place in places if place is not self._at)]

    def after(self, error: ProviderError, *, attempt: int, has_output: bool) -> Step | None:
        """What follows a failed attempt. None: the error is the answer, as it always is once something was said."""
        if self.alias is None or self._at is None:
            if not error.retryable or has_output or attempt >= MAX_ATTEMPTS:
                return None
            return Step(self.target, _pause_seconds(attempt, error.retry_after))
        health.failed(self._at.health_id, error, self.alias.rest_rule)
        if has_output:
            return None
        return self._next(error, self.alias.max_attempts)

    def succeeded(self) -> None:
        """The provider that was asked last has answered."""
        if self._at is not None:
            health.succeeded(self._at.health_id)

    def onward(self) -> "Route":
        """The route of the request that follows in the same exchange: it begins where this one has come to."""
        if self.alias is None or self._at is None:
            return Route(self.name, self.target)
        rest = [place for place in self.alias.places if place != self._at]
        shares = (self._at, *(place for place in rest if not place.is_fallback and place.weight and not place.is_resting))
        others = tuple(place for place in rest if place not in shares)
        variant = self.variant if self._at.path == self.variant else ""
        return Route(self.name, self._at.target, alias=self.alias, order=Order(shares, others, variant))

    def _next(self, error: ProviderError, max_attempts: int) -> Step | None:
        assert self._at is not None
        failed = self._at
        if error.code == "context_length":
            return self._go(next((place for place in self._untried() if _is_wider(place, failed)), None), 0.0)
        if not error.retryable and error.code not in ELSEWHERE:
            return None
        if failed in self._shares:
            here = self._shares.index(failed)
            following = [*self._shares[here + 1 :], *self._shares[: here + 1]]
            if not error.retryable:
                self._shares.remove(failed)
                following.remove(failed)
            is_too_late = (error.retry_after or 0.0) > MAX_PAUSE_SECONDS and following == [failed] and self._others
            if following and len(self._tried) < max_attempts and not is_too_late:
                return self._go(following[0], self._pause(following[0], error))
        return self._go(self._others.pop(0), 0.0) if self._others else None

    def _pause(self, following: Place, error: ProviderError) -> float:
        """Who has not been asked yet is asked at once."""
        times = self._tried.count(following)
        return _pause_seconds(times, error.retry_after if following == self._at else None) if times else 0.0

    def _go(self, place: Place | None, pause_seconds: float) -> Step | None:
        if place is None:
            return None
        if place in self._others:
            self._others.remove(place)
        self._at = place
        self._tried.append(place)
        return Step(place.target, pause_seconds, self.variant if place.path == self.variant else "")

    def _untried(self) -> list[Place]:
        return [place for place in (*self._shares, *self._others) if place not in self._tried]


def plan(name: str, *, workspace_id: uuid.UUID | None, role: str = "", subject: str = "") -> Route:
    """The route of a model path or a short name. It may ask the database: call it in a thread.

    `subject` is whom the request is for (an end user, else a person's id): who shares requests out by person goes by it.
    Raises `ProviderError` as `catalogue.resolve` does.
    """
    name = name.strip()
    shelf = shelves.of(workspace_id)
    row = shelf.named.get(name)
    if row is None or workspace_id is None:
        return Route(name, catalogue.resolve(name, workspace_id=workspace_id, role=role))
    alias = shelf.led.get(name)
    if alias is None:
        alias = shelf.led[name] = alias_of(row, shelf, workspace_id)
    places = [place for place in alias.places if not role or shelf.may_use(place.path, role)]
    if not places:
        raise catalogue.refusal(alias.places[0].path, shelf)
    found = order(alias, places, subject)
    return Route(name, found.first.target, alias=alias, order=found)


def _is_wider(place: Place, failed: Place) -> bool:
    wide, narrow = (catalogue.context_window(one.target) for one in (place, failed))
    return wide is not None and narrow is not None and wide > narrow


def _pause_seconds(attempt: int, retry_after: float | None) -> float:
    """Exponential back-off with jitter; a provider's own word counts when it is bearable."""
    if retry_after is not None:
        return min(retry_after, MAX_PAUSE_SECONDS)
    return float(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1) * (0.75 + random.random() / 2))
