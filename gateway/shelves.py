"""The models of one workspace, put together once and read by each send: what is configured, what it offers, and what the
workspace says of it. At most five seconds old; a change in this process counts at once.
"""

import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils import timezone

from accounts.models import Membership
from gateway import directory, known_models, listing, sources
from gateway.known_models import UNKNOWN
from gateway.listing import Offer
from gateway.models import ModelAlias, ModelChoices, ModelEntry
from gateway.protocol import Abilities
from gateway.sources import Source

ALIASES = "Short names"
DEMO_ABILITIES = Abilities(vision=False, tools=False, reasoning=False)
MAY_TYPE = (Membership.Role.OWNER, Membership.Role.ADMIN)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """One line of the picker. `provider` is what people read; paths begin with its name."""

    path: str
    label: str
    provider: str
    is_demo: bool = False
    # What it can do besides answering in text; None where nobody says.
    has_vision: bool | None = None
    has_tools: bool | None = None
    has_reasoning: bool | None = None
    context_window: int | None = None
    roles: tuple[str, ...] = ()  # who may use it; everyone who may chat, if none is named
    is_hidden: bool = False
    stands_for: str = ""  # the path behind a short name

    def is_for(self, role: str) -> bool:
        """Whether a role may use it; without a role nobody is asking."""
        return not (role and self.roles) or role in self.roles


class Shelf:
    """What one workspace has."""

    def __init__(self, workspace_id: uuid.UUID | None) -> None:
        entries = ModelEntry.objects.filter(workspace_id=workspace_id) if workspace_id else ()
        named = ModelAlias.objects.filter(workspace_id=workspace_id).prefetch_related("deployments") if workspace_id else ()
        self.entries = {entry.path.lower(): entry for entry in entries}
        self.named: Mapping[str, ModelAlias] = {alias.name: alias for alias in named}
        self.aliases = {name: alias.path for name, alias in self.named.items()}
        self.warm: set[tuple[str, str]] = set()  # names and roles for which all is in memory
        self.led: dict[str, Any] = {}  # the short names that were followed, as `gateway.deployments` put them together
        wanted = ModelChoices.objects.filter(workspace_id=workspace_id).first() if workspace_id else None
        self.wanted = wanted or ModelChoices()
        off = self.wanted.switched_off
        found = sources.configured(workspace_id)
        self.sources: Mapping[str, Source] = {
            name: source for name, source in found.items() if source.origin == "workspace" or name not in off
        }
        self.documents: dict[str, tuple[bytes, str]] = {}  # the picker's list by role
        self._visible: dict[str, list[ModelChoice]] = {}
        self._names: dict[str, list[str]] = {}
        self._offers: dict[str, dict[str, Offer]] = {}

    @cached_property
    def choices(self) -> tuple[ModelChoice, ...]:
        """Every model that is known of, hidden ones too; short names come first."""
        listing.prepare(self.sources.values())
        own = tuple(choice for source in self.sources.values() for choice in self._choices_of(source))
        by_path = {choice.path: choice for choice in own}
        return (*self._named(by_path), *own)

    @cached_property
    def by_path(self) -> Mapping[str, ModelChoice]:
        return {choice.path: choice for choice in self.choices}

    def visible(self, role: str) -> list[ModelChoice]:
        found = self._visible.get(role)
        if found is None:
            found = self._visible[role] = [choice for choice in self.choices if not choice.is_hidden and choice.is_for(role)]
        return found

    def entry(self, path: str) -> ModelEntry | None:
        """What the workspace says of a model; names that differ in case alone are one at some providers."""
        return self.entries.get(path.lower())

    @property
    def is_restricted(self) -> bool:
        """Whether any model is not for everybody who may chat."""
        is_open = self.wanted.who_may_type == ModelChoices.Typing.EVERYONE
        return not is_open or any(entry.roles for entry in self.entries.values())

    def may_use(self, path: str, role: str) -> bool:
        """Whether a role may use a model of a full path, be it listed or typed."""
        entry = self.entry(path)
        if entry is not None and entry.roles and role not in entry.roles:
            return False
        if self.wanted.who_may_type == ModelChoices.Typing.EVERYONE or role in MAY_TYPE:
            return True
        found = self.by_path.get(path)
        return found is not None and not found.is_hidden

    def names(self, source: Source) -> list[str]:
        """The models of a source, those that a person named first."""
        found = self._names.get(source.name)
        if found is None:
            found = self._names[source.name] = list(dict.fromkeys(self._listed(source)))
        return found

    def has(self, source: Source, name: str) -> bool:
        return name in self.names(source) or (source.lists_by == "map" and name in known_models.known(source.kind))

    def window(self, source: Source, name: str) -> int | None:
        """How many tokens a model takes in, where the workspace or its provider says so."""
        entry = self.entry(f"{source.name}/{name}")
        if entry is not None and entry.context_window:
            return entry.context_window
        offer = self._offered(source).get(name)
        return offer.context_window if offer else None

    def choice(self, source: Source, name: str) -> ModelChoice:
        """A model as people see it, listed or not."""
        path = f"{source.name}/{name}"
        entry, can = self.entry(path), self.abilities(source, name)
        return ModelChoice(
            path,
            (entry.label if entry else "") or (f"{name} (demo)" if source.is_demo else name),
            source.label,
            source.is_demo,
            has_vision=can.vision,
            has_tools=can.tools,
            has_reasoning=can.reasoning,
            context_window=self.window(source, name) or known_models.window(source.kind, name),
            roles=tuple(entry.roles) if entry else (),
            is_hidden=bool(entry and entry.is_hidden),
        )

    def _choices_of(self, source: Source) -> Iterator[ModelChoice]:
        return (self.choice(source, name) for name in self.names(source))

    def _named(self, by_path: Mapping[str, ModelChoice]) -> Iterator[ModelChoice]:
        """The short names of which a model can be reached; the first one that can says what to expect."""
        for name, alias in self.named.items():
            told = [path for path in (alias.path, *(one.path for one in alias.deployments.all())) if path.partition("/")[2]]
            path = next((path for path in told if path.partition("/")[0] in self.sources), "")
            if not path:
                continue
            prefix, _, model = path.partition("/")
            source = self.sources[prefix]
            meant = by_path.get(path) or self.choice(source, model)
            yield ModelChoice(
                name,
                name,
                ALIASES,
                meant.is_demo,
                has_vision=meant.has_vision,
                has_tools=meant.has_tools,
                has_reasoning=meant.has_reasoning,
                context_window=meant.context_window,
                roles=meant.roles,
                stands_for=path,
            )

    def abilities(self, source: Source, name: str) -> Abilities:
        """What a model can do: as the workspace says, else its provider's list, else the price map."""
        offer = self._offered(source).get(name)
        told = DEMO_ABILITIES if source.is_demo else offer.abilities if offer else UNKNOWN
        if told == UNKNOWN:
            told = known_models.abilities(source.kind, name)
        entry = self.entry(f"{source.name}/{name}")
        if entry is None:
            return told
        return Abilities(
            _either(entry.has_vision, told.vision),
            _either(entry.has_tools, told.tools),
            _either(entry.has_reasoning, told.reasoning),
        )

    def _offered(self, source: Source) -> Mapping[str, Offer]:
        found = self._offers.get(source.name)
        if found is None:
            offers = listing.offered(source).offers if listing.is_asked(source) else ()
            found = self._offers[source.name] = {offer.name: offer for offer in offers}
        return found

    def _listed(self, source: Source) -> Iterator[str]:
        yield from source.models
        if source.models and source.origin != "environment":
            return
        offered = self._offered(source)
        if source.lists_by == "map":
            # Our dozen comes first, but for what this key is not offered.
            best = known_models.listed(source.kind, timezone.now().date())
            yield from (name for name in best if not offered or name in offered)
        yield from offered


def _either(first: bool | None, second: bool | None) -> bool | None:
    return second if first is None else first


_cached: dict[uuid.UUID | None, tuple[float, int, Shelf]] = {}


def of(workspace_id: uuid.UUID | None) -> Shelf:
    """A workspace's shelf."""
    now = time.monotonic()
    until, generation, shelf = _cached.get(workspace_id, (0.0, -1, None))
    if shelf is None or now >= until or generation != sources.generation():
        generation = sources.generation()
        shelf = Shelf(workspace_id)
        _cached[workspace_id] = (now + sources.FRESH_SECONDS, generation, shelf)
    return shelf


def fresh(workspace_id: uuid.UUID | None) -> Shelf | None:
    """The shelf where it is in memory: asking for it asks no database."""
    until, generation, shelf = _cached.get(workspace_id, (0.0, -1, None))
    return shelf if time.monotonic() < until and generation == sources.generation() else None


def owner_of(path: str, shelf: Shelf, default_provider: str) -> Source | None:
    """Whose model a name without a provider is; the default provider takes what nobody else claims."""
    owner = next((source for source in shelf.sources.values() if path and shelf.has(source, path)), None)
    if owner is None and path and "/" not in path:
        owner = shelf.sources.get(default_provider)
    return owner


def of_kind(shelf: Shelf, prefix: str) -> Source | None:
    """The source that a kind's other name means: `google` is `gemini`."""
    kind = directory.find(prefix)
    return shelf.sources.get(kind.name) if kind else None
