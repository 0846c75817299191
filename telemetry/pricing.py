"""What a call cost, by the price that held when it was made. A price that is not known is None, never 0.

Prices are rows of a book. The built-in ones (LiteLLM's map and our dated list) are always there; `telemetry.prices` puts the
database's rows, with what the operator added, in their place. Looking a price up never waits for anything.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from telemetry import price_list, price_map
from telemetry.rates import BUCKETS, RUNS_HERE, Listing

__all__ = ["BUCKETS", "RUNS_HERE", "Book", "Price", "built_in", "cost_usd", "rates", "use"]

LONG_AGO = datetime.min.replace(tzinfo=UTC)
LOCAL = Listing("local", "local", "", "map", RUNS_HERE, dict.fromkeys(BUCKETS, Decimal(0)))


@dataclass(frozen=True, slots=True)
class Price:
    """What a call cost, and by which price row."""

    usd: Decimal
    id: str
    source: str


class Book:
    """Price rows by provider and model. The operator's own row wins from its day on; else the newest that holds."""

    def __init__(self, listings: Iterable[Listing]) -> None:
        self._by_name: dict[tuple[str, str], list[Listing]] = {}
        for listing in listings:
            for name in listing.names:
                self._by_name.setdefault((listing.provider, name), []).append(listing)
        for rows in self._by_name.values():
            rows.sort(key=lambda row: (row.origin == "manual", row.effective_from or LONG_AGO), reverse=True)

    def __contains__(self, named: tuple[str, str]) -> bool:
        return named in self._by_name

    def price_of(self, provider: str, model: str, at: datetime) -> Listing | None:
        rows = self._by_name.get((provider, model), ())
        return next((row for row in rows if row.effective_from is None or row.effective_from <= at), None)


_book: Book | None = None


def built_in() -> tuple[Listing, ...]:
    """The rows that come with this version of Ollive and of LiteLLM."""
    return (*price_list.listings(), *price_map.listings())


def use(book: Book | None) -> None:
    """Price by this book from now on, in this process; None stands for the built-in one."""
    global _book
    _book = book


def cost_usd(
    provider: str,
    model: str,
    *,
    input_tokens: int = 0,
    cache_read_tokens: int = 0,
    cache_write_tokens: int = 0,
    output_tokens: int = 0,
    reasoning_tokens: int = 0,
    at: datetime | None = None,
) -> Price | None:
    """The price of a call's disjoint buckets at a time (now by default); None when the model's price is not known."""
    found = rates(provider, model, at or datetime.now(UTC))
    if found is None:
        return None
    counts = (input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens)
    by_bucket = found.of(input_tokens + cache_read_tokens + cache_write_tokens)
    usd = sum((by_bucket[bucket] * count for bucket, count in zip(BUCKETS, counts, strict=True) if count), Decimal(0))
    return Price(usd, found.id, found.source)


def rates(provider: str, model: str, at: datetime) -> Listing | None:
    """What a provider asked for a model, by its own name or an alias, at a time."""
    if provider == "local":
        return LOCAL
    global _book
    if _book is None:
        _book = Book(built_in())
    return _book.price_of(provider, model, at)
