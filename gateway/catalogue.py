"""Which models there are, and where a model path leads. Never asks a network on the way to a page."""

import os
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from django.conf import settings

from gateway import directory, known_models, shelves, sources
from gateway.protocol import Abilities, ProviderError, Target
from gateway.shelves import ModelChoice, Shelf
from gateway.sources import Source
from telemetry import pricing

__all__ = [
    "ModelChoice",
    "abilities",
    "context_window",
    "default_path",
    "models",
    "resolve",
    "restricts",
    "shortlist",
    "title_path",
]

PREFIX = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
# LiteLLM builds addresses of some providers from the model's name, and takes a whole address for it at others.
SAFE_MODEL = re.compile(r"(?!.*(?:\.\.|//))[A-Za-z0-9][\w.:@/+-]{0,199}", re.ASCII)
MAX_PATH = 300
LOCAL_WINDOW = 4096
SHORT = 60


def resolve(path: str, *, workspace_id: uuid.UUID | None, role: str = "") -> Target:
    """Where a model path leads. A bare name is an alias, or such as `gpt-4` looked for in what is configured.

    Raises `ProviderError` with the code `unknown_model`, `no_provider`, or `permission` where `role` may not use it.
    """
    shelf = shelves.of(workspace_id)
    target = resolve_on(shelf, path.strip())
    if role and not shelf.may_use(target.path, role):
        raise refusal(target.path, shelf)
    return target


def full_path(name: str, workspace_id: uuid.UUID) -> str:
    """The model that a short name means; any other name is one already."""
    return shelves.of(workspace_id).aliases.get(name, name)


def refusal(path: str, shelf: Shelf) -> ProviderError:
    """Why a role may not use a model."""
    return ProviderError("permission", _why_not(path, shelf))


def resolve_on(shelf: Shelf, path: str) -> Target:
    """Where a model path leads for whoever may use it. Raises `ProviderError`."""
    target = _lead(shelf.aliases.get(path, path), shelf)
    if len(path) > MAX_PATH or (target.adapter == directory.LITELLM and not SAFE_MODEL.fullmatch(target.model)):
        raise _unknown(path)
    source = shelf.sources.get(target.provider)
    if source is None:
        return target
    window, can = shelf.window(source, target.model), shelf.abilities(source, target.model)
    return replace(target, context_window=window, abilities=can)


def _lead(path: str, shelf: Shelf) -> Target:
    prefix, _, model = path.partition("/")
    source = shelf.sources.get(prefix) or shelves.of_kind(shelf, prefix)
    if source and model:
        return source.target(model)
    owner = shelves.owner_of(path, shelf, settings.DEFAULT_PROVIDER)
    if owner:
        return owner.target(path)
    return _unconfigured(path, prefix, model, shelf)


def _why_not(path: str, shelf: Shelf) -> str:
    entry = shelf.entry(path)
    roles = " and ".join(f"{role}s" for role in entry.roles) if entry else ""
    why = f"It is kept for {roles} of this workspace." if roles else "Only models of the list may be used in this workspace."
    return f"You may not use {path[:100]}. {why} Choose another model."


def models(workspace_id: uuid.UUID | None, role: str = "") -> list[ModelChoice]:
    """What the picker shows to a role: of each configured provider the models that were named, or that are known."""
    return list(shelves.of(workspace_id).visible(role))


def shortlist(workspace_id: uuid.UUID | None, role: str, *, selected: str) -> list[ModelChoice]:
    """What a page carries of a list that may have thousands: the selected one, and the first ones of each provider."""
    found = shelves.of(workspace_id).visible(role)
    kept = found if len(found) <= SHORT else list(_first(found))
    if any(choice.path == selected for choice in kept):
        return kept
    # One further down, a path that was typed, or a model that is no longer offered: the chat goes on with it.
    chosen = shelves.of(workspace_id).by_path.get(selected)
    own = [replace(chosen, provider="This chat") if chosen else ModelChoice(selected, selected, "This chat")] if selected else []
    return [*own, *kept]


def _first(found: Sequence[ModelChoice]) -> Iterator[ModelChoice]:
    counts: dict[str, int] = {}
    providers = len({choice.provider for choice in found})
    for choice in found:
        counts[choice.provider] = counts.get(choice.provider, 0) + 1
        if counts[choice.provider] <= max(2, SHORT // providers):
            yield choice


def default_path(workspace_id: uuid.UUID | None, role: str = "") -> str:
    """The model of a new conversation: the workspace's, else the one the settings name, else the first there is that the
    role may use; the demo model comes last. Empty when no model is configured.
    """
    shelf = shelves.of(workspace_id)
    return next((path for path in _defaults(shelf) if not role or _is_open(path, shelf, role)), "")


def _is_open(path: str, shelf: Shelf, role: str) -> bool:
    return shelf.may_use(shelf.aliases.get(path, path), role)


def _defaults(shelf: Shelf) -> Iterator[str]:
    """The candidates, the best first."""
    wanted = shelf.wanted
    if wanted.default_path and (wanted.default_path in shelf.aliases or wanted.default_path.partition("/")[0] in shelf.sources):
        yield wanted.default_path
    if wanted.default_provider in shelf.sources:
        yield from _paths_of(shelf.sources[wanted.default_provider], shelf)
    yield from _of_settings(shelf)
    for source in sorted(shelf.sources.values(), key=lambda source: source.is_demo):
        yield from _paths_of(source, shelf)


def _paths_of(source: Source, shelf: Shelf) -> Iterator[str]:
    paths = (f"{source.name}/{name}" for name in shelf.names(source))
    return (path for path in paths if not ((entry := shelf.entry(path)) and entry.is_hidden))


def _of_settings(shelf: Shelf) -> Iterator[str]:
    wanted = shelf.sources.get(settings.DEFAULT_PROVIDER) or shelves.of_kind(shelf, settings.DEFAULT_PROVIDER)
    if wanted:
        if settings.DEFAULT_MODEL and (shelf.has(wanted, settings.DEFAULT_MODEL) or not shelf.names(wanted)):
            yield f"{wanted.name}/{settings.DEFAULT_MODEL}"
        yield from _paths_of(wanted, shelf)
    elif settings.DEFAULT_MODEL:
        prefix, _, model = settings.DEFAULT_MODEL.partition("/")
        owner = shelves.owner_of(settings.DEFAULT_MODEL, shelf, settings.DEFAULT_PROVIDER)
        if prefix in shelf.sources and model:
            yield str(settings.DEFAULT_MODEL)
        elif owner:
            yield f"{owner.name}/{settings.DEFAULT_MODEL}"


def title_path(workspace_id: uuid.UUID | None) -> str:
    """The model that finds titles: the workspace's own choice, else the cheapest whose price is known.

    Empty where nothing has a price: then the chat's own model is as good as any.
    """
    shelf = shelves.of(workspace_id)
    wanted = shelf.wanted.title_path
    if wanted and (wanted in shelf.aliases or wanted.partition("/")[0] in shelf.sources):
        return wanted
    now = datetime.now(UTC)
    priced = [
        (listed.by_bucket["output"], listed.by_bucket["input"], f"{source.name}/{name}")
        for source in shelf.sources.values()
        if not source.is_demo
        for name in shelf.names(source)
        if (listed := pricing.rates(source.kind.name, name, now)) and listed.by_bucket["output"] > 0
    ]
    return min(priced)[2] if priced else ""


def restricts(workspace_id: uuid.UUID | None) -> bool:
    """Whether it matters who asks: whether some models are not for everybody who may chat."""
    return shelves.of(workspace_id).is_restricted


def abilities(target: Target) -> Abilities:
    """What the model can do besides answering in text; None where nobody says."""
    kind = directory.find(target.vendor)
    return known_models.abilities(kind, target.model) if kind and target.abilities == Abilities() else target.abilities


def context_window(target: Target) -> int | None:
    """How many tokens the model takes in; None when nobody says."""
    if target.context_window:
        return target.context_window
    if target.provider == sources.LOCAL:
        local = settings.OLLIVE_LOCAL_MODEL
        return int(local.get("context_window", LOCAL_WINDOW)) if local else LOCAL_WINDOW
    kind = directory.find(target.vendor)
    return known_models.window(kind, target.model) if kind else None


def _unconfigured(path: str, prefix: str, model: str, shelf: Shelf) -> Target:
    """A path to a provider that isn't configured. What the directory doesn't know goes to LiteLLM, if its key is here:
    else a person could spend what this machine is allowed to, such as the cloud role that it runs under.
    """
    if not path:
        raise ProviderError("no_provider", "No model is configured yet: add a provider in the settings, under Providers.")
    if prefix in shelf.wanted.switched_off and model:
        raise ProviderError("no_provider", f"{directory.label(prefix)} is switched off in this workspace.")
    kind = directory.find(prefix) if model else _kind_of(path)
    if kind:
        variable = (
            next(iter((*kind.keys, *kind.base_url_variables)), "") if not kind.is_keyless else f"{kind.name.upper()}_BASE_URL"
        )
        where = f", or set {variable}" if variable else ""
        raise ProviderError(
            "no_provider", f"{kind.label} is not configured here: add it in the settings, under Providers{where}."
        )
    if not model or not PREFIX.fullmatch(prefix) or directory.is_refused(prefix):
        raise _unknown(path)
    key = os.environ.get(f"{prefix.upper()}_API_KEY", "")
    if not key:
        raise ProviderError("no_provider", f"No provider {prefix} is configured here: add it in the settings, under Providers.")
    return Target(provider=prefix, model=model, adapter=directory.LITELLM, api_key=key)


def _unknown(path: str) -> ProviderError:
    return ProviderError("unknown_model", f"There is no model {path[:100]} here. A model path is provider/model.")


def _kind_of(name: str) -> directory.Kind | None:
    """Whose model a bare name would be."""
    return next((kind for kind in directory.kinds().values() if name and name in known_models.known(kind)), None)
