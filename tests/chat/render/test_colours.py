"""The colours of code: a rule for each class, and enough contrast in both themes."""

import re
from pathlib import Path

import pytest

from chat.render.code import TOKEN_CLASSES

STYLES = Path(__file__).parents[3] / "static" / "css"
PAIR = r"light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)"
CODE = (STYLES / "code.css").read_text()


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", sorted(TOKEN_CLASSES))
def test_each_kind_of_token_has_a_rule(name: str):
    assert re.search(rf"\.{name}\b", CODE)


def test_each_colour_is_readable_on_code_in_both_themes():
    ground = re.search(rf"--code: {PAIR};", (STYLES / "tokens.css").read_text())
    assert ground
    pairs = re.findall(PAIR, CODE)
    assert len(pairs) >= 10
    for pair in pairs:
        assert all(contrast(colour, ground[theme]) >= 4.5 for theme, colour in enumerate(pair, start=1)), pair
