"""What a token costs: a price as it is listed, and what a call of so many tokens comes to. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

BUCKETS = ("input", "cache_read", "cache_write", "output", "reasoning")
RUNS_HERE = "runs on this machine"
MILLION = Decimal(1_000_000)

Origin = Literal["map", "listed", "manual"]
Tier = tuple[int, Mapping[str, Decimal]]  # from more than so many prompt tokens on


@dataclass(frozen=True, slots=True)
class Listing:
    """A price row: US dollars a token by bucket. Without `effective_from` it holds as far back as nobody knows better."""

    id: str
    provider: str
    model: str
    origin: Origin
    source: str
    by_bucket: Mapping[str, Decimal]
    effective_from: datetime | None = None
    aliases: tuple[str, ...] = ()
    tiers: tuple[Tier, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (self.model, *self.aliases)

    def of(self, prompt_tokens: int) -> Mapping[str, Decimal]:
        """The rates that a prompt of this length is charged by."""
        reached = [rates for threshold, rates in self.tiers if prompt_tokens > threshold]
        return dict(self.by_bucket) | dict(reached[-1]) if reached else self.by_bucket

    def is_same_price(self, other: "Listing") -> bool:
        return dict(self.by_bucket) == dict(other.by_bucket) and _plain(self.tiers) == _plain(other.tiers)


def completed(told: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """A bucket without a rate of its own is charged as what it is part of."""
    whole = {"cache_read": told["input"], "cache_write": told["input"], "reasoning": told["output"]}
    return whole | dict(told)


def per_million(usd: Mapping[str, str]) -> dict[str, Decimal]:
    """Rates a token from US dollars a million tokens, as price lists print them."""
    return completed({bucket: Decimal(amount) / MILLION for bucket, amount in usd.items()})


def _plain(tiers: tuple[Tier, ...]) -> list[tuple[int, dict[str, Decimal]]]:
    return [(threshold, dict(rates)) for threshold, rates in tiers]
