"""How times and markers are written for people: what lasted, what was removed; short, and never more exact than they are."""

import re

from telemetry.redaction import LABELS

MARKER = re.compile(r"\[\[([A-Z0-9_]+?)(?:_([0-9]+))?\]\]")


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
