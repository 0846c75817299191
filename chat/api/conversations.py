"""Conversations: made, listed, read, changed, deleted."""

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router, Schema, Status

from accounts.entrance import Bearer, Refused
from accounts.keyset import Cursor
from accounts.programs import needs
from chat import access, branch_reading, making, search, wire
from chat.api.shapes import ConversationChange, ConversationOut, ConversationWithMessages, NewConversation
from chat.models import Conversation

router = Router(tags=["Conversations"])
FURTHEST = 100_000


class Wanted(Schema):
    """Which conversations."""

    user_id: Annotated[str | None, Query(max_length=255, description="Only this user's, by your own label.")] = None
    q: Annotated[str | None, Query(max_length=500, description="Words of a message or of the title.")] = None
    archived: Annotated[bool | None, Query(description="Only those in the archive, or only those that are not.")] = None
    limit: Annotated[int, Query(ge=1, le=100)] = 20
    offset: Annotated[int, Query(ge=0, le=FURTHEST, description="How many to leave out; `cursor` is faster.")] = 0
    cursor: Annotated[str | None, Query(max_length=100, description="Of the `Link` header's next page.")] = None


@router.post("/conversations", response={201: ConversationOut}, auth=needs("chat"), url_name="make_conversation")
def create(request: HttpRequest, given: NewConversation) -> Any:
    """Make a conversation."""
    made = making.make(
        bearer_of(request),
        now=timezone.now(),
        title=given.title or "",
        end_user=given.user_id or "",
        metadata=given.metadata,
    )
    return Status(201, wire.conversation(made))


@router.get("/conversations", response=list[ConversationOut], auth=needs("chat"), url_name="conversations")
def conversations(request: HttpRequest, response: HttpResponse, wanted: Annotated[Wanted, Query()]) -> Any:
    """Your conversations in the key's workspace, the one used last first.

    Where there are more, the `Link` header leads to the next page.
    """
    found = _found(bearer_of(request), wanted)
    rows = list(found[wanted.offset : wanted.offset + wanted.limit + 1])
    if len(rows) > wanted.limit:
        last = rows[wanted.limit - 1]
        asked = {name: value for name, value in request.GET.items() if name not in {"offset", "cursor"}}
        query = urlencode({**asked, "cursor": str(Cursor(last.updated_at, last.id))})
        response.headers["Link"] = f'<{request.build_absolute_uri(request.path)}?{query}>; rel="next"'
    return [wire.conversation(row) for row in rows[: wanted.limit]]


@router.get("/conversations/{conversation_id}", response=ConversationWithMessages, auth=needs("chat"), url_name="conversation")
def conversation(request: HttpRequest, conversation_id: str) -> Any:
    """A conversation and its messages."""
    found = access.conversation_for(bearer_of(request), conversation_id)
    page = branch_reading.page(found, now=timezone.now())
    return wire.conversation(found) | {"messages": [wire.message(row, page.values) for row in page.rows]}


@router.patch("/conversations/{conversation_id}", response=ConversationOut, auth=needs("chat"), url_name="change_conversation")
def change(request: HttpRequest, conversation_id: str, given: ConversationChange) -> Any:
    """Give a conversation another title or other metadata."""
    found = access.conversation_for(bearer_of(request), conversation_id)
    making.change(found, now=timezone.now(), title=given.title, metadata=given.metadata)
    return wire.conversation(found)


@router.delete("/conversations/{conversation_id}", response={204: None}, auth=needs("chat"), url_name="delete_conversation")
def delete(request: HttpRequest, conversation_id: str) -> Any:
    """Delete a conversation with its messages, for good. The logs of its calls stay, without the link."""
    making.delete(access.conversation_for(bearer_of(request), conversation_id), now=timezone.now())
    return Status(204, None)


def bearer_of(request: HttpRequest) -> Bearer:
    bearer: Bearer = request.auth  # type: ignore[attr-defined]
    return bearer


def _found(bearer: Bearer, wanted: Wanted) -> QuerySet[Conversation]:
    found = access.conversations_for(bearer).order_by("-updated_at", "-id")
    if wanted.user_id:
        found = found.filter(end_user_hash=making.hash_of(wanted.user_id))
    if wanted.archived is not None:
        found = found.filter(archived_at__isnull=not wanted.archived)
    if wanted.q:
        try:
            found = found.filter(id__in=search.conversations_with(access.owner_of(bearer), wanted.q))
        except search.Unsearchable as error:
            raise Refused(422, "unsearchable", str(error), param="q") from error
    if wanted.cursor:
        cursor = Cursor.parse(wanted.cursor)
        if cursor is None or not datetime(1, 1, 2, tzinfo=UTC) < cursor.at < datetime(9999, 12, 30, tzinfo=UTC):
            raise Refused(422, "invalid_cursor", "This cursor is none of ours.", param="cursor")
        found = found.filter(Q(updated_at__lt=cursor.at) | Q(updated_at=cursor.at, id__lt=cursor.id))
    return found
