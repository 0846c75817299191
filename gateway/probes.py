"""Testing a provider: it is asked for its models, or for one token where its list tells nothing of the key."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass

from asgiref.sync import async_to_sync
from django.utils import timezone

from gateway import adapters, directory, known_models, listing
from gateway.adapters.faults import fault
from gateway.adapters.lite import litellm_module
from gateway.adapters.sessions import close_sessions
from gateway.listing import Offer, Offered
from gateway.protocol import ChatRequest, ProviderError
from gateway.sources import Source

LIST_SECONDS = 10.0
TOKEN_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a test: a sentence for the person, and how long it took."""

    is_ok: bool
    says: str
    took_ms: int


def probe(source: Source, *, names: tuple[str, ...] = ()) -> Outcome:
    """Ask the provider now. `names` are models that one token may be asked of."""
    began = time.monotonic()
    try:
        says = _ask(source, names)
    except ProviderError as error:
        return Outcome(False, listing.without_key(error.message, source), _since(began))
    return Outcome(True, says, _since(began))


def _ask(source: Source, names: tuple[str, ...]) -> str:
    listed: tuple[Offer, ...] | None = None
    if listing.is_asked(source) or source.kind.adapter == directory.DIRECT:
        try:
            listed = _apart(source)
        except ProviderError as error:
            # Some servers have no list: what counts is whether they answer.
            if error.code not in ("not_found", "bad_response") or not names:
                raise
    if listed is not None:
        if listing.is_asked(source):
            now = time.time()
            listing.note(source, Offered(offers=listed, asked_at=now, answered_at=now))
        if not source.kind.is_list_open or source.kind.check_url:
            return f"It answers, and lists {len(listed):,} model{'' if len(listed) == 1 else 's'}."
        names = names or tuple(offer.name for offer in listed[:1])
    if not names:
        raise fault("invalid_request", source.label, "Name a model to test it with.", retryable=False)
    _one_token(source, names[0])
    return f"{names[0]} answers."


def _apart(source: Source) -> tuple[Offer, ...]:
    """On a loop of its own: this thread may have one that runs."""

    async def both() -> tuple[Offer, ...]:
        try:
            await listing.check_key(source, seconds=LIST_SECONDS)
            return await listing.ask(source, seconds=LIST_SECONDS)
        finally:
            await close_sessions()

    with ThreadPoolExecutor(1, "test-of-provider") as pool:
        return pool.submit(asyncio.run, both()).result()


def _one_token(source: Source, model: str) -> None:
    """Through the adapter that the chat uses. LiteLLM's connections belong to the server's own loop."""

    async def ask() -> None:
        if source.kind.adapter != directory.DIRECT:
            await litellm_module()  # the first one loads it, which takes seconds that are not the provider's
        target = source.target(model)
        request = ChatRequest(target, [{"role": "user", "content": "Hi"}], {"max_tokens": 1})
        async with asyncio.timeout(TOKEN_SECONDS), aclosing(adapters.adapter_for(target).stream(request)) as stream:
            async for _ in stream:
                break

    async def apart() -> None:
        try:
            await ask()
        finally:
            await close_sessions()

    try:
        if source.kind.adapter == directory.DIRECT:
            with ThreadPoolExecutor(1, "test-of-provider") as pool:
                pool.submit(asyncio.run, apart()).result()
        else:
            async_to_sync(ask)()
    except TimeoutError:
        raise fault("timeout", source.label, f"It sent no answer within {TOKEN_SECONDS:g} seconds.") from None


def names_of(source: Source) -> tuple[str, ...]:
    """A model that one token may be asked of: the first that was named, else the first that is known."""
    known = known_models.listed(source.kind, timezone.now().date()) if source.lists_by == "map" else ()
    return (*source.models, *known)[:1]


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
