"""Prices of the installation: what calls are priced by."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field

from accounts.access import Act
from accounts.administration import AskedPage, actor_of, invalid, nothing_such
from accounts.entrance import Refused
from accounts.models import Membership
from accounts.programs import needs
from gateway.wanted import WantedPrice
from telemetry import prices
from telemetry.models import ListedPrice
from telemetry.rates import BUCKETS, MILLION

router = Router(tags=["Administration"])


class AskedPrices(AskedPage):
    provider: str = Field("", max_length=100)
    model: str = Field("", max_length=300)
    with_withdrawn: bool = False
    cursor: str = Field("", max_length=1000, description="next_cursor of another page.")


class Price(Schema):
    """US dollars for a million tokens of each kind, from a moment on."""

    id: str
    provider: str
    model: str
    input: float
    cache_read: float
    cache_write: float
    output: float
    reasoning: float
    has_tiers: bool = Field(description="Long prompts cost otherwise.")
    effective_from: datetime | None = Field(description="Null: as far back as nobody knows better.")
    origin: str
    source: str
    withdrawn_at: datetime | None

    @classmethod
    def of(cls, row: ListedPrice) -> "Price":
        same = ("id", "provider", "model", "effective_from", "origin", "source", "withdrawn_at")
        rates: dict[str, Any] = {bucket: float(getattr(row, bucket) * MILLION) for bucket in BUCKETS}
        return cls(**{name: getattr(row, name) for name in same}, **rates, has_tiers=bool(row.tiers))


class PricePage(Schema):
    data: list[Price]
    next_cursor: str | None


class NewPrice(WantedPrice):
    source: str = Field("entered by a program", max_length=500)


@router.get("/admin/prices", auth=needs("admin"), response=PricePage, summary="List prices")
def list_prices(request: HttpRequest, asked: Query[AskedPrices]) -> Any:
    """By their ids."""
    actor_of(request, Act.CONFIGURE)
    found = ListedPrice.objects.order_by("id")
    if asked.provider:
        found = found.filter(provider=asked.provider)
    if asked.model:
        found = found.filter(model=asked.model)
    if not asked.with_withdrawn:
        found = found.filter(withdrawn_at=None)
    if asked.cursor:
        found = found.filter(id__gt=asked.cursor)
    rows = list(found[: asked.limit + 1])
    shown, is_more = rows[: asked.limit], len(rows) > asked.limit
    return PricePage(data=[Price.of(row) for row in shown], next_cursor=shown[-1].id if is_more else None)


@router.post("/admin/prices", auth=needs("admin"), response={201: Price}, summary="Enter a price")
def enter_price(request: HttpRequest, given: NewPrice) -> Any:
    """For an operator who may add prices. It wins over built-in ones, for calls from its moment on."""
    part = _operator(request, "telemetry.add_listedprice")
    usd = {bucket: rate / MILLION for bucket in BUCKETS if (rate := getattr(given, bucket)) is not None}
    try:
        row = prices.add(
            given.provider,
            given.model,
            usd=usd,
            effective_from=given.effective_from or timezone.now(),
            source=given.source,
            created_by=part.user_id,
        )
    except (prices.InvalidPrice, OverflowError) as error:
        raise invalid(str(error)) from None
    return Status(201, Price.of(row))


@router.delete("/admin/prices/{path:price_id}", auth=needs("admin"), response={204: None}, summary="Withdraw a price")
def withdraw_price(request: HttpRequest, price_id: str) -> Any:
    """For an operator who may change prices. Nothing is priced by it any more; what was stays until a repricing."""
    _operator(request, "telemetry.change_listedprice")
    if "\0" in price_id or not prices.withdraw(price_id, timezone.now()):
        raise nothing_such("price that holds")
    return Status(204, None)


def _operator(request: HttpRequest, permission: str) -> Membership:
    """Prices are the installation's, not a workspace's."""
    part = actor_of(request, Act.CONFIGURE)
    if not (part.user.is_staff and part.user.has_perm(permission)):
        raise Refused(403, "forbidden", "Prices are the installation's: this takes an operator who may change them.")
    return part
