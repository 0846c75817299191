"""Redaction markers in titles, where no chip can stand, as people read them."""

import re

from django import template

from telemetry.redaction import LABELS

register = template.Library()

MARKER = re.compile(r"\[\[([A-Z0-9_]+)\]\]")


@register.filter
def in_words(text: object) -> str:
    """`Mail to [[EMAIL]]` → `Mail to (e-mail)`; what is no marker stays."""
    return MARKER.sub(lambda found: f"({LABELS[found[1]]})" if found[1] in LABELS else found[0], str(text))
