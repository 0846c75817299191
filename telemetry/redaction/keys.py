"""API keys, found by what vendors print on them."""

import re
from collections.abc import Iterator

import re2

from telemetry.redaction.randomness import is_wordy
from telemetry.redaction.rules import Match, Rule, Subject
from telemetry.redaction.vendors import SHAPES, VENDORS, Vendor

UNMISTAKABLE = 6  # a prefix of this length is also seen at the end of a longer word
_BY_PREFIX = {prefix: vendor for vendor in VENDORS for prefix in vendor.prefixes.split()}
_LONGEST_FIRST = sorted(_BY_PREFIX, key=len, reverse=True)
_HEAD = 2  # characters that every prefix has
_BY_HEAD = {head: [p for p in _LONGEST_FIRST if p[:_HEAD] == head] for head in {p[:_HEAD] for p in _LONGEST_FIRST}}
_BODIES = {vendor.alphabet: re.compile(f"{vendor.alphabet}*") for vendor in VENDORS}


def _branch(prefixes: list[str], depth: int = 0) -> str:
    """A pattern that tells the prefixes apart letter by letter, the longest first, each with the least that must follow it."""
    ways = [_minimum(_BY_PREFIX[prefix]) for prefix in prefixes if len(prefix) == depth]
    letters = dict.fromkeys(prefix[depth] for prefix in prefixes if len(prefix) > depth)
    deeper = [
        re.escape(letter) + _branch([p for p in prefixes if p[depth : depth + 1] == letter], depth + 1) for letter in letters
    ]
    return f"(?:{'|'.join([*deeper, *ways])})"


def _minimum(vendor: Vendor) -> str:
    end = "(?![0-9A-Za-z])" if vendor.most else ""
    return f"{vendor.alphabet}{{{vendor.least},{vendor.most or vendor.least}}}{end}"


_KEY = re.compile(_branch(_LONGEST_FIRST))
_SHAPES = [
    (re.compile(trigger), re2.compile(pattern), re.compile(tail) if tail else None) for _, trigger, pattern, tail in SHAPES
]


def find_vendor_keys(subject: Subject) -> Iterator[Match]:
    """A vendor's prefix with enough of the vendor's alphabet after it."""
    text, position = subject.text, subject.start
    while found := _KEY.search(text, position):
        start = found.start()
        prefix = next(prefix for prefix in _BY_HEAD[text[start : start + _HEAD]] if text.startswith(prefix, start))
        match, position = _vendor_key(subject, start, prefix)
        if match:
            yield match


def _vendor_key(subject: Subject, start: int, prefix: str) -> tuple[Match | None, int]:
    """The key that begins here, if it is one, and where to look on."""
    text, after = subject.text, start + len(prefix)
    pattern = _BODIES[_BY_PREFIX[prefix].alphabet]
    body = pattern.match(text, after)
    end = body.end() if body else after
    is_open = subject.is_cut and end == len(text)
    value = text[after:end] if is_open else text[after:end].rstrip(".-_=")
    if _is_made_up(value, prefix):
        return None, end  # nor is any part of it a key
    if len(prefix) < UNMISTAKABLE and subject.follows_word(start):
        return None, start + 1
    return Match(start, after + len(value), "API_KEY", 3, pattern if is_open else None), end


def _is_made_up(value: str, prefix: str) -> bool:
    """`sk-your-api-key-here`, `ghp_aaaaaaaa`; also `sk-estimator-doc-link`, a class of a style sheet."""
    return len(set(value)) < 5 or (len(prefix) < UNMISTAKABLE and value.islower() and value.isascii() and is_wordy(value))


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
    Rule(f"(?:{'|'.join(map(re2.escape, _LONGEST_FIRST))})[0-9A-Za-z_-]*", find_vendor_keys),
    Rule("|".join(trigger for _, trigger, _, _ in SHAPES), find_shaped_keys),
)
