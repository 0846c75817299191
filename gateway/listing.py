"""What a server itself says that it offers (`GET /models`), asked in a thread of its own: a page takes what is known by then."""

import asyncio
import threading
import time
from dataclasses import dataclass, field

import aiohttp
import msgspec
import structlog
from yarl import URL

from gateway.adapters.direct import headers_for
from gateway.adapters.sessions import close_sessions, read_start, session
from gateway.addresses import require_public
from gateway.protocol import Target

FRESH_SECONDS = 60.0
TIMEOUT_SECONDS = 5.0
# A server on this machine answers within it; only the first page of a process ever waits.
FIRST_WAIT_SECONDS = 0.5
MAX_BYTES = 4 * 1024 * 1024
MAX_MODELS = 500

log = structlog.get_logger(__name__)


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


@dataclass(slots=True)
class _Known:
    """What one server offered, and when it was asked last."""

    names: tuple[str, ...] = ()
    asked_at: float = 0.0
    answered: threading.Event = field(default_factory=threading.Event)


_known: dict[tuple[str | None, str | None], _Known] = {}
_lock = threading.Lock()


def offered(target: Target) -> tuple[str, ...]:
    """The names of a server's models; empty while it has not answered."""
    key = (target.base_url, target.api_key)
    with _lock:
        known = _known.setdefault(key, _Known())
        is_first, now = known.asked_at == 0.0, time.monotonic()
        is_due = is_first or now - known.asked_at > FRESH_SECONDS
        if is_due:
            known.asked_at = now
    if is_due:
        threading.Thread(target=_refresh, args=(target, known), name="models-of-provider", daemon=True).start()
    if is_first:
        known.answered.wait(FIRST_WAIT_SECONDS)
    return known.names


def forget() -> None:
    """Ask every server again."""
    with _lock:
        _known.clear()


def _refresh(target: Target, known: _Known) -> None:
    try:
        known.names = asyncio.run(_ask(target))
    except (aiohttp.ClientError, msgspec.MsgspecError, OSError, ValueError) as error:
        log.info("models_not_listed", provider=target.provider, error=type(error).__name__)
    finally:
        known.answered.set()


async def _ask(target: Target) -> tuple[str, ...]:
    url = URL(f"{target.base_url}/models")
    if target.is_guarded:
        require_public(url.host or "")
    try:
        async with (
            asyncio.timeout(TIMEOUT_SECONDS),
            session(is_guarded=target.is_guarded).get(url, headers=headers_for(target), allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise aiohttp.ClientError
            body = await read_start(response, limit=MAX_BYTES)
    finally:
        await close_sessions()
    return tuple(model.id for model in msgspec.json.decode(body, type=_Models).data[:MAX_MODELS])
