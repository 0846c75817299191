"""What people do with the product: active users, the rate of success and time spent come from here."""

import hashlib
import hmac
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from telemetry.models import ProductEvent

Name = ProductEvent.Name

# By name and time, which is an index; AUTH_FAILED is nobody's activity.
ACTIVE = tuple(name for name in Name.values if name != Name.AUTH_FAILED)
KEPT_DAYS = 400
PIECE = 10_000


def note(
    name: ProductEvent.Name,
    workspace_id: UUID | None,
    *,
    user_id: UUID | None = None,
    conversation_id: UUID | None = None,
    detail: str = "",
) -> None:
    """Enter an event in the caller's transaction: what is rolled back did not happen. `detail` is a word of ours, not content."""
    ProductEvent.objects.create(
        name=name, workspace_id=workspace_id, user_id=user_id, conversation_id=conversation_id, detail=detail
    )


def pseudonym(user_id: UUID) -> str:
    """The user where their events leave the workspace (exports, metrics): the same each time, and nobody's id."""
    key = hashlib.sha256(b"telemetry.product_events" + settings.SECRET_KEY.encode()).digest()
    return "u_" + hmac.new(key, user_id.bytes, hashlib.sha256).hexdigest()[:24]


def forget_user(user_id: UUID) -> int:
    """Cut the link of a user's events to them and to their conversations; what was counted stays counted."""
    return ProductEvent.objects.filter(user_id=user_id).update(user_id=None, conversation_id=None)


def prune(now: datetime) -> int:
    """Delete what is too old; returns how many."""
    pruned = 0
    while True:
        old = ProductEvent.objects.filter(happened_at__lt=now - timedelta(days=KEPT_DAYS)).values("id")[:PIECE]
        deleted = ProductEvent.objects.filter(id__in=old).delete()[0]
        pruned += deleted
        if deleted < PIECE:
            return pruned
