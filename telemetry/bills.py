"""How the cost of a call comes about: each bucket's tokens, what a million of them cost then, and what that makes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from telemetry import pricing
from telemetry.models import InferenceLog

LABELS = {
    "input": "Prompt",
    "cache_read": "Prompt, read from a cache",
    "cache_write": "Prompt, written to a cache",
    "output": "Completion",
    "reasoning": "Reasoning",
}
MILLION = 1_000_000
SMALLEST = Decimal("0.000000001")  # a difference below it is of rounding


@dataclass(frozen=True, slots=True)
class Bucket:
    """Tokens of one kind. Without a known price there is no rate."""

    label: str
    token_count: int
    usd_per_million: Decimal | None
    usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Bill:
    """A call's tokens and cost. `sum_usd` is what today's price row makes of them; the recorded cost is the call's own."""

    buckets: Sequence[Bucket]
    sum_usd: Decimal | None
    price_id: str
    source: str
    effective_from: datetime | None
    is_long_prompt: bool  # charged by the rates for long prompts
    is_other: bool  # the recorded cost is not this sum


def of(call: InferenceLog) -> Bill:
    """What the call is charged by: the price row that it names, where that row is still the one of its time."""
    counts = {name: getattr(call, f"{name}_tokens") for name in pricing.BUCKETS}
    at = call.started_at or call.received_at
    found = pricing.rates(call.provider or "", call.served_model or call.model or "", at) if call.price_id else None
    listing = found if found is not None and found.id == call.price_id else None
    rates = listing.of(call.prompt_tokens or 0) if listing else None
    buckets = [
        Bucket(LABELS[name], count, rates[name] * MILLION if rates else None, rates[name] * count if rates else None)
        for name, count in counts.items()
        if count
    ]
    total = sum((bucket.usd or Decimal(0) for bucket in buckets), Decimal(0)) if listing else None
    return Bill(
        buckets=buckets,
        sum_usd=total,
        price_id=call.price_id or "",
        source=listing.source if listing else "",
        effective_from=listing.effective_from if listing else None,
        is_long_prompt=listing is not None and rates != listing.by_bucket,
        is_other=total is not None and call.cost_usd is not None and abs(total - call.cost_usd) > SMALLEST,
    )
