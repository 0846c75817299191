"""The archive: conversations that are kept out of the list, newest first, found by their words."""

from typing import Any

from django.db.models import QuerySet

from accounts.access import WHO_MAY, Act
from accounts.keyset import Cursor
from accounts.models import Membership, User
from chat import search
from chat.access import conversations_of
from chat.models import Conversation

PAGE_OF_ARCHIVE = 40


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
        found = found.extra(where=["(archived_at, id) < (%s, %s)"], params=[before.at, before.id])
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
