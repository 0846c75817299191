"""Takes what the doors have read: validates, redacts, makes it durable, and says what became of each event.

The caller's own part of an event is what `ollive_sdk.events` lets a client tell. Workspace, user, key and source are the door's
word, whatever the caller writes there. One event that can't be taken costs only itself.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, ParamSpec, TypeVar
from uuid import UUID, uuid5

from channels.db import DatabaseSyncToAsync
from django.utils import timezone

from accounts.entrance import Bearer, Refused
from ollive_sdk.events import FIELDS, SPAN_FIELDS, Source
from telemetry import events, policies, spans, writer
from telemetry.events import Event, InvalidEvent, Payloads
from telemetry.values import repair, shorten

DraftPhase = Literal["started", "finished", "span"]

DECLARED = {"started": FIELDS, "finished": FIELDS, "span": SPAN_FIELDS}
TIMES = ("started_at", "first_token_at", "ended_at")
CLOCK_AHEAD, CLOCK_BEHIND = timedelta(minutes=5), timedelta(days=7)
IDENTITY_LIMIT = 255  # characters
PART = 100  # events that are built in one go; then another program's have their turn
ASIDE_SECONDS = 15.0
BUILDER = ThreadPoolExecutor(1, thread_name_prefix="ingest")
NOTES = "ollive"  # the part of an event's metadata that is ours
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Draft:
    """An event as a door has read it. `identity` is the caller's own name for it; `fields` have the declaration's names."""

    index: int
    identity: str | None
    phase: DraftPhase
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An event that is not taken: its place, the caller's name for it, a code, and a sentence."""

    index: int
    identity: str | None
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch. `problems` are events that were taken without one of their values."""

    accepted: int
    duplicate: int
    rejected: list[Refusal] = field(default_factory=list)
    problems: list[Refusal] = field(default_factory=list)


async def take(drafts: Sequence[Draft], refusals: Sequence[Refusal], bearer: Bearer, *, source: Source) -> Outcome:
    """Store the drafts durably, and count the refusals with their reasons in the same transaction.

    Raises `Refused` with 503 when nothing can be made durable; sending everything again is safe.
    """
    _check_writer()
    now = timezone.now()
    rejected, problems = list(refusals), []
    built: list[Event] = []
    places: list[Draft] = []
    for start in range(0, len(drafts), PART):
        for draft, made in await aside(build_all, drafts[start : start + PART], bearer, source=source, now=now):
            if isinstance(made, Refusal):
                rejected.append(made)
                continue
            event, noted = made
            built.append(event)
            places.append(draft)
            if noted:
                problems.append(Refusal(draft.index, draft.identity, "left_out", "; ".join(noted)))
    try:
        appended = await writer.append(built, Counter(refusal.code for refusal in rejected))
    except writer.Away as away:
        raise _unavailable(str(away), away.retry_after) from away
    rejected += [
        Refusal(places[place].index, places[place].identity, writer.UNSTORABLE, "can't be stored by the database")
        for place in appended.refused
    ]
    rejected.sort(key=lambda refusal: refusal.index)
    return Outcome(appended.stored, appended.duplicate, rejected, problems)


async def aside(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call what is all CPU in a thread of its own, one call at a time: the event loop is shared with live chats.

    Measured under load: on the loop, in slices of 2 ms, others waited 8 to 12 ms; beside this thread 2 to 5. Raises `Refused`
    with 503 when the thread has too much to do, or waits for the database.
    """
    try:
        async with asyncio.timeout(ASIDE_SECONDS):
            return await DatabaseSyncToAsync(function, thread_sensitive=False, executor=BUILDER)(*args, **kwargs)
    except TimeoutError:
        raise _unavailable("too much is being handed in", 5) from None


def build_all(
    drafts: Sequence[Draft], bearer: Bearer, *, source: Source, now: datetime
) -> list[tuple[Draft, Refusal | tuple[Event, list[str]]]]:
    """Each draft with its event and what was left out of it, or with why it can't be one. Raises `Refused`."""
    _require_rules(bearer.workspace_id)
    made: list[tuple[Draft, Refusal | tuple[Event, list[str]]]] = []
    for draft in drafts:
        try:
            made.append((draft, build(draft, bearer, source=source, now=now)))
        except InvalidEvent as error:
            made.append((draft, Refusal(draft.index, draft.identity, f"invalid_{error.field}"[:64], str(error))))
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
            made.append((draft, Refusal(draft.index, draft.identity, "unreadable", f"can't be read ({type(error).__name__})")))
    _require_rules(bearer.workspace_id)
    return made


def _require_rules(workspace_id: UUID) -> None:
    """Where nobody can say what is to be removed, texts would be withheld for good; better they are sent again.

    The first look may meet a connection that died with the database's last restart.
    """
    for _ in range(2):
        rules = policies.rules_of(workspace_id)
        if not isinstance(rules.redactor, policies.Closed) or rules.policy.rules_version:
            return
    raise _unavailable("the database cannot be reached", 2)


def _check_writer() -> None:
    """While nothing can be stored, nothing is built either."""
    try:
        writer.check()
    except writer.Away as away:
        raise _unavailable(str(away), away.retry_after) from away


def _unavailable(reason: str, retry_after: float) -> Refused:
    return Refused(503, "unavailable", f"Nothing was stored: {reason}. Send it again later.", retry_after=retry_after)


def build(draft: Draft, bearer: Bearer, *, source: Source, now: datetime) -> tuple[Event, list[str]]:
    """The event, and what was left out of it. Raises `InvalidEvent`, and what strange values make Python raise."""
    fields = dict(draft.fields)
    notes: dict[str, Any] = {}
    problems = _drop_what_is_not_theirs(draft.phase, fields)
    _identify(draft.phase, fields, notes, workspace_id=bearer.workspace_id)
    _place_conversation(draft.phase, fields)
    problems += _look_at_clock(fields, notes, now)
    if notes:
        place = "attributes" if draft.phase == "span" else "metadata"
        fields[place] = _with_notes(fields.get(place), notes)
    fields |= {
        "workspace_id": bearer.workspace_id,
        "user_id": bearer.user_id,
        "api_key_id": bearer.api_key_id,
        "source": source,
    }
    event = _build(draft.phase, fields, payloads=payloads_of(bearer))
    return event, [*problems, *event.problems]


def payloads_of(bearer: Bearer) -> Payloads:
    """How much of a call is kept: the key may ask for less than its workspace, not for more."""
    return policies.kept(policies.policy_of(bearer.workspace_id), bearer.payloads)


def identity_of(value: Any, workspace_id: UUID) -> tuple[UUID, str | None]:
    """The id of a call, and the caller's own where that is no UUID: the same name always has the same id in a workspace.

    Raises `InvalidEvent`.
    """
    if isinstance(value, UUID):
        return value, None
    if value is None or not isinstance(value, str | int) or isinstance(value, bool) or not str(value).strip():
        raise InvalidEvent("id", "is missing: give each call its own id, so that sending it twice stores it once")
    text = repair(str(value)).strip()
    if len(text) > IDENTITY_LIMIT:
        raise InvalidEvent("id", f"is longer than {IDENTITY_LIMIT} characters")
    try:
        return UUID(text), None
    except ValueError:
        return uuid5(workspace_id, f"inference:{text}"), text


def _build(phase: DraftPhase, fields: dict[str, Any], *, payloads: Payloads) -> Event:
    if phase == "span":
        return spans.build(fields, payloads=payloads)
    return events.build(phase, fields, payloads=payloads)


def _drop_what_is_not_theirs(phase: DraftPhase, fields: dict[str, Any]) -> list[str]:
    """Take out what no client tells; what is merely unknown may come from a newer client, and costs no event."""
    declared = DECLARED[phase]
    problems = []
    for name in [name for name in fields if name not in declared or declared[name].sender != "client"]:
        if fields.pop(name) is not None:
            shown = name if name in declared else shorten(repair(str(name)), 60)
            problems.append(f"{shown} is {'set by the server' if name in declared else 'not a field, and was left out'}")
    return problems


def _identify(phase: DraftPhase, fields: dict[str, Any], notes: dict[str, Any], *, workspace_id: UUID) -> None:
    name = "id" if phase == "span" else "inference_id"
    fields[name], foreign = identity_of(fields.get(name), workspace_id)
    if foreign is not None:
        notes["foreign_id"] = foreign
    if phase == "span" and fields.get("inference_id") is not None:
        fields["inference_id"], _ = identity_of(fields["inference_id"], workspace_id)


def _place_conversation(phase: DraftPhase, fields: dict[str, Any]) -> None:
    """A conversation's id is one of ours, plain or as `c_…`; anybody else's name for a conversation groups calls as a session."""
    given = fields.get("conversation_id")
    if not isinstance(given, str):
        return
    try:
        fields["conversation_id"] = UUID(given.removeprefix("c_"))
    except ValueError:
        del fields["conversation_id"]
        if "session_id" in DECLARED[phase] and fields.get("session_id") is None:
            fields["session_id"] = given


def _look_at_clock(fields: Mapping[str, Any], notes: dict[str, Any], now: datetime) -> list[str]:
    """Times far from ours are kept, for only the caller knows what they mean, and are noted."""
    problems = []
    for name in TIMES:
        try:
            told = datetime.fromisoformat(fields[name]) if isinstance(fields.get(name), str) else None
        except ValueError:
            continue  # left out, and named, when the event is built
        if told is None:
            continue
        ahead = (told if told.tzinfo else told.replace(tzinfo=now.tzinfo)) - now
        if not -CLOCK_BEHIND <= ahead <= CLOCK_AHEAD:
            notes["clock_offset_s"] = round(ahead.total_seconds())
            problems.append(
                f"{name} is {abs(round(ahead.total_seconds()))} s {'ahead of' if ahead > timedelta() else 'behind'} ours"
            )
    return problems


def _with_notes(metadata: Any, notes: dict[str, Any]) -> dict[str, Any]:
    kept = metadata if isinstance(metadata, Mapping) else {} if metadata is None else {"metadata": metadata}
    return {**kept, NOTES: notes}
