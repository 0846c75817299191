"""Which models there are, and where a model path leads. Never asks a network on the way to a page."""

import os
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone

from gateway import directory, known_models, listing, sources
from gateway.protocol import ProviderError, Target
from gateway.sources import Source

PREFIX = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
# LiteLLM builds addresses of some providers from the model's name, and takes a whole address for it at others.
SAFE_MODEL = re.compile(r"(?!.*(?:\.\.|//))[A-Za-z0-9][\w.:@/+-]{0,199}", re.ASCII)
MAX_PATH = 300
LOCAL_WINDOW = 4096
DEMO_ABILITIES = known_models.Abilities(vision=False, tools=False, reasoning=False)


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


def resolve(path: str, *, workspace_id: uuid.UUID | None) -> Target:
    """Where a model path leads. A bare name such as `gpt-4` is looked for in what is configured.

    Raises `ProviderError` with the code `unknown_model` or `no_provider`.
    """
    path = path.strip()
    target = _lead(path, workspace_id)
    if len(path) > MAX_PATH or (target.adapter == directory.LITELLM and not SAFE_MODEL.fullmatch(target.model)):
        raise _unknown(path)
    return target


def _lead(path: str, workspace_id: uuid.UUID | None) -> Target:
    configured = sources.configured(workspace_id)
    prefix, _, model = path.partition("/")
    source = configured.get(prefix) or _of_kind(configured.values(), prefix)
    if source and model:
        return source.target(model)
    owner = _owner(path, configured.values())
    if owner:
        return owner.target(path)
    return _unconfigured(path, prefix, model)


def models(workspace_id: uuid.UUID | None) -> list[ModelChoice]:
    """What the picker shows: of each configured provider the models that were named, or that are known."""
    return [choice for source in sources.configured(workspace_id).values() for choice in _choices(source)]


def default_path(workspace_id: uuid.UUID | None) -> str:
    """The model of a new conversation: the one the settings name, else the first there is; the demo model comes last.

    Empty when no model is configured.
    """
    configured = sources.configured(workspace_id)
    wanted = configured.get(settings.DEFAULT_PROVIDER) or _of_kind(configured.values(), settings.DEFAULT_PROVIDER)
    if wanted:
        names = _names(wanted)
        if settings.DEFAULT_MODEL and (_has(wanted, settings.DEFAULT_MODEL) or not names):
            return f"{wanted.name}/{settings.DEFAULT_MODEL}"
        if names:
            return f"{wanted.name}/{names[0]}"
    elif settings.DEFAULT_MODEL:
        prefix, _, model = settings.DEFAULT_MODEL.partition("/")
        if prefix in configured and model:
            return str(settings.DEFAULT_MODEL)
        owner = _owner(settings.DEFAULT_MODEL, configured.values())
        if owner:
            return f"{owner.name}/{settings.DEFAULT_MODEL}"
    in_order = sorted(configured.values(), key=lambda source: source.is_demo)
    return next((choice.path for source in in_order for choice in _choices(source)), "")


def context_window(target: Target) -> int | None:
    """How many tokens the model takes in; None when nobody says."""
    if target.provider == sources.LOCAL:
        return (
            int(settings.OLLIVE_LOCAL_MODEL.get("context_window", LOCAL_WINDOW)) if settings.OLLIVE_LOCAL_MODEL else LOCAL_WINDOW
        )
    kind = directory.find(target.vendor)
    return known_models.window(kind, target.model) if kind else None


def _choices(source: Source) -> list[ModelChoice]:
    provider = source.kind.label if source.kind.name == source.name else source.name
    return [_choice(source, name, provider) for name in _names(source)]


def _choice(source: Source, name: str, provider: str) -> ModelChoice:
    can = DEMO_ABILITIES if source.is_demo else known_models.abilities(source.kind, name)
    return ModelChoice(
        f"{source.name}/{name}",
        _label(source, name),
        provider,
        source.is_demo,
        has_vision=can.vision,
        has_tools=can.tools,
        has_reasoning=can.reasoning,
    )


def _label(source: Source, name: str) -> str:
    return f"{name} (demo)" if source.is_demo else name


def _names(source: Source) -> list[str]:
    """The models to show for a source, those that a person named first."""
    if source.models and source.origin != "environment":
        return list(source.models)
    match source.lists_by:
        case "map":
            rest: Iterable[str] = known_models.listed(source.kind, timezone.now().date())
        case "server":
            rest = listing.offered(source.target(""))
        case _:
            rest = ()
    return list(dict.fromkeys([*source.models, *rest]))


def _has(source: Source, name: str) -> bool:
    return name in _names(source) or (source.lists_by == "map" and name in known_models.known(source.kind))


def _owner(path: str, configured: Iterable[Source]) -> Source | None:
    """Whose model a name without a provider is; the default provider takes what nobody else claims."""
    found = list(configured)
    owner = next((source for source in found if path and _has(source, path)), None)
    if owner is None and path and "/" not in path:
        owner = next((source for source in found if source.name == settings.DEFAULT_PROVIDER), None)
    return owner


def _of_kind(configured: Iterable[Source], prefix: str) -> Source | None:
    """The source that a kind's other name means: `google` is `gemini`."""
    kind = directory.find(prefix)
    return next((source for source in configured if kind and source.name == kind.name), None)


def _unconfigured(path: str, prefix: str, model: str) -> Target:
    """A path to a provider that isn't configured. What the directory doesn't know goes to LiteLLM, if its key is here:
    else a person could spend what this machine is allowed to, such as the cloud role that it runs under.
    """
    if not path:
        raise ProviderError("no_provider", "No model is configured yet: add a provider with manage.py add_provider.")
    kind = directory.find(prefix) if model else _kind_of(path)
    if kind:
        variable = (
            next(iter((*kind.keys, *kind.base_url_variables)), "") if not kind.is_keyless else f"{kind.name.upper()}_BASE_URL"
        )
        where = f"set {variable}, or add it" if variable else "add it"
        raise ProviderError("no_provider", f"{kind.label} is not configured here: {where} with manage.py add_provider.")
    if not model or not PREFIX.fullmatch(prefix) or directory.is_refused(prefix):
        raise _unknown(path)
    key = os.environ.get(f"{prefix.upper()}_API_KEY", "")
    if not key:
        raise ProviderError("no_provider", f"No provider {prefix} is configured here: add it with manage.py add_provider.")
    return Target(provider=prefix, model=model, adapter=directory.LITELLM, api_key=key)


def _unknown(path: str) -> ProviderError:
    return ProviderError("unknown_model", f"There is no model {path[:100]} here. A model path is provider/model.")


def _kind_of(name: str) -> directory.Kind | None:
    """Whose model a bare name would be."""
    return next((kind for kind in directory.kinds().values() if name and name in known_models.known(kind)), None)
