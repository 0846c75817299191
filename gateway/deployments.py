"""The models behind a short name: which there are, and in which order a request asks them."""

import hashlib
import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from django.utils.crypto import salted_hmac

from gateway import catalogue
from gateway.cooling import Rule, health
from gateway.models import ModelAlias
from gateway.protocol import ProviderError, Target
from gateway.shelves import Shelf


@dataclass(frozen=True, slots=True)
class Place:
    """One model behind a short name, and where it is asked. `health_id` is what its failures are counted under."""

    path: str
    target: Target
    weight: int
    is_fallback: bool
    health_id: str

    @property
    def is_resting(self) -> bool:
        return health.rests(self.health_id)


@dataclass(frozen=True, slots=True)
class CacheRule:
    """Which answers are kept, and for how long. `name` is that of a space of answers: another one has none of them."""

    name: str
    seconds: int
    is_for_random: bool


@dataclass(frozen=True, slots=True)
class Alias:
    """A short name as requests follow it."""

    id: uuid.UUID
    name: str
    places: tuple[Place, ...]
    max_attempts: int
    rest_rule: Rule
    cache: CacheRule | None
    is_sticky: bool
    is_compared: bool


@dataclass(frozen=True, slots=True)
class Order:
    """Who is asked: one of `shares` and then another, and after them each of `others` once."""

    shares: tuple[Place, ...]
    others: tuple[Place, ...]
    variant: str  # the side of the comparison that the request is on; empty where there is none, or it can't be on its side

    @property
    def first(self) -> Place:
        return (self.shares or self.others)[0]


def alias_of(row: ModelAlias, shelf: Shelf, workspace_id: uuid.UUID) -> Alias:
    """What a short name leads to. Models that lead nowhere are left out; raises `ProviderError` where none is left."""
    places: list[Place] = []
    refusal: ProviderError | None = None
    told = [(row.path, row.weight, False), *((one.path, one.weight, one.is_fallback) for one in row.deployments.all())]
    for path, weight, is_fallback in told:
        try:
            target = catalogue.resolve_on(shelf, path)
        except ProviderError as error:
            refusal = refusal or error
            continue
        target = replace(target, first_byte_seconds=row.first_byte_seconds, idle_seconds=row.idle_seconds)
        places.append(Place(target.path, target, weight, is_fallback, health_id(workspace_id, target)))
    if refusal and not places:
        raise refusal
    cache = CacheRule(f"{row.id.hex}.{row.cache_epoch}", row.cache_seconds, row.caches_random) if row.cache_seconds else None
    return Alias(
        id=row.id,
        name=row.name,
        places=tuple(places),
        max_attempts=row.max_attempts,
        rest_rule=Rule(row.failures_to_rest if len(places) > 1 else 0, row.rest_seconds),
        cache=cache,
        is_sticky=row.split_by == ModelAlias.SplitBy.USER,
        is_compared=row.compared_since is not None,
    )


def health_id(workspace_id: uuid.UUID, target: Target) -> str:
    """Another address or key is another deployment: what failed with the old one says nothing about it."""
    told = f"{workspace_id}|{target.path}|{target.base_url}|{target.api_key}|{sorted(target.options.items())}"
    return salted_hmac("gateway.deployments", told, algorithm="sha256").hexdigest()[:32]


def order(alias: Alias, places: Sequence[Place], subject: str) -> Order:
    """The order of one request. A subject (a person) gets the same one each time where the alias says so."""
    weighed = sorted(
        (place for place in places if not place.is_fallback and place.weight), key=_key(alias, subject), reverse=True
    )
    waiting = [place for place in places if place.is_fallback]
    # Weights that are all 0 leave nobody to ask: then they mean nothing.
    weighed = weighed or [place for place in places if not place.is_fallback] or waiting
    if len(places) == 1:
        return Order(tuple(weighed), (), weighed[0].path if alias.is_compared else "")
    resting = [place for place in (*weighed, *waiting) if place.is_resting]
    shares = tuple(place for place in weighed if place not in resting)
    others = [place for place in waiting if place not in resting and place not in shares]
    # Who rests is asked when nobody else answers: it may be well again, and there is nothing to lose.
    found = Order(shares, (*others, *resting), "")
    is_on_its_side = alias.is_compared and found.first == weighed[0]
    return replace(found, variant=weighed[0].path if is_on_its_side else "")


def _key(alias: Alias, subject: str) -> Callable[[Place], float]:
    """Sorting by it draws without putting back, each with a chance by its weight; changing a weight moves few subjects."""
    if not (alias.is_sticky and subject):
        return lambda place: float(random.random() ** (1 / place.weight))

    def drawn(place: Place) -> float:
        digest = hashlib.blake2b(f"{alias.id}|{place.path}|{subject}".encode(), digest_size=8).digest()
        return float(((int.from_bytes(digest) + 1) / 2**64) ** (1 / place.weight))

    return drawn
