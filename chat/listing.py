"""The lists of a person's conversations, page by page: those at the side, pinned ones first, then by date; and the archive."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import F, QuerySet
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import User
from accounts.sessions import tell_sockets
from chat.access import conversations_of
from chat.models import Conversation

PAGE_OF_CONVERSATIONS = 40
PINNED, TODAY = "Pinned", "Today"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page of the sidebar ends: when its last conversation was pinned, if it was, when it was used, and its id."""

    pinned_at: datetime | None
    updated_at: datetime
    id: uuid.UUID

    def __str__(self) -> str:
        pinned = self.pinned_at.isoformat() if self.pinned_at else ""
        return f"{pinned}_{self.updated_at.isoformat()}_{self.id.hex}"

    @classmethod
    def parse(cls, text: str) -> "Cursor | None":
        """None for an empty or broken cursor: the list then starts at its top."""
        pinned, _, rest = text.partition("_")
        moment, _, hexadecimal = rest.partition("_")
        try:
            pinned_at = datetime.fromisoformat(pinned) if pinned else None
            updated_at = datetime.fromisoformat(moment)
            known = cls(pinned_at, updated_at, uuid.UUID(hexadecimal))
        except ValueError:
            return None
        return known if updated_at.tzinfo and (pinned_at is None or pinned_at.tzinfo) else None


def sidebar(user: User, *, before: Cursor | None = None) -> dict[str, Any]:
    """`groups` of the person's conversations, pinned ones first, then by date, and the cursor `next_before` of the next page."""
    listed = conversations_of(user).filter(archived_at=None, is_temporary=False)
    found = listed.order_by(F("pinned_at").desc(nulls_last=True), "-updated_at", "-id")
    if before is not None:
        found = _after(found, before)
    rows = list(found.only("id", "title", "updated_at", "pinned_at")[: PAGE_OF_CONVERSATIONS + 1])
    shown = rows[:PAGE_OF_CONVERSATIONS]
    is_more = len(rows) > len(shown)
    groups = _grouped(shown, today=timezone.localdate(), is_top=before is None)
    last = shown[-1] if is_more else None
    return {
        "groups": groups,
        "next_before": str(Cursor(last.pinned_at, last.updated_at, last.id)) if last else "",
    }


def sidebar_html(user: User) -> str:
    """The first page of the sidebar, to be swapped in out of band."""
    with timezone.override(user.zone):  # it is sent outside of a request
        return render_to_string("chat/_sidebar.html", {**sidebar(user), "is_out_of_band": True})


def row_html(conversation: Conversation) -> str:
    """One conversation that is new, was used just now or got another title: the page puts its row where it belongs.

    Empty for what is not in the list.
    """
    if conversation.is_temporary or conversation.archived_at or conversation.deleted_at:
        return ""
    return render_to_string("chat/_row_news.html", {"conversation": conversation})


def turn_began(conversation: Conversation, reply_id: uuid.UUID) -> dict[str, str]:
    """What the person's sockets are told: the turn, and the row of its conversation, which is the one used last."""
    row = row_html(conversation)
    return {"type": "turn.began", "conversation": str(conversation.id), "reply": str(reply_id), "row": row}


def tell_row(conversation_id: uuid.UUID) -> None:
    """Tell the owner's pages of this conversation's new title."""
    conversation = Conversation.objects.filter(id=conversation_id).first()
    row = row_html(conversation) if conversation else ""
    if conversation and row:
        tell_sockets(conversation.owner_id, {"type": "list.row", "row": row})


def _after(found: QuerySet[Conversation], before: Cursor) -> QuerySet[Conversation]:
    if before.pinned_at is None:
        return found.extra(where=["pinned_at IS NULL AND (updated_at, id) < (%s, %s)"], params=[before.updated_at, before.id])
    return found.extra(
        where=["((pinned_at, updated_at, id) < (%s, %s, %s) OR pinned_at IS NULL)"],
        params=[before.pinned_at, before.updated_at, before.id],
    )


def _grouped(conversations: Sequence[Conversation], *, today: date, is_top: bool) -> list[tuple[str, list[Conversation]]]:
    """By heading. At the top of the list the first two are there even if empty: the page puts news into them."""
    groups: dict[str, list[Conversation]] = {PINNED: [], TODAY: []} if is_top else {}
    for conversation in conversations:
        label = PINNED if conversation.pinned_at else _age(timezone.localdate(conversation.updated_at), today)
        groups.setdefault(label, []).append(conversation)
    return list(groups.items())


def _age(day: date, today: date) -> str:
    days = (today - day).days
    if days <= 0:
        return TODAY
    if days == 1:
        return "Yesterday"
    if days <= 7:
        return "Last 7 days"
    if days <= 30:
        return "Last 30 days"
    return f"{day:%B %Y}"
