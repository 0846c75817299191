"""What providers themselves say that they offer (`GET /models`), asked in a thread of its own: a page takes what is known by
then. What they said is kept in the cache that all processes share; one of them asks, and the others read.
"""

import asyncio
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog
from django.core.cache import cache
from django.utils.crypto import salted_hmac
from yarl import URL

from gateway import directory, known_models
from gateway.adapters.direct import NETWORK_ERRORS, network_fault
from gateway.adapters.faults import fault, refusal
from gateway.adapters.posting import headers_for
from gateway.adapters.sessions import close_sessions, read_start, session
from gateway.addresses import require_public
from gateway.protocol import Abilities, ProviderError, Target
from gateway.sources import Source

# A server of one's own changes as it is used; what a company offers changes by the week.
FRESH_SECONDS = {"server": 60.0, "map": 3600.0}
KEPT_SECONDS = 30 * 24 * 3600
TIMEOUT_SECONDS = 5.0
# A server on this machine answers within it; only the first page that any process shows ever waits.
FIRST_WAIT_SECONDS = 0.5
MAX_BYTES = 8 * 1024 * 1024
MAX_MODELS = 5000
MAX_NAME = 200

log = structlog.get_logger(__name__)


class Offer(msgspec.Struct, frozen=True):
    """One model of a provider's list, with what the list says of it."""

    name: str
    vision: bool | None = None
    tools: bool | None = None
    reasoning: bool | None = None
    context_window: int | None = None

    @property
    def abilities(self) -> Abilities:
        return Abilities(self.vision, self.tools, self.reasoning)


class Offered(msgspec.Struct, frozen=True):
    """What one provider last said: its models, and why they are not newer. Times are seconds of the epoch."""

    offers: tuple[Offer, ...] = ()
    asked_at: float = 0.0
    answered_at: float = 0.0
    reason: str = ""


NOTHING = Offered()


@dataclass(slots=True)
class _Known:
    """What this process knows of one provider."""

    said: Offered = NOTHING
    looked_at: float = float("-inf")
    answered: threading.Event = field(default_factory=threading.Event)


_known: dict[str, _Known] = {}
_lock = threading.Lock()


def is_asked(source: Source) -> bool:
    """Whether the provider has a list that can be asked for."""
    if source.is_demo or source.kind.models == "typed":
        return False
    return source.kind.adapter == directory.DIRECT or bool(source.kind.list_url and not source.has_own_address)


def offered(source: Source) -> Offered:
    """What is known of a provider's list; asked anew in the background when that is old."""
    known, is_new = _look(source)
    if is_new and source.lists_by == "server":
        # Several that are new are asked together, and so waited for together.
        known.answered.wait(max(0.0, known.looked_at + FIRST_WAIT_SECONDS - time.monotonic()))
    return known.said


def prepare(found: Iterable[Source]) -> None:
    """Have all of them asked at once, so that the first page waits for the slowest and not for their sum."""
    for source in found:
        if is_asked(source):
            _look(source)


def ask_again(source: Source) -> None:
    """Forget how fresh it is: the next page has it asked."""
    key = _key(source)
    with _lock:
        _known.pop(key, None)
    said = _shared(key)
    cache.delete(_asking(key))
    if said is not None:
        _share(key, msgspec.structs.replace(said, asked_at=0.0))


def forget() -> None:
    """Know nothing, here and in the other processes."""
    with _lock:
        keys = list(_known)
        _known.clear()
    for key in keys:
        cache.delete(key)
        cache.delete(_asking(key))


def note(source: Source, said: Offered) -> None:
    """Keep what a provider said to somebody who asked it on purpose."""
    key = _key(source)
    with _lock:
        known = _known.setdefault(key, _Known())
    known.said, known.looked_at = said, time.monotonic()
    _share(key, said)
    known.answered.set()


def _look(source: Source) -> tuple[_Known, bool]:
    """What this process knows, and whether it is waiting for the first answer ever."""
    key, now = _key(source), time.monotonic()
    fresh = FRESH_SECONDS.get(source.lists_by, FRESH_SECONDS["map"])
    with _lock:
        known = _known.setdefault(key, _Known())
        if now - known.looked_at < min(fresh, FRESH_SECONDS["server"]):
            return known, not known.said.asked_at and not known.answered.is_set()
        known.looked_at = now
    known.said = _shared(key) or known.said
    is_first = not known.said.asked_at
    if time.time() - known.said.asked_at >= fresh and cache.add(_asking(key), 1, round(TIMEOUT_SECONDS * 2)):
        threading.Thread(target=_refresh, args=(source, known), name="models-of-provider", daemon=True).start()
    return known, is_first


def _refresh(source: Source, known: _Known) -> None:
    key, before = _key(source), known.said
    try:
        known.said = Offered(offers=asyncio.run(ask(source)), asked_at=time.time(), answered_at=time.time())
    except ProviderError as error:
        log.info("models_not_listed", provider=source.name, code=error.code)
        known.said = msgspec.structs.replace(before, asked_at=time.time(), reason=without_key(error.message, source))
    except Exception as error:  # edge: the thread's end; pages go on with what was known
        log.warning("models_not_listed", provider=source.name, error=type(error).__name__)
        known.said = msgspec.structs.replace(before, asked_at=time.time(), reason="It could not be asked.")
    finally:
        _share(key, known.said)
        cache.delete(_asking(key))
        known.answered.set()


def without_key(text: str, source: Source) -> str:
    """A provider's words without the key, which some repeat."""
    return text.replace(source.api_key, "•••") if source.api_key else text


async def ask(source: Source, *, seconds: float = TIMEOUT_SECONDS) -> tuple[Offer, ...]:
    """The provider's own list. It closes the loop's sessions: run it on a loop of its own. Raises `ProviderError`."""
    body = await _get(source, source.kind.list_url or f"{source.base_url}/models", seconds=seconds)
    try:
        return _offers(source, msgspec.json.decode(body))
    except msgspec.MsgspecError:
        who = source.label
        raise fault("bad_response", who, "It has no list of models at this address.", retryable=False) from None


async def check_key(source: Source, *, seconds: float = TIMEOUT_SECONDS) -> None:
    """Raise `ProviderError` where the key is not accepted, of a kind that has a place to ask for that."""
    if source.kind.check_url and not source.has_own_address:
        await _get(source, source.kind.check_url, seconds=seconds)


async def _get(source: Source, address: str, *, seconds: float) -> bytes:
    who, target, url = source.label, source.target(""), URL(address)
    try:
        if target.is_guarded:
            require_public(url.host or "", port=url.port, allowed=target.allowed_host)
        async with (
            asyncio.timeout(seconds),
            session(is_guarded=target.is_guarded, allowed=target.allowed_host).get(
                url.update_query(target.options.get("query") or {}), headers=_headers(source, target), allow_redirects=False
            ) as response,
        ):
            body = await read_start(response, limit=MAX_BYTES)
            if response.status != 200:
                raise refusal(who, response.status, body[:4096])
            return body
    except NETWORK_ERRORS as error:
        raise network_fault(error, who) from error
    finally:
        await close_sessions()


def _headers(source: Source, target: Target) -> dict[str, str]:
    if source.kind.list_key_header and target.api_key:
        return {source.kind.list_key_header: target.api_key, **source.kind.list_headers}
    return headers_for(target) | dict(source.kind.list_headers)


def _offers(source: Source, body: Any) -> tuple[Offer, ...]:
    """The models of a list in one of the shapes that providers have: `data`, `models`, or the list itself."""
    rows = body if isinstance(body, list) else body.get("data") or body.get("models") or () if isinstance(body, dict) else ()
    found: dict[str, Offer] = {}
    for row in rows if isinstance(rows, list) else ():
        name = (row.get("id") or row.get("name")) if isinstance(row, Mapping) else None
        if not isinstance(name, str):
            continue
        name = name.removeprefix("models/") if source.kind.name == "gemini" else name
        if 0 < len(name) <= MAX_NAME and name.isprintable() and _is_for_chat(source, row, name):
            found.setdefault(name, _offer(name, row))
        if len(found) >= MAX_MODELS:
            break
    return tuple(found.values())


def _is_for_chat(source: Source, row: Mapping[str, Any], name: str) -> bool:
    if row.get("type") in ("embedding", "embeddings", "image", "audio", "moderation", "rerank", "transcribe"):
        return False
    return source.lists_by == "server" or known_models.is_for_chat(source.kind, name)


def _offer(name: str, row: Mapping[str, Any]) -> Offer:
    """What OpenRouter, Mistral and others add to a model's name."""
    vision = tools = reasoning = None
    takes, parameters, can = row.get("architecture"), row.get("supported_parameters"), row.get("capabilities")
    if isinstance(takes, Mapping) and isinstance(takes.get("input_modalities"), list):
        vision = "image" in takes["input_modalities"]
    if isinstance(parameters, list):
        tools, reasoning = "tools" in parameters, "reasoning" in parameters
    if isinstance(can, Mapping):
        vision, tools = _flag(can, "vision", vision), _flag(can, "function_calling", tools)
        reasoning = _flag(can, "reasoning", reasoning)
    lengths = (row.get("context_length"), row.get("max_context_length"), row.get("context_window"), row.get("max_model_len"))
    window = next((size for size in lengths if isinstance(size, int) and not isinstance(size, bool) and size >= 256), None)
    return Offer(name, vision, tools, reasoning, window)


def _flag(can: Mapping[str, Any], name: str, otherwise: bool | None) -> bool | None:
    found = can.get(name)
    return found if isinstance(found, bool) else otherwise


def _key(source: Source) -> str:
    """What the shared cache calls it; neither address nor key can be read from it."""
    identity = f"{source.kind.name}|{source.base_url}|{source.api_key}|{sorted(source.options.items())}|{source.allowed_host}"
    return "gateway.models." + salted_hmac("gateway.listing", identity).hexdigest()


def _asking(key: str) -> str:
    return f"{key}.asking"


def _shared(key: str) -> Offered | None:
    found = cache.get(key)
    try:
        return msgspec.json.decode(found, type=Offered) if isinstance(found, str) else None
    except msgspec.MsgspecError:
        return None


def _share(key: str, said: Offered) -> None:
    cache.set(key, msgspec.json.encode(said).decode(), KEPT_SECONDS)
