"""Words in one's own conversations and in the log of calls, for programs."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from accounts.entrance import Bearer, Refused
from accounts.models import User
from accounts.programs import needs
from chat import search
from telemetry import asked, reading, shapes
from telemetry.queries import words
from telemetry.queries.filters import Filters
from telemetry.search_terms import Unsearchable

router = Router(tags=["Logs"])
Where = Literal["conversations", "logs"]
SCOPE_OF: dict[Where, str] = {"conversations": "chat", "logs": "logs:read"}


class AskedSearch(Schema):
    """What to look for, and where."""

    q: str = Field(description='Words, "phrases", begin* and -without.', min_length=1, max_length=1_000, examples=["tides"])
    within: list[Where] = Field(
        [], alias="in", max_length=2, description="Both where nothing is said and the key's scopes allow it (chat, logs:read)."
    )
    cursor: str | None = Field(None, max_length=255, description="next_cursor of one of both; say in which with `in`.")


class Piece(Schema):
    """A few words of what was found."""

    text: str
    is_hit: bool


class ConversationHit(Schema):
    """A message with the words, or a title; then it has no message."""

    conversation_id: UUID
    message_id: UUID | None
    title: str
    role: str
    said_at: datetime
    is_archived: bool
    pieces: list[Piece]


class ConversationHits(Schema):
    """Best first."""

    data: list[ConversationHit]
    next_cursor: str | None


class CallHit(Schema):
    """A call with the words; the places are of what the caller may read."""

    call: shapes.CallLine
    pieces: list[Piece]


class CallHits(Schema):
    """Newest first."""

    data: list[CallHit]
    next_cursor: str | None
    searched_since: datetime | None = Field(description="Where the time ran out; go on with next_cursor.")


class Found(Schema):
    """What was found in each place; null where it was not looked for."""

    query: str
    conversations: ConversationHits | None
    logs: CallHits | None


@router.get("/search", auth=needs("chat", "logs:read"), response=Found, summary="Search")
def find(request: HttpRequest, given: Query[AskedSearch]) -> Any:
    """Words in the person's own conversations of the key's workspace, and in their own calls."""
    bearer: Bearer = request.auth  # type: ignore[attr-defined]  # `needs` put it there
    places = _places(given.within, bearer)
    if given.cursor and len(places) != 1:
        raise Refused(422, "invalid", "A cursor goes on in one place: say which with `in`.", param="in")
    now = timezone.now()
    try:
        return Found(
            query=given.q,
            conversations=_conversations(given, bearer, now) if "conversations" in places else None,
            logs=_logs(given, bearer, now) if "logs" in places else None,
        )
    except Unsearchable as error:
        raise Refused(422, "unsearchable", str(error), param="q") from None


def _places(within: list[Where], bearer: Bearer) -> set[Where]:
    wanted: list[Where] = within or [place for place, scope in SCOPE_OF.items() if scope in bearer.scopes]
    for place in wanted:
        if SCOPE_OF[place] not in bearer.scopes:
            raise Refused(403, "missing_scope", f"This API key may not do that: it needs the scope {SCOPE_OF[place]}.")
    return set(wanted)


def _conversations(given: AskedSearch, bearer: Bearer, now: datetime) -> ConversationHits:
    after = search.Cursor.parse(given.cursor) if given.cursor else None
    if given.cursor and after is None:
        raise asked.broken_cursor()
    user = User.objects.get(pk=bearer.user_id)
    found = search.find(user, given.q, now=now, after=after, workspace_id=bearer.workspace_id)
    return ConversationHits(data=[_hit(hit) for hit in found.hits], next_cursor=found.next_after or None)


def _hit(hit: search.Hit) -> ConversationHit:
    same = {name: getattr(hit, name) for name in ConversationHit.model_fields if name != "pieces"}
    return ConversationHit(**same, pieces=[Piece(text=piece.text, is_hit=piece.is_marked) for piece in hit.pieces])


def _logs(given: AskedSearch, bearer: Bearer, now: datetime) -> CallHits:
    """One's own calls alone: a hit tells what was said, so that others' are read in the log, where it is noted."""
    cursor, _ = asked.understood(given.cursor)
    found = words.words_page(Filters(bearer.workspace_id, user_id=(bearer.user_id,)), given.q, cursor, now=now)
    return CallHits(
        data=[
            CallHit(
                call=shapes.line(call, may_read=reading.is_own(bearer, call.user_id)),
                pieces=[Piece(text=text, is_hit=is_hit) for text, is_hit in found.places.get(call.id, ())],
            )
            for call in found.page.lines
        ],
        next_cursor=asked.told(found.page.older),
        searched_since=found.page.searched_since,
    )
