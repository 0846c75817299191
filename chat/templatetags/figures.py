"""How figures are written on pages: money and times, short and never more exact than they are."""

from decimal import Decimal

from django import template

register = template.Library()

SMALLEST_USD = Decimal("0.0001")
LARGE_ENOUGH_FOR_CENTS_USD = Decimal("0.0995")


@register.filter
def usd(amount: Decimal) -> str:
    """US dollars in cents, with two significant digits below ten of them: `$0.0012`, `$1.23`."""
    if amount == 0:
        return "$0"
    if amount < SMALLEST_USD:
        return f"<${SMALLEST_USD}"
    if amount >= LARGE_ENOUGH_FOR_CENTS_USD:
        return f"${amount:,.2f}"
    return f"${amount:.{1 - amount.adjusted()}f}"


@register.filter
def seconds(milliseconds: int) -> str:
    """A duration for people: `85 ms`, `0.42 s`, `12 s`."""
    if milliseconds < 100:
        return f"{milliseconds} ms"
    if milliseconds < 10_000:
        return f"{milliseconds / 1000:.2g} s"
    return f"{milliseconds / 1000:,.0f} s"
