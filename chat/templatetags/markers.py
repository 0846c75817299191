"""Redaction markers in titles, where no chip can stand, as people read them."""

import re

from django import template

from telemetry.redaction import LABELS

register = template.Library()

MARKER = re.compile(r"\[\[([A-Z0-9_]+?)(?:_([0-9]+))?\]\]")


@register.filter
def in_words(text: object) -> str:
    """`Mail to [[EMAIL]]` → `Mail to (e-mail)`, `[[EMAIL_2]]` → `(e-mail 2)`; what is no marker stays."""
    return MARKER.sub(lambda found: f"({_words(found[1], found[2])})" if found[1] in LABELS else found[0], str(text))


def _words(kind: str, number: str | None) -> str:
    return f"{LABELS[kind]} {number}" if number else LABELS[kind]
