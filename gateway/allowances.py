"""Whether a program may make a call now: the limits of its key and of its person, and the models that the key is for.

Whoever comes with a key brings its limits along, so a call without any costs nothing here, and one with some a single round trip.
"""

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError

from accounts.database import in_thread
from accounts.entrance import NO_LIMITS, Bearer, Limits, Refused
from gateway import limits
from gateway.windows import SLOTS, Full, Kind, Subject, Used
from telemetry import product_events

AGAIN_SECONDS = 1.0  # by then a running call may have ended
NOTED_EVERY_SECONDS = 60.0
MOST_NOTED = 10_000
SETTLE_SECONDS = 2.0
KEY = "k:"
PERSON = "p:"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Admission:
    """A call that may be made. `headers` tell what is left of the limits. `close` it when the call has ended, however it did."""

    headers: Mapping[str, str] = field(default_factory=dict)
    _ends: list[Callable[[int], None]] = field(default_factory=list, repr=False)

    async def close(self, tokens: int = 0) -> None:
        """Say how many tokens it took, before the answer's last byte is sent. The first time counts; it waits for nothing."""
        if self._ends:
            self._ends.pop()(tokens)


async def admit(bearer: Bearer, *, tokens: int = 0) -> Admission:
    """Count one more call, of so many tokens at most. Raises `Refused` (429) with the headers that tell why and until when."""
    subjects = _subjects(bearer)
    if not subjects:
        return Admission()
    for subject in subjects:
        if subject.limits.tokens is not None and tokens > subject.limits.tokens:
            raise _too_large(subject, tokens)
    counter = limits.counter()
    entry = await counter.enter(subjects, tokens)
    if isinstance(entry, Full):
        _note(bearer, entry.kind)
        raise _refusal(subjects, entry, tokens)
    return Admission(_headers(subjects, entry.used), [lambda taken: counter.leave(entry, taken)])


def may_use(bearer: Bearer, name: str, path: str = "") -> bool:
    """Whether the key is for a model, by the name it was asked for or by the path of the same model (`gpt-4o` is
    `openai/gpt-4o`). A short name of the workspace's has to be in the key's list itself: what it leads to can change.
    """
    if not bearer.models:
        return True
    is_same = path.partition("/")[2].lower() in {name.lower(), name.partition("/")[2].lower()}
    names = (name, path) if path and is_same else (name,)
    return any(_fits(allowed, one) for allowed in bearer.models for one in names)


def require_model(bearer: Bearer, name: str, path: str = "") -> None:
    """Raises `Refused` (403) unless the key is for this model; arguments as of `may_use`."""
    if not may_use(bearer, name, path):
        message = f"This API key may not use {name[:100]}. It is for {', '.join(bearer.models)[:500]}."
        raise Refused(403, "model_not_allowed", message, param="model")


def _subjects(bearer: Bearer) -> list[Subject]:
    """What is counted for this bearer. A person's part in one workspace has nothing to do with their part in another."""
    found = []
    if bearer.key_limits != NO_LIMITS:
        found.append(Subject(KEY + bearer.api_key_id.hex, bearer.key_limits))
    if person := of_person(bearer.workspace_id, bearer.user_id, bearer.person_limits):
        found.append(person)
    return found


def of_person(workspace_id: UUID, user_id: UUID, held: Limits) -> Subject | None:
    """How a person is counted in a workspace; None without limits."""
    return Subject(f"{PERSON}{workspace_id.hex}:{user_id.hex}", held) if held != NO_LIMITS else None


def _fits(allowed: str, name: str) -> bool:
    """Names that differ in case alone are one at some providers."""
    allowed, name = allowed.lower(), name.lower()
    return name.startswith(allowed[:-1]) if allowed.endswith("*") else name == allowed


def _refusal(subjects: Sequence[Subject], full: Full, tokens: int) -> Refused:
    subject = subjects[full.position]
    wait = max(full.wait, AGAIN_SECONDS)
    again = f"Try again in {math.ceil(wait)} s."
    match full.kind:
        case "requests":
            message = f"{_may(subject, 'make')} {subject.limits.requests:,} requests a minute. {again}"
        case "tokens":
            left = max(0, (subject.limits.tokens or 0) - full.used.tokens)
            needed = f"{left:,} are left, and this request may take {tokens:,}."
            message = f"{_may(subject, 'use')} {subject.limits.tokens:,} tokens a minute; {needed} {again}"
        case _:
            message = (
                f"{_may(subject, 'have')} {subject.limits.concurrent:,} calls running at once. Try again when one has ended."
            )
    refused = Refused(429, "rate_limit_exceeded", message, retry_after=math.ceil(wait))
    refused.headers |= _headers([subject], [full.used])
    return refused


def _too_large(subject: Subject, tokens: int) -> Refused:
    message = (
        f"This request may take {tokens:,} tokens. {_may(subject, 'use')} {subject.limits.tokens:,} a minute: "
        "shorten the messages, or ask for a shorter answer with max_tokens."
    )
    refused = Refused(429, "rate_limit_exceeded", message)
    refused.headers["x-should-retry"] = "false"
    return refused


def _may(subject: Subject, do: str) -> str:
    return f"This API key may {do}" if subject.name.startswith(KEY) else f"You may, with all your keys together, {do}"


def _headers(subjects: Sequence[Subject], used: Sequence[Used]) -> dict[str, str]:
    """OpenAI's headers, of whichever limit has the least left."""
    headers: dict[str, str] = {}
    for kind in ("requests", "tokens"):
        found = [_left(kind, subject, one) for subject, one in zip(subjects, used, strict=True) if getattr(subject.limits, kind)]
        if found:
            left, limit, gone_in = min(found)
            headers[f"x-ratelimit-limit-{kind}"] = str(limit)
            headers[f"x-ratelimit-remaining-{kind}"] = str(left)
            headers[f"x-ratelimit-reset-{kind}"] = duration(gone_in)
    return headers


def _left(kind: str, subject: Subject, used: Used) -> tuple[int, int, float]:
    """What is left, of how much, and when all of it will be there again."""
    held, gone_in = (used.requests, used.requests_gone_in) if kind == "requests" else (used.tokens, used.tokens_gone_in)
    limit: int = getattr(subject.limits, kind)
    return max(0, limit - held), limit, gone_in if held else 0.0


def duration(seconds: float) -> str:
    """As OpenAI writes it: 1m1s, 12s, 0s."""
    whole = min(SLOTS, math.ceil(seconds))
    return f"{whole // 60}m{whole % 60}s" if whole >= 60 else f"{whole}s"


_noted: dict[tuple[UUID, Kind], float] = {}
_noting: set[asyncio.Task[None]] = set()


def _note(bearer: Bearer, kind: Kind) -> None:
    """Enter the refusal among the product's events: once a minute for a key, else a program gone wild fills a table."""
    now = time.monotonic()
    if _noted.get((bearer.api_key_id, kind), -NOTED_EVERY_SECONDS) > now - NOTED_EVERY_SECONDS:
        return
    if len(_noted) >= MOST_NOTED:
        _noted.clear()
    _noted[bearer.api_key_id, kind] = now
    task = asyncio.create_task(_enter_event(bearer, kind))
    _noting.add(task)
    task.add_done_callback(_noting.discard)


async def settled() -> None:
    """Wait until refusals are noted, before the process ends."""
    if _noting:
        await asyncio.wait(_noting, timeout=SETTLE_SECONDS)


async def _enter_event(bearer: Bearer, kind: Kind) -> None:
    try:
        await in_thread(
            product_events.note, product_events.Name.RATE_LIMITED, bearer.workspace_id, user_id=bearer.user_id, detail=kind
        )
    except (OperationalError, InterfaceError) as error:
        log.warning("a refusal could not be noted", kind=kind, error=type(error).__name__)
