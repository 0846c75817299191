"""Figures on pages: short, and never more exact than they are."""

from decimal import Decimal

import pytest

from chat.figures import seconds
from telemetry.money import usd


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "$0"),
        ("0.00001", "<$0.0001"),
        ("0.0012400000", "$0.0012"),
        ("0.0999", "$0.10"),
        ("0.05", "$0.050"),
        ("1.234", "$1.23"),
        ("1234.5", "$1,234.50"),
    ],
)
def test_money_has_two_significant_digits_or_cents(amount, shown):
    assert usd(Decimal(amount)) == shown


@pytest.mark.parametrize(
    ("milliseconds", "shown"), [(0, "0 ms"), (85, "85 ms"), (412, "0.41 s"), (1200, "1.2 s"), (12_400, "12 s")]
)
def test_a_duration_is_short(milliseconds, shown):
    assert seconds(milliseconds) == shown
