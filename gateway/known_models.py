"""The chat models that LiteLLM's price map knows, read as a file: LiteLLM itself takes seconds to import.

The map has no dates of release. What is listed first is told by names: the families that `direct.toml` puts first, then the
highest version; snapshots, and models for something other than chat, are known but not listed.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

import msgspec

from gateway.directory import Kind
from gateway.protocol import Abilities

MAP_FILE = "model_prices_and_context_window_backup.json"
LISTED = 12
SNAPSHOT = re.compile(r"-(20\d\d-\d\d-\d\d|20\d{6}|\d{4}|\d\d-20\d\d)(?=$|-)|@|:0$")
SPECIAL = re.compile(
    r"audio|beta|code-agent|codex|computer|container|cyber|deep-research|embed|exp-|fim|ft:|guard|image|instruct-|moderation"
    r"|ocr|orpheus|preview|realtime|robotics|search|transcribe|tts|vision-|voxtral|whisper|lyria|omni|^chat-|/(?=.*commitment)",
    re.IGNORECASE,
)
NOT_FOR_CHAT = re.compile(
    r"embed|whisper|tts|transcribe|moderation|realtime|dall-e|gpt-image|imagen|veo|lyria|stable-diffusion|flux|ocr"
    r"|rerank|babbage|davinci|sora|guard|orpheus|aqa$",
    re.IGNORECASE,
)
VERSION = re.compile(r"(?<![\d.])(\d{1,2})(?:[.p-](\d{1,2}))?(?![\dbBmMkx.])")


class Entry(msgspec.Struct, gc=False):
    """What is read of a model; the map has some two hundred fields more."""

    litellm_provider: str = ""
    mode: str = ""
    deprecation_date: str = ""
    max_input_tokens: int | float | str | None = None
    supports_vision: bool | None = None
    supports_function_calling: bool | None = None
    supports_reasoning: bool | None = None
    supports_none_reasoning_effort: bool | None = None
    supports_minimal_reasoning_effort: bool | None = None


UNKNOWN = Abilities()


@cache
def _map() -> Mapping[str, Mapping[str, Entry]]:
    """Entries by the map's name of the provider, then by the provider's own name of the model."""
    spec = find_spec("litellm")
    if spec is None or spec.origin is None:
        return {}
    entries = msgspec.json.decode(Path(spec.origin).with_name(MAP_FILE).read_bytes(), type=dict[str, Entry])
    found: dict[str, dict[str, Entry]] = {}
    for key, entry in entries.items():
        provider = entry.litellm_provider
        found.setdefault(provider, {})[key.removeprefix(f"{provider}/")] = entry
    return found


@lru_cache(maxsize=256)
def known(kind: Kind) -> Mapping[str, Entry]:
    """Every chat model of a kind that the map knows, by the provider's own name."""
    return {name: entry for name, entry in _all(kind) if entry.mode == "chat"}


@lru_cache(maxsize=256)
def _for_else(kind: Kind) -> frozenset[str]:
    return frozenset(name for name, entry in _all(kind) if entry.mode != "chat") - known(kind).keys()


def _all(kind: Kind) -> Iterator[tuple[str, Entry]]:
    by_provider = _map()
    return ((name, entry) for place in (kind.name, *kind.map_names) for name, entry in by_provider.get(place, {}).items())


def is_for_chat(kind: Kind, name: str) -> bool:
    """Whether a model that a provider lists may be one to talk with; a name that says nothing may."""
    return name in known(kind) or not (name in _for_else(kind) or NOT_FOR_CHAT.search(name))


@lru_cache(maxsize=256)
def listed(kind: Kind, today: date) -> tuple[str, ...]:
    """The models that a picker shows: newest first, at most a dozen."""
    names = [
        name
        for name, entry in known(kind).items()
        if not (entry.deprecation_date and entry.deprecation_date <= today.isoformat())
        and not SNAPSHOT.search(name)
        and not SPECIAL.search(name)
    ]
    return tuple(sorted(names, key=lambda name: (_family(kind, name), -_version(name)))[:LISTED])


def window(kind: Kind, model: str) -> int | None:
    """How many tokens a model takes in, where the map says so."""
    entry = known(kind).get(model)
    return int(entry.max_input_tokens) if entry and isinstance(entry.max_input_tokens, int | float) else None


def abilities(kind: Kind, model: str) -> Abilities:
    """What the map says that a model can do. It names only what there is: of a model that it knows, the rest is missing."""
    entry = known(kind).get(model)
    if entry is None:
        return UNKNOWN
    return Abilities(bool(entry.supports_vision), bool(entry.supports_function_calling), bool(entry.supports_reasoning))


def _family(kind: Kind, name: str) -> int:
    """The place of the family that a name begins with; those without one come last."""
    return next((place for place, family in enumerate(kind.families) if name.startswith(family)), len(kind.families))


def _version(name: str) -> float:
    """The first number that looks like a version; a name that means the newest of all versions has the highest."""
    found = VERSION.search(name)
    if found is None:
        return 100.0 if name.endswith("-latest") else 0.0
    return float(f"{found[1]}.{found[2] or 0}")
