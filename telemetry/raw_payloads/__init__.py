"""Large payloads as callers saw them, kept outside the log: the row refers to them by `raw_payload_uri`.

`OLLIVE_RAW_PAYLOADS` says where: nothing for the database, `file:///folder`, or `s3://bucket/prefix`. What comes here is redacted
already. A payload's key is made of its call, never taken from the row's address: one that a caller made up leads nowhere.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import UUID

import orjson
import structlog
import zstandard
from django.conf import settings

PART = "raw_payload"
SCHEME = "ollive-raw:"
LARGE = 8 * 1024  # bytes of JSON from which on it is kept outside the log's own payloads
AT_ONCE = 16

log = structlog.get_logger(__name__)


class StoreError(Exception):
    """The store can't be reached, or refuses: the message is for the operator."""


class Store(Protocol):
    """Where bodies are kept, by key: `2026-11-21/<workspace>/<call>`. Each method raises StoreError."""

    name: str
    is_elsewhere: bool  # whether writing to it waits for something else than the database

    def put(self, key: str, body: bytes) -> None: ...
    def get(self, key: str) -> bytes | None: ...
    def delete(self, keys: Iterable[str]) -> None: ...
    def days(self) -> Iterable[date]: ...
    def drop(self, prefix: str) -> None: ...


class Call(Protocol):
    """What a payload belongs to: a row of the log."""

    id: UUID
    workspace_id: UUID
    received_at: datetime
    raw_payload_uri: str | None


def store() -> Store:
    """The store of this installation. Raises StoreError where the setting leads nowhere."""
    return _store(settings.OLLIVE_RAW_PAYLOADS)


def take_out(
    contents: Mapping[tuple[UUID, UUID], dict[str, Any]], received: Mapping[tuple[UUID, UUID], datetime]
) -> dict[Any, str]:
    """Put large raw payloads into the store, and take them out of the contents (workspace, call → parts); their addresses.

    What the store refuses stays in the content: it is stored with the log's own payloads, and nothing is lost.
    """
    large: dict[tuple[UUID, UUID], bytes] = {}
    for at, content in contents.items():
        if content.get(PART) is not None and len(body := orjson.dumps(content[PART])) >= LARGE:
            large[at] = body
    if not large:
        return {}
    keys = {at: _key(received[at], *at) for at in large}
    try:
        held = store()
    except StoreError as error:
        log.error("raw payloads stay in the database", error=str(error))
        return {}
    done = _put_all(held, {keys[at]: zstandard.compress(body) for at, body in large.items()})
    for at in [at for at in large if keys[at] in done]:
        del contents[at][PART]
    return {at: f"{SCHEME}{held.name}/{keys[at]}" for at in large if keys[at] in done}


def put_back(call: Call, value: Any) -> None:
    """Write a call's raw payload anew where it is, however small it has become. Raises StoreError."""
    store().put(_key(call.received_at, call.workspace_id, call.id), zstandard.compress(orjson.dumps(value)))


def read(call: Call) -> Any:
    """A call's raw payload out of the store; None when there is none of ours, or it is gone. Raises StoreError."""
    if not is_ours(call):
        return None
    body = store().get(_key(call.received_at, call.workspace_id, call.id))
    return None if body is None else orjson.loads(zstandard.decompress(body))


def is_ours(call: Call) -> bool:
    return (call.raw_payload_uri or "").startswith(SCHEME)


def erase(calls: Iterable[Call]) -> None:
    """Delete what belongs to these calls, before their rows go: nothing of them may be left behind. Raises StoreError."""
    keys = [_key(call.received_at, call.workspace_id, call.id) for call in calls if is_ours(call)]
    if keys:
        store().delete(keys)


def prune(kept: set[date]) -> list[date]:
    """Delete the days whose calls the log no longer has; those days. Raises StoreError."""
    held = store()
    gone = sorted(set(held.days()) - kept)
    for day in gone:
        held.drop(f"{day}/")
    return gone


def forget(day: date, workspace_id: UUID) -> None:
    """Delete what a workspace has of a day. Raises StoreError."""
    store().drop(f"{day}/{workspace_id}/")


def _put_all(held: Store, bodies: Mapping[str, bytes]) -> set[str]:
    """The keys of what was stored."""

    def put(key: str) -> str | None:
        try:
            held.put(key, bodies[key])
        except StoreError as error:
            log.warning("a raw payload stays in the database", error=str(error))
            return None
        return key

    if not held.is_elsewhere:
        return {key for key in bodies if put(key)}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="raw payloads") as threads:
        return {key for key in threads.map(put, bodies) if key}


def _key(received_at: datetime, workspace_id: UUID, inference_id: UUID) -> str:
    return f"{received_at.astimezone(UTC):%Y-%m-%d}/{workspace_id}/{inference_id}"


def day_of(name: str) -> date | None:
    """The day that a folder of the store is for; None for anything else."""
    with suppress(ValueError):
        return date.fromisoformat(name)
    return None


@lru_cache(maxsize=4)
def _store(address: str) -> Store:
    parts = urlsplit(address)
    if not address:
        from telemetry.raw_payloads.database import DatabaseStore

        return DatabaseStore()
    if parts.scheme == "file" and parts.path:
        from telemetry.raw_payloads.folder import FolderStore

        return FolderStore(parts.path)
    if parts.scheme == "s3" and parts.netloc:
        from telemetry.raw_payloads.s3 import ObjectStore

        return ObjectStore(parts.netloc, parts.path.strip("/"))
    raise StoreError("OLLIVE_RAW_PAYLOADS is empty (the database), file:///a/folder, or s3://bucket/prefix.")
