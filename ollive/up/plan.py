"""Which servers are started here, and which the environment names instead."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gateway.directory import Kind, kinds
from ollive import env
from ollive.up import local_model, postgres, valkey
from ollive.up.data_folder import DataFolder
from ollive.up.failures import StartError
from ollive.up.launcher import free_ports

DATABASE_SCHEMES = {"postgres", "postgresql"}
STORE_SCHEMES = {"redis", "rediss"}


@dataclass(frozen=True)
class Plan:
    """The embedded servers; None where none is wanted."""

    cluster: postgres.Cluster | None
    store: valkey.Store | None
    model: local_model.LocalModel | None

    @property
    def services(self) -> dict[str, Any]:
        """What the other processes read in `services.json`."""
        offered: dict[str, Any] = {}
        if self.cluster:
            offered["database_url"] = self.cluster.url
        if self.store:
            offered["redis_url"] = self.store.url
        if self.model:
            offered["model"] = self.model.service
        return offered


def make_plan(folder: DataFolder) -> Plan:
    """Everything is embedded that the environment does not replace."""
    database_port, store_port, model_port = free_ports(3)
    cluster = store = model = None
    if own := env.own_database_url():
        _check("DATABASE_URL", own, schemes=DATABASE_SCHEMES, example="postgres://user:password@host:5432/name")
    else:
        cluster = postgres.Cluster(folder.path / "postgres", database_port, env.secret("OLLIVE_POSTGRES_PASSWORD"))
    if own := env.own_redis_url():
        _check("REDIS_URL", own, schemes=STORE_SCHEMES, example="redis://:password@host:6379/0")
    else:
        store = valkey.Store(folder.path / "valkey", store_port, env.secret("OLLIVE_VALKEY_PASSWORD"))
    if wants_local_model() and local_model.weights():
        model = local_model.LocalModel(model_port)
    return Plan(cluster, store, model)


def wants_local_model() -> bool:
    """The demo model is for those who gave no provider's key, nor a server's address; `OLLIVE_LOCAL_MODEL` decides otherwise."""
    has_provider = any(env.env.str(name, default="") for kind in kinds().values() for name in _variables(kind))
    return bool(env.env.bool("OLLIVE_LOCAL_MODEL", default=not has_provider))


def _variables(kind: Kind) -> tuple[str, ...]:
    """Any of these makes the provider appear. An address alone does so where no key is needed."""
    return (*kind.keys, f"{kind.name.upper()}_BASE_URL", *kind.base_url_variables) if kind.is_keyless else kind.keys


def _check(name: str, url: str, *, schemes: set[str], example: str) -> None:
    """The URL itself is not repeated: there is a password in it."""
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme.partition("+")[0] in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise StartError(f"{name} is not the URL of a server: it has the form {example}; leave it empty for the embedded one.")
