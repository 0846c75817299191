"""API keys, found by what vendors print on them."""

import re
from collections.abc import Iterator

import re2

from telemetry.redaction.randomness import is_wordy
from telemetry.redaction.rules import Match, Rule, Subject
from telemetry.redaction.vendors import SHAPES, VENDORS, Vendor

_BY_PREFIX: dict[str, list[Vendor]] = {}
for _vendor in VENDORS:
    for _prefix in _vendor.prefixes.split():
        _BY_PREFIX.setdefault(_prefix, []).append(_vendor)
_LONGEST_FIRST = sorted(_BY_PREFIX, key=len, reverse=True)
_PREFIXES = "|".join(re2.escape(prefix) for prefix in _LONGEST_FIRST)
_PREFIX = re2.compile(_PREFIXES)
_BODIES = {vendor.alphabet: re.compile(f"{vendor.alphabet}*") for vendor in VENDORS}
_SHAPES = [
    (re.compile(trigger), re2.compile(pattern), re.compile(tail) if tail else None) for _, trigger, pattern, tail in SHAPES
]
_UNMISTAKABLE = 6  # a prefix of this length is also seen at the end of a longer word


def find_vendor_keys(subject: Subject) -> Iterator[Match]:
    """A vendor's prefix with enough of the vendor's alphabet after it."""
    text, position = subject.text, subject.start
    while found := _PREFIX.search(text, position):
        start, position = found.start(), found.start() + 1
        for prefix in _LONGEST_FIRST:
            if text.startswith(prefix, start) and (match := _vendor_key(subject, start, prefix)):
                position = match.end
                yield match
                break


def _vendor_key(subject: Subject, start: int, prefix: str) -> Match | None:
    if len(prefix) < _UNMISTAKABLE and subject.follows_word(start):
        return None
    after = start + len(prefix)
    for vendor in _BY_PREFIX[prefix]:
        pattern = _BODIES[vendor.alphabet]
        body = pattern.match(subject.text, after)
        end = body.end() if body else after
        if vendor.most and (end - after > vendor.most or subject.precedes_word(end)):
            continue
        is_open = subject.is_cut and end == len(subject.text)
        value = subject.text[after:end] if is_open else subject.text[after:end].rstrip(".-_=")
        if len(value) < vendor.least or _is_made_up(value, prefix):
            continue
        return Match(start, after + len(value), "API_KEY", 3, pattern if is_open else None)
    return None


def _is_made_up(value: str, prefix: str) -> bool:
    """`sk-your-api-key-here`, `ghp_aaaaaaaa`; also `sk-estimator-doc-link`, a class of a style sheet."""
    return len(set(value)) < 5 or (len(prefix) < _UNMISTAKABLE and value.islower() and value.isascii() and is_wordy(value))


def find_shaped_keys(subject: Subject) -> Iterator[Match]:
    """Keys told by their inside, or by the address that they stand in."""
    text = subject.text
    for trigger, pattern, tail in _SHAPES:
        if not trigger.search(text, subject.start):
            continue
        for found in pattern.finditer(text, subject.start):
            start, end = found.span(1)
            if tail or not (subject.follows_word(start) or subject.precedes_word(end)):
                yield Match(start, end, "API_KEY", 3, tail if subject.is_cut and end == len(text) else None)


RULES = (
    Rule(_PREFIXES, find_vendor_keys),
    Rule("|".join(trigger for _, trigger, _, _ in SHAPES), find_shaped_keys),
)
