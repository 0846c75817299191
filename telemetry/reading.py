"""Whose calls a program may read: its person's own, and those of the whole workspace where the role allows it.

What was said is content: one's own is shown, another's only when asked for by who may read it, and each time that is noted.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.http import Http404

from accounts import audit
from accounts.access import WHO_MAY, Act
from accounts.audit import Action
from accounts.entrance import Bearer, Refused
from telemetry.models import InferenceLog
from telemetry.queries import details
from telemetry.queries.filters import Filters

# What tells of single people. Whoever sees others' calls in sums alone gets their own where one of these is asked for.
PERSONAL = frozenset({"user_id", "api_key_id", "end_user", "conversation_id", "session_id", "trace_id"})


def sees_all(bearer: Bearer) -> bool:
    return bearer.role in WHO_MAY[Act.SEE_LOGS]


def is_own(bearer: Bearer, user_id: UUID | None) -> bool:
    return user_id == bearer.user_id


def narrowed(filters: Filters, bearer: Bearer) -> Filters | None:
    """The filters within what the program may list; None when that is nothing."""
    if sees_all(bearer):
        return filters
    if filters.user_id and bearer.user_id not in filters.user_id:
        return None
    return replace(filters, user_id=(bearer.user_id,))


def call_of(bearer: Bearer, inference_id: UUID) -> InferenceLog:
    """A call that the program may know of. Raises `Http404`."""
    found = details.row(bearer.workspace_id, inference_id)
    if found is None or not (sees_all(bearer) or is_own(bearer, found.user_id)):
        raise Http404("There is no such call.")
    return found


def reveal(bearer: Bearer, calls: Collection[tuple[UUID, UUID | None]], *, now: datetime) -> None:
    """Note that a program is shown what others said; `calls` are ids and whose they are. Raises `Refused`."""
    if bearer.role not in WHO_MAY[Act.SEE_CONTENT]:
        raise Refused(403, "forbidden", "What others said is shown to the workspace's owner only.")
    others = [call_id for call_id, user_id in calls if not is_own(bearer, user_id)]
    if others:
        detail = {
            "call_count": len(others),
            "calls": [str(call_id) for call_id in others[:20]],
            "api_key": str(bearer.api_key_id),
        }
        audit.note(Action.CONTENT_SEEN, bearer.user_id, now=now, workspace=bearer.workspace_id, detail=detail)
