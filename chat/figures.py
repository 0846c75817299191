"""How figures and markers are written for people: money, times, what was removed; short, and never more exact than they are."""

import re
from decimal import Decimal

from telemetry.redaction import LABELS

SMALLEST_USD = Decimal("0.0001")
LARGE_ENOUGH_FOR_CENTS_USD = Decimal("0.0995")
MARKER = re.compile(r"\[\[([A-Z0-9_]+?)(?:_([0-9]+))?\]\]")


def usd(amount: Decimal) -> str:
    """US dollars in cents, with two significant digits below ten of them: `$0.0012`, `$1.23`."""
    if amount == 0:
        return "$0"
    if amount < SMALLEST_USD:
        return f"<${SMALLEST_USD}"
    if amount >= LARGE_ENOUGH_FOR_CENTS_USD:
        return f"${amount:,.2f}"
    return f"${amount:.{1 - amount.adjusted()}f}"


def seconds(milliseconds: int) -> str:
    """A duration for people: `85 ms`, `0.42 s`, `12 s`."""
    if milliseconds < 100:
        return f"{milliseconds} ms"
    if milliseconds < 10_000:
        return f"{milliseconds / 1000:.2g} s"
    return f"{milliseconds / 1000:,.0f} s"


def in_words(text: object) -> str:
    """`Mail to [[EMAIL]]` → `Mail to (e-mail)`, `[[EMAIL_2]]` → `(e-mail 2)`; what is no marker stays."""
    return MARKER.sub(lambda found: f"({_words(found[1], found[2])})" if found[1] in LABELS else found[0], str(text))


def _words(kind: str, number: str | None) -> str:
    return f"{LABELS[kind]} {number}" if number else LABELS[kind]
