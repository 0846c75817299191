"""All that is a person's own in the chat, as one thing: their links page by page, and their conversations at once."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from accounts.access import WHO_MAY, Act
from accounts.keyset import Cursor
from accounts.models import Membership, User
from chat import access, sharing
from chat.models import Conversation, Message, Share

PAGE_OF_SHARES = 50


@dataclass(frozen=True, slots=True)
class Shares:
    """A page of a person's links, and where the next one begins."""

    rows: list[Share]
    next_before: str


def shares(user: User, before: str = "") -> Shares:
    """The links that can be read now, the newest first. A broken cursor is the first page."""
    found = sharing.shares_of(user)
    if (cursor := Cursor.parse(before)) is not None:
        found = found.filter(Q(updated_at__lt=cursor.at) | Q(updated_at=cursor.at, id__lt=cursor.id))
    rows = list(found[: PAGE_OF_SHARES + 1])
    is_more = len(rows) > PAGE_OF_SHARES
    rows = rows[:PAGE_OF_SHARES]
    return Shares(rows, str(Cursor(rows[-1].updated_at, rows[-1].id)) if is_more else "")


def changeable_of(user: User) -> QuerySet[Conversation]:
    """Those that the person may change: who became a viewer reads, and changes nothing."""
    parts = Membership.objects.filter(user=user, role__in=WHO_MAY[Act.CHAT])
    return access.conversations_of(user).filter(workspace__in=parts.values("workspace"))


def delete_all(user: User, *, stop: Callable[[uuid.UUID], object], now: datetime) -> int:
    """Delete every conversation of theirs: from now on nobody finds them, and the purge takes them. Returns how many."""
    mine = changeable_of(user)
    running = Message.objects.filter(conversation__in=mine.values("id"), status=Message.Status.STREAMING)
    for run_id in list(running.filter(run_id__isnull=False).values_list("run_id", flat=True)):
        if run_id is not None:
            stop(run_id)
    return mine.update(deleted_at=now)
