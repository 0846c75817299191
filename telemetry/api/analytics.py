"""How the product is used, for programs: `GET /api/v1/analytics`."""

from datetime import date
from decimal import Decimal
from typing import Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema

from accounts.entrance import Refused
from accounts.programs import needs
from telemetry import analytics, asked, figures, product_analytics

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


class ProductQuery(Schema):
    """Which days."""

    window: Literal["7d", "30d", "90d", "365d"] = Field("30d", description="Days of UTC, the last of them today.")


class ProductDay(Schema):
    """One day: `weekly_users` and `monthly_users` were active in the 7 and the 30 days that end with it."""

    day: date
    active_users: int
    weekly_users: int
    monthly_users: int
    newcomers: int
    calls: int
    succeeded: int
    success_rate: float | None
    tokens: int
    cost_usd: Decimal
    mean_seconds: float | None
    thumbs_up: int
    thumbs_down: int


class ProductSums(Schema):
    """A whole period. What nobody did or said is null."""

    people: int
    mean_active_users: float | None
    stickiness: float | None
    success_rate: float | None
    mean_seconds: float | None
    approval: float | None
    mean_rating: float | None
    feedback_rate: float | None


class ProductCohort(Schema):
    """People whose first day was in the week from `monday` on, and how many of them were active in each week since."""

    monday: date
    size: int
    counts: list[int]


class ProductModel(Schema):
    """What one model was used for, and by how many people."""

    model: str
    people: int
    calls: int
    errors: int
    tokens: int
    cost_usd: Decimal


class ProductAnalytics(Schema):
    """The days of the period, its sums and those of the period before it, who came back, and the models called most."""

    window: str
    period: ProductSums
    previous: ProductSums | None
    days: list[ProductDay]
    cohorts: list[ProductCohort]
    models: list[ProductModel]


@router.get(
    "/analytics/product",
    auth=needs("metrics"),
    response=ProductAnalytics,
    summary="Active people, retention and feedback by day",
    url_name="product_analytics",
)
def product(request: HttpRequest, query: Query[ProductQuery]) -> dict[str, Any]:
    """How the product does over days of UTC, and beside the period before: sums that name nobody, of the key's workspace.

    A person is active who did something, or in whose name a call was recorded. The previous period of a year is not kept.
    """
    asked.check_names(request, ProductQuery)
    workspace_id = request.auth.workspace_id  # type: ignore[attr-defined]  # ninja's
    now = timezone.now()
    try:
        found = figures.within_time(lambda: product_analytics.read([workspace_id], query.window, now=now))
    except figures.TooMuch as error:
        raise Refused(503, "too_much", str(error), retry_after=60) from None
    return {
        "window": found.period,
        "period": found.now,
        "previous": found.before,
        "days": found.now.days,
        "cohorts": found.presence.cohorts,
        "models": found.models,
    }
