"""The archive: conversations that are kept out of the list, newest first, found by their words."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from accounts.access import WHO_MAY, Act
from accounts.models import Membership, User
from chat import search
from chat.access import conversations_of
from chat.models import Conversation

PAGE_OF_ARCHIVE = 40


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ends: when its last conversation was archived, and its id."""

    archived_at: datetime
    id: uuid.UUID

    def __str__(self) -> str:
        return f"{self.archived_at.isoformat()}_{self.id.hex}"

    @classmethod
    def parse(cls, text: str) -> "Cursor | None":
        """None for an empty or broken cursor: the list then starts at its top."""
        moment, _, hexadecimal = text.rpartition("_")
        try:
            archived_at = datetime.fromisoformat(moment)
            return cls(archived_at, uuid.UUID(hexadecimal)) if archived_at.tzinfo else None
        except ValueError:
            return None


def page(user: User, typed: str, *, before: Cursor | None = None) -> dict[str, Any]:
    """`archived` conversations with these words in them or in their title, `next_before`, and a `problem` with what was typed."""
    found = archived_of(user)
    typed, problem = typed.strip(), ""
    if typed:
        try:
            found = found.filter(id__in=search.conversations_with(user, typed))
        except search.Unsearchable as unsearchable:
            problem = str(unsearchable)
    if before is not None:
        found = found.extra(where=["(archived_at, id) < (%s, %s)"], params=[before.archived_at, before.id])
    rows = list(found.only("id", "title", "archived_at", "updated_at", "model")[: PAGE_OF_ARCHIVE + 1])
    shown = rows[:PAGE_OF_ARCHIVE]
    last = shown[-1] if len(rows) > len(shown) else None
    return {
        "archived": shown,
        "next_before": str(Cursor(last.archived_at, last.id)) if last and last.archived_at else "",
        "typed": typed,
        "problem": problem,
    }


def archived_of(user: User) -> QuerySet[Conversation]:
    return conversations_of(user).filter(archived_at__isnull=False, is_temporary=False).order_by("-archived_at", "-id")


def changeable_of(user: User) -> QuerySet[Conversation]:
    """Those in the archive that the person may change: who became a viewer reads, and changes nothing."""
    parts = Membership.objects.filter(user=user, role__in=WHO_MAY[Act.CHAT])
    return archived_of(user).filter(workspace__in=parts.values("workspace"))
