"""How much people may ask: each in a workspace, or one of them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts import api_keys, audit
from accounts.audit import Action
from accounts.entrance import Limits
from accounts.models import Membership, User, Workspace


def change(limited: Membership | Workspace, limits: Limits, *, workspace_id: UUID, by: User | UUID | None, now: datetime) -> None:
    """Give a person in the workspace limits of their own, or all of them the workspace's. Raises `InvalidKey`."""
    api_keys.check_limits(limits)
    limited.requests_per_minute = limits.requests
    limited.tokens_per_minute = limits.tokens
    limited.concurrent_calls = limits.concurrent
    detail: dict[str, Any] = {"of": str(limited.user_id)} if isinstance(limited, Membership) else {"for": "each person"}
    detail |= {"requests_per_minute": limits.requests, "tokens_per_minute": limits.tokens, "calls_at_once": limits.concurrent}
    with transaction.atomic():
        limited.save(update_fields=["requests_per_minute", "tokens_per_minute", "concurrent_calls"])
        audit.note(Action.LIMITS_CHANGED, by, now=now, workspace=workspace_id, subject=limited, detail=detail)
