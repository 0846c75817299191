"""The price rows in the database: loaded once a release, added to by the operator, read by every process that prices calls.

Rows are final (a trigger holds it): a new price is a new row from a moment on, a wrong one is withdrawn.
"""

import hashlib
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from importlib.metadata import version
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import Count, Max

from telemetry import price_list, price_map, pricing
from telemetry.models import ListedPrice, PriceRelease
from telemetry.rates import BUCKETS, Listing, Tier, completed

REFRESH_SECONDS = 30.0

_lock = threading.Lock()
_read_at = float("-inf")
_read_state = ""


class InvalidPrice(ValueError):
    """The price can't be entered; the message says why."""


def release() -> str:
    """The name of what is built in: LiteLLM's version, and a fingerprint of our own list."""
    listed = "\n".join(f"{row.id} {sorted(row.by_bucket.items())} {row.aliases}" for row in price_list.listings())
    return f"LiteLLM {version('litellm')}, list {hashlib.sha256(listed.encode()).hexdigest()[:8]}"


def load(now: datetime) -> int:
    """Add the built-in prices that are new or have changed; returns how many. Does nothing where the release is loaded.

    A changed price of the map holds from now on: the map doesn't say since when.
    """
    name = release()
    if PriceRelease.objects.filter(name=name).exists():
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute('LOCK TABLE "telemetry_price_release" IN SHARE ROW EXCLUSIVE MODE')
        if PriceRelease.objects.filter(name=name).exists():
            return 0
        added = list(_news(now))
        ListedPrice.objects.bulk_create([_row(listing) for listing in added], batch_size=500, ignore_conflicts=True)
        PriceRelease.objects.create(name=name, added_count=len(added))
    return len(added)


def add(
    provider: str,
    model: str,
    *,
    usd: Mapping[str, Decimal],
    effective_from: datetime,
    source: str = "entered by the operator",
    aliases: Sequence[str] = (),
    created_by: UUID | None = None,
) -> ListedPrice:
    """Enter a price: `usd` is dollars a token by bucket; input and output are needed. It wins over built-in ones.

    Raises InvalidPrice.
    """
    if not provider.strip() or not model.strip():
        raise InvalidPrice("A price needs the provider's and the model's name.")
    if unknown := usd.keys() - set(BUCKETS):
        raise InvalidPrice(f"There is no bucket {min(unknown)}: {', '.join(BUCKETS)}.")
    if "input" not in usd or "output" not in usd:
        raise InvalidPrice("A price needs the rates of input and output tokens.")
    if any(not rate.is_finite() or rate < 0 or rate >= 1000 for rate in usd.values()):
        raise InvalidPrice("A rate is a number of US dollars that is not negative.")
    row = _row(
        Listing(
            id=f"manual-{effective_from:%Y-%m-%d}-{uuid4().hex[:8]}:{provider.strip()}/{model.strip()}",
            provider=provider.strip(),
            model=model.strip(),
            origin="manual",
            source=source,
            by_bucket=completed(usd),
            effective_from=effective_from,
            aliases=tuple(aliases),
        )
    )
    row.created_by = created_by
    row.save(force_insert=True)
    forget()
    return row


def withdraw(price_id: str, now: datetime) -> bool:
    """Price nothing by this row any more; what was priced by it stays until a repricing. Says whether it held until now."""
    withdrawn = ListedPrice.objects.filter(id=price_id, withdrawn_at=None).update(withdrawn_at=now)
    forget()
    return bool(withdrawn)


def refresh(*, at_once: bool = False) -> None:
    """Price by the database's rows from now on, in this process. Asks it at most twice a minute, one small query."""
    global _read_at, _read_state
    with _lock:
        if not at_once and time.monotonic() - _read_at < REFRESH_SECONDS:
            return
        found = state()
        if found != _read_state:
            pricing.use(book())
        _read_at, _read_state = time.monotonic(), found


def forget() -> None:
    """Have the next `refresh` look at once."""
    global _read_at, _read_state
    with _lock:
        _read_at, _read_state = float("-inf"), ""


def state() -> str:
    """Two equal states mean the same prices."""
    seen = ListedPrice.objects.aggregate(Count("id"), Count("withdrawn_at"), Max("created_at"))
    return " ".join(str(value) for value in seen.values())


def book() -> pricing.Book:
    """The database's prices, and the built-in ones of models that it has never heard of."""
    rows = [_listing(row) for row in ListedPrice.objects.filter(withdrawn_at=None)]
    heard_of = set(ListedPrice.objects.values_list("provider", "model"))
    return pricing.Book([*rows, *(new for new in pricing.built_in() if (new.provider, new.model) not in heard_of)])


def _news(now: datetime) -> Iterable[Listing]:
    known = {row.id for row in ListedPrice.objects.only("id")}
    latest: dict[tuple[str, str], Listing] = {}
    for row in ListedPrice.objects.filter(origin=ListedPrice.Origin.MAP).order_by("created_at", "effective_from"):
        latest[row.provider, row.model] = _listing(row)
    yield from (listing for listing in price_list.listings() if listing.id not in known)
    for listing in price_map.listings():
        last = latest.get((listing.provider, listing.model))
        if last is None:
            yield listing
        elif not last.is_same_price(listing):
            yield _since(listing, now, taken=known)


def _since(listing: Listing, now: datetime, *, taken: set[str]) -> Listing:
    names = {name: getattr(listing, name) for name in listing.__slots__}
    identity = listing.id if listing.id not in taken else f"{listing.id}@{now:%Y-%m-%d}"
    return Listing(**(names | {"id": identity, "effective_from": now}))


def _row(listing: Listing) -> ListedPrice:
    tiers: Any = [[threshold, {bucket: str(usd) for bucket, usd in rates.items()}] for threshold, rates in listing.tiers]
    return ListedPrice(
        id=listing.id,
        provider=listing.provider,
        model=listing.model,
        aliases=list(listing.aliases),
        effective_from=listing.effective_from,
        origin=listing.origin,
        source=listing.source,
        tiers=tiers or None,
        **listing.by_bucket,
    )


def _listing(row: ListedPrice) -> Listing:
    tiers: tuple[Tier, ...] = tuple(
        (threshold, {bucket: Decimal(usd) for bucket, usd in rates.items()}) for threshold, rates in row.tiers or ()
    )
    return Listing(
        id=row.id,
        provider=row.provider,
        model=row.model,
        origin=row.origin,  # type: ignore[arg-type]  # the column's choices are the type's
        source=row.source,
        by_bucket={bucket: getattr(row, bucket) for bucket in BUCKETS},
        effective_from=row.effective_from,
        aliases=tuple(row.aliases),
        tiers=tiers,
    )
