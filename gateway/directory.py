"""The providers that Ollive knows by name, read from `direct.toml`. What is particular to one of them is there."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

DIRECT, LITELLM = "direct", "litellm"


@dataclass(frozen=True, slots=True)
class Field:
    """One thing besides key and address that a kind is told. `name` is the option, or `query.NAME` for one of its query."""

    name: str
    label: str
    help: str = ""
    pattern: str = ""
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of provider; the fields are explained at the top of `direct.toml`."""

    name: str
    label: str
    adapter: str
    base_url: str = ""
    base_url_variables: tuple[str, ...] = ()
    suffix: str = ""
    keys: tuple[str, ...] = ()
    is_keyless: bool = False
    max_tokens: str = "max_tokens"
    key_header: str = ""
    aliases: tuple[str, ...] = ()
    map_names: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    model_variables: tuple[str, ...] = ()
    models: Literal["map", "server", "typed"] = "map"
    fields: tuple[Field, ...] = ()
    key_prefixes: tuple[str, ...] = ()
    key_page: str = ""
    key_option: str = ""
    is_for_commands: bool = False
    package: str = ""
    check_url: str = ""
    is_list_open: bool = False
    list_url: str = ""
    list_key_header: str = ""
    list_headers: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def is_missing(self) -> bool:
        """Whether a package that it is reached by is not installed."""
        try:
            return bool(self.package) and find_spec(self.package) is None
        except ModuleNotFoundError:  # what the package is in is not there either
            return True

    @property
    def needs_address(self) -> bool:
        return self.adapter == DIRECT and not self.base_url

    @property
    def may_have_address(self) -> bool:
        """Whether a page may set it: LiteLLM's own connections are not guarded."""
        return self.adapter == DIRECT

    @property
    def needs_key(self) -> bool:
        return bool(self.keys or self.key_option) and not self.is_keyless

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)

    @property
    def address_variables(self) -> tuple[str, ...]:
        """The environment variables that may hold its address, the first that is set wins."""
        return (*(f"{name.upper()}_BASE_URL" for name in self.names), *self.base_url_variables)

    @property
    def variables(self) -> tuple[str, ...]:
        """Every environment variable that says something of it."""
        return (*self.keys, *self.address_variables, *self.model_variables)


@cache
def _read() -> Mapping[str, Any]:
    return tomllib.loads((Path(__file__).parent / "direct.toml").read_text())


@cache
def kinds() -> Mapping[str, Kind]:
    """All kinds by their own name, in the order of the file."""
    found = {}
    for adapter in (DIRECT, LITELLM):
        for name, given in _read()[adapter].items():
            values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
            values["fields"] = tuple(Field(**described) for described in given.get("fields", ()))
            found[name] = Kind(name=name, adapter=adapter, **values)
    return found


def recognised(key: str) -> list[Kind]:
    """The kinds whose keys begin as this one does, by the longest beginning that is known; none where nobody's do."""
    ends = [(len(start), kind) for kind in kinds().values() for start in kind.key_prefixes if key.startswith(start)]
    longest = max((length for length, _ in ends), default=0)
    return [kind for length, kind in ends if length == longest]


@cache
def _by_any_name() -> Mapping[str, Kind]:
    return {name: kind for kind in kinds().values() for name in kind.names}


def find(name: str) -> Kind | None:
    """The kind of that name or alias."""
    return _by_any_name().get(name)


def is_refused(prefix: str) -> bool:
    """Whether LiteLLM must not be asked for it, because it would sign in somewhere or read this machine's files."""
    return prefix in _read()["refused"]


def is_option(name: str) -> bool:
    """Whether a stored provider may have a field of that name."""
    return name in _read()["options"]


def label(name: str) -> str:
    """What people read for a provider; a name that isn't known is its own label."""
    kind = find(name)
    return kind.label if kind else name
