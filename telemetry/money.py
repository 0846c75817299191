"""Amounts of money, as programs and people write them."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

# US dollars for a million tokens.
Usd = Annotated[Decimal, Field(ge=0, lt=1_000_000_000, max_digits=21, decimal_places=12)]

SMALLEST_USD = Decimal("0.0001")
CENTS_FROM_USD = Decimal("0.0995")


def usd(amount: Decimal) -> str:
    """US dollars in cents, with two significant digits below ten of them: `$0.0012`, `$1.23`."""
    if amount == 0:
        return "$0"
    if amount < SMALLEST_USD:
        return f"<${SMALLEST_USD}"
    if amount >= CENTS_FROM_USD:
        return f"${amount:,.2f}"
    return f"${amount:.{1 - amount.adjusted()}f}"
