"""The providers that are configured here: stored ones first, then those of the environment, then this machine's demo model."""

import os
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db.models import Q

from gateway import directory
from gateway.directory import Kind
from gateway.models import Provider
from gateway.protocol import Target

LOCAL = "local"
FRESH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Source:
    """One configured provider."""

    name: str
    kind: Kind
    base_url: str = ""
    api_key: str = field(default="", repr=False)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    models: tuple[str, ...] = ()  # named by the person who configured it
    has_own_address: bool = False
    is_guarded: bool = False
    allowed_host: str = ""  # a private host and port that an owner allowed
    origin: str = "environment"

    @property
    def label(self) -> str:
        """What people read for it."""
        return self.kind.label if self.kind.name == self.name else self.name

    @property
    def is_demo(self) -> bool:
        return self.name == LOCAL

    @property
    def key_hint(self) -> str:
        """What may be shown of its key; nothing of one so short that four characters give it away."""
        if not self.api_key:
            return "none"
        return f"••••{self.api_key[-4:]}" if len(self.api_key) >= 12 else "••••"

    @property
    def lists_by(self) -> str:
        """Where its models are learnt from: a server of one's own offers what it offers, whatever its kind."""
        is_like_it = self.has_own_address and self.kind.adapter == directory.DIRECT and self.kind.models == "map"
        return "server" if is_like_it else self.kind.models

    def target(self, model: str) -> Target:
        kind = self.kind
        options = dict(self.options)
        if kind.adapter == directory.DIRECT:
            options |= {"key_header": kind.key_header} if kind.key_header else {}
            # Servers that only resemble the kind know the older name of the parameter.
            options |= {} if self.has_own_address and not kind.suffix else {"max_tokens": kind.max_tokens}
        if kind.key_option:
            options[kind.key_option] = self.api_key
        return Target(
            provider=self.name,
            model=model,
            adapter=kind.adapter,
            base_url=self.base_url or None,
            api_key=None if kind.key_option else self.api_key or None,
            options=options,
            kind="" if kind.name == self.name else kind.name,
            is_guarded=self.is_guarded,
            allowed_host=self.allowed_host,
        )


_cached: dict[uuid.UUID | None, tuple[float, Mapping[str, Source]]] = {}
_generation = 0


def configured(workspace_id: uuid.UUID | None) -> Mapping[str, Source]:
    """All sources that a workspace may use, by name, in the order in which people see them. At most 5 seconds old."""
    now = time.monotonic()
    until, found = _cached.get(workspace_id, (0.0, {}))
    if now >= until:
        found = _read(workspace_id)
        _cached[workspace_id] = (now + FRESH_SECONDS, found)
    return found


def forget() -> None:
    """Read everything anew at the next question."""
    global _generation
    _generation += 1
    _cached.clear()


def generation() -> int:
    """Another number after each change: what was made of the sources is out of date."""
    return _generation


def _read(workspace_id: uuid.UUID | None) -> dict[str, Source]:
    rows = list(Provider.objects.filter(Q(workspace=None) | Q(workspace_id=workspace_id)).order_by("name"))
    own = [row for row in rows if row.workspace_id is not None]
    found = {source.name: source for row in own if row.is_enabled and not row.is_waiting and (source := of_row(row))}
    return found | {source.name: source for source in _given(rows) if source.name not in found}


def given(workspace_id: uuid.UUID) -> list[Source]:
    """What a workspace has without having added it: of the installation, of the environment, and the demo model."""
    return _given(list(Provider.objects.filter(Q(workspace=None) | Q(workspace_id=workspace_id)).order_by("name")))


def _given(rows: Sequence[Provider]) -> list[Source]:
    """Of a name that the workspace took for a provider of its own, there is only that one, be it enabled or not."""
    taken = {row.name for row in rows if row.workspace_id is not None}
    common = [row for row in rows if row.workspace_id is None and row.is_enabled]
    found = {source.name: source for row in common if (source := of_row(row))}
    for source in _of_environment():
        found.setdefault(source.name, source)
    demo = _demo()
    return [*(source for source in found.values() if source.name not in taken), *([demo] if demo else [])]


def _demo() -> Source | None:
    local, kind = settings.OLLIVE_LOCAL_MODEL, directory.find(LOCAL)
    if not local or kind is None:
        return None
    return Source(
        name=LOCAL,
        kind=kind,
        base_url=local["base_url"],
        api_key=local.get("api_key", ""),
        models=(local["name"],),
        has_own_address=True,
        origin="this machine",
    )


def of_row(row: Provider) -> Source | None:
    """A stored provider; None when its kind is one that this version doesn't know how to reach."""
    kind = kind_named(row.kind)
    if kind is None:
        return None
    return Source(
        name=row.name,
        kind=kind,
        base_url=row.base_url or kind.base_url,
        api_key=row.api_key.reveal() if row.api_key else "",
        options=row.options,
        models=tuple(row.model_names),
        has_own_address=bool(row.base_url),
        is_guarded=bool(row.base_url) and not row.is_trusted,
        allowed_host=row.private_host if row.allowed_at else "",
        origin="workspace" if row.workspace_id else "installation",
    )


def kind_named(name: str) -> Kind | None:
    """A kind of the directory, or one that LiteLLM may know; None for those that must not be asked."""
    known = directory.find(name)
    if known or not name or directory.is_refused(name):
        return known
    return Kind(name=name, label=name, adapter=directory.LITELLM, models="typed")


def _of_environment() -> list[Source]:
    return [source for kind in directory.kinds().values() if (source := _from_environment(kind))]


def _from_environment(kind: Kind) -> Source | None:
    """The kind as the environment's variables configure it, or None where they don't."""
    key = _first(kind.keys)
    address = _address(kind)
    if not (key or address) or not (address or kind.base_url or kind.adapter == directory.LITELLM):
        return None
    models = tuple(name for variable in kind.model_variables if (name := os.environ.get(variable, "").strip()))
    return Source(
        name=kind.name,
        kind=kind,
        base_url=address or kind.base_url,
        api_key=key,
        models=tuple(dict.fromkeys(models)),
        has_own_address=bool(address),
    )


def _address(kind: Kind) -> str:
    given = _first(kind.address_variables).rstrip("/")
    return given + kind.suffix if given and kind.suffix and not given.endswith(kind.suffix) else given


def _first(variables: Sequence[str]) -> str:
    return next((value for name in variables if (value := os.environ.get(name, "").strip())), "")
