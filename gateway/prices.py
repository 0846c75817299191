"""What a model costs, as people read it: US dollars for a million tokens in and out."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from gateway import directory
from gateway.shelves import ModelChoice, Shelf
from telemetry import pricing
from telemetry.rates import MILLION


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million prompt and completion tokens."""

    prompt_usd: Decimal
    completion_usd: Decimal

    def __str__(self) -> str:
        return f"${_short(self.prompt_usd)} in, ${_short(self.completion_usd)} out"


def price_of(choice: ModelChoice, shelf: Shelf, *, now: datetime) -> Price | None:
    """What is known; None where nobody knows, and for models that run here."""
    provider, _, model = (choice.stands_for or choice.path).partition("/")
    source = shelf.sources.get(provider)
    kind = source.kind if source else directory.find(provider)
    listed = pricing.rates(kind.name, model, now) if kind and not choice.is_demo else None
    if listed is None:
        return None
    return Price(listed.by_bucket["input"] * MILLION, listed.by_bucket["output"] * MILLION)


def _short(usd: Decimal) -> str:
    text = f"{usd:.4f}".rstrip("0").rstrip(".")
    whole, _, part = text.partition(".")
    return f"{whole}.{part.ljust(2, '0')}" if part else whole
