"""The list of a person's conversations, by date, page by page."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import User
from chat.access import conversations_of
from chat.models import Conversation

PAGE_OF_CONVERSATIONS = 40


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page of the sidebar ends: the time and id of its last conversation."""

    updated_at: datetime
    id: uuid.UUID

    def __str__(self) -> str:
        return f"{self.updated_at.isoformat()}_{self.id.hex}"

    @classmethod
    def parse(cls, text: str) -> "Cursor | None":
        """None for an empty or broken cursor: the list then starts at its top."""
        moment, _, hexadecimal = text.rpartition("_")
        try:
            updated_at = datetime.fromisoformat(moment)
            return cls(updated_at, uuid.UUID(hexadecimal)) if updated_at.tzinfo else None
        except ValueError:
            return None


def sidebar(user: User, *, before: Cursor | None = None) -> dict[str, Any]:
    """`groups` of the person's conversations by date, newest first, and the cursor `next_before` of the following page."""
    found = conversations_of(user).order_by("-updated_at", "-id").only("id", "title", "updated_at")
    if before is not None:
        found = found.extra(where=["(updated_at, id) < (%s, %s)"], params=[before.updated_at, before.id])
    rows = list(found[: PAGE_OF_CONVERSATIONS + 1])
    shown = rows[:PAGE_OF_CONVERSATIONS]
    is_more = len(rows) > len(shown)
    return {
        "groups": _by_date(shown, today=timezone.localdate()),
        "next_before": str(Cursor(shown[-1].updated_at, shown[-1].id)) if is_more else "",
    }


def sidebar_html(user: User) -> str:
    """The first page of the sidebar, to be swapped in out of band."""
    return render_to_string("chat/_sidebar.html", {**sidebar(user), "is_out_of_band": True})


def _by_date(conversations: Sequence[Conversation], *, today: date) -> list[tuple[str, list[Conversation]]]:
    groups: dict[str, list[Conversation]] = {}
    for conversation in conversations:
        groups.setdefault(_age(timezone.localdate(conversation.updated_at), today), []).append(conversation)
    return list(groups.items())


def _age(day: date, today: date) -> str:
    days = (today - day).days
    if days <= 0:
        return "Today"
    if days == 1:
        return "Yesterday"
    if days <= 7:
        return "Last 7 days"
    if days <= 30:
        return "Last 30 days"
    return f"{day:%B %Y}"
