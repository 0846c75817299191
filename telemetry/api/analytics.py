"""How the product is used, for programs: `GET /api/v1/analytics`."""

from datetime import date
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema

from accounts.programs import needs
from telemetry import analytics

router = Router(tags=["metrics"])


class ActiveUsers(Schema):
    day: date
    dau: int


class TokensBurnt(Schema):
    day: date
    total_tokens: int


class TimeSpent(Schema):
    user_id: str
    day: date
    seconds_spent: int


class Usage(Schema):
    dau_last_30_days: list[ActiveUsers]
    success_rate: float | None
    avg_latency_ms: float | None
    token_burn_last_30_days: list[TokensBurnt]
    time_spent_samples: list[TimeSpent]


@router.get("/analytics", auth=needs("metrics"), response=Usage, summary="How your workspace is used", url_name="analytics")
def usage(request: HttpRequest) -> dict[str, Any]:
    """Active people, success, latency, tokens and time spent of the last thirty days (UTC), of the key's workspace.

    People are told by pseudonyms. Owners' and admins' keys see everybody's time spent, others their own person's.
    """
    bearer = request.auth  # type: ignore[attr-defined]  # ninja's
    found = analytics.usage([bearer.workspace_id], now=timezone.now())
    return found.as_json(samples_of=analytics.seen_by(bearer.role, bearer.user_id))
