"""Amounts of money as programs write them."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

# US dollars for a million tokens.
Usd = Annotated[Decimal, Field(ge=0, lt=1_000_000_000, max_digits=21, decimal_places=12)]
