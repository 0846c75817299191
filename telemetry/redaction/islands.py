"""Islands: the stretches of text that no match can leave.

Where an island ends is told by the characters around that place alone, never by how the text was cut in pieces. So a stream and
the whole text have the same islands, and redacting island by island gives the same result for both.

An island is a word up to a space, quote, bracket, comma or semicolon, and goes on over
- one space between groups of digits (cards, phone numbers), between the groups of an IBAN or a NINO, inside a PEM header;
- brackets around digits (area codes), and marks inside the user:password part of an address;
- whatever a password in quotes holds, when a name such as `password` stands before it.
Letters of scripts without spaces belong to an island only just before an `@` and after it.
"""

import re

from telemetry.redaction.folding import WIDE
from telemetry.redaction.rules import is_word

LIMIT = 120  # characters of an island; a longer one is cut by the engine
QUOTES = frozenset("\"'`")
LOOKAHEAD = 5  # characters after an island that can tell whether it goes on
HELD = LIMIT + LOOKAHEAD  # a stream never holds back more than this for an island

_BREAKS = r"""\s"<>(){}\[\],;|`\\\x00-\x1f\u3001-\u3004\u3008-\u3020\u3030\u303d-\u303f\u30fb"""
_WORD = rf"[^@{_BREAKS}{WIDE}]"
_AFTER_AT = rf"@[^@{_BREAKS}]*"
_BODY = rf"(?:{_WORD}+|{_AFTER_AT}|(?<=[0-9])[()]|(?<=[0-9)]) (?:- )?\(?(?=[0-9]))"

START = re.compile(rf"[^{_BREAKS}{WIDE}]|\((?=[0-9])|[{WIDE}]{{1,16}}(?=@)")
OPEN_START = re.compile(rf"(?:\(|[{WIDE}]{{1,16}})\Z")
_FIRST = re.compile(rf"(?:\((?=[0-9])|[{WIDE}]{{1,16}}(?=@))?{_BODY}*")
_MORE = re.compile(rf"{_BODY}*")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?: [A-Za-z0-9]{4}){0,8}\Z")
_NINO = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}(?: [0-9]{2}){0,3}\Z")
_PEM = re.compile(r"-----BEGIN(?: [A-Z0-9]{1,12}){0,4}\Z")
_AUTHORITY = re.compile(r"://[^/?#\s]{0,90}\Z")
_IN_AUTHORITY = frozenset(",;(){}|")
_QUOTED = re.compile(r"""(?i:pass(?:word|wd|phrase|code)|pwd)(?:\\{0,3}["'`])?\]?\s{0,3}(?::=|=>|[:=])\s{0,3}\\{0,3}["'`]\Z""")
_CLOSING = {quote: re.compile(rf"[{quote}\\\n]|\[\[") for quote in QUOTES}
_DIGIT_OR_CLOSE = frozenset("0123456789)")


def password_quote(before: str, first: str) -> str:
    """The quote that opens a password, if an island with this first character, and this before it, is one; else ''."""
    opened = before + first if first == "'" else before
    return opened[-1] if opened[-1:] in QUOTES and _QUOTED.search(opened) else ""


def extent(text: str, start: int, *, is_final: bool, quote: str = "") -> tuple[int, bool]:
    """Where the island from `start` on ends, as far as `LIMIT` + `LOOKAHEAD`, and whether more text could move that end.

    With `quote` it ends there, unless that is too far, or a marker stands before.
    """
    if quote:
        closing = _CLOSING[quote].search(text, start + (text[start] == quote), start + LIMIT + 1)
        if closing and closing[0] != "[[":  # a value removed from inside would else bring the end nearer, next time
            return closing.start(), False
        if not closing and not is_final and len(text) <= start + LIMIT:
            return len(text), True
    bound = min(len(text), start + HELD)
    first = _FIRST.match(text, start, bound)
    end = first.end() if first else start
    while end < bound and end - start <= LIMIT and _goes_on(text, start, end):
        more = _MORE.match(text, end + 1, bound)
        end = more.end() if more else end + 1
    return end, not is_final and _is_open(text, start, end)


def _goes_on(text: str, start: int, end: int) -> bool:
    """Whether the character at `end`, which ends a word, is inside a longer value."""
    mark = text[end]
    if mark == " ":
        following = text[end + 1 : end + 2]
        return following.isalnum() and following.isascii() and _awaits_group(text, start, end)
    return mark in _IN_AUTHORITY and "://" in text[start:end] and _AUTHORITY.search(text[start:end]) is not None


def _awaits_group(text: str, start: int, end: int) -> bool:
    before = text[max(start, end - 64) : end]  # a slice, so that nothing before the island has a say
    if before[-4:].isalnum() and not is_word(before[-5:-4]) and _IBAN.search(before[-44:]):
        return True
    if before[-2:].isalnum() and not is_word(before[-3:-2]) and _NINO.search(before[-12:]):
        return True
    return "-----BEGIN" in before and _PEM.search(before) is not None


def _is_open(text: str, start: int, end: int) -> bool:
    rest = text[end : end + LOOKAHEAD]
    if not rest:
        return True
    if rest not in {" ", " -", " - ", " (", " - ("}:
        return False
    return text[end - 1] in _DIGIT_OR_CLOSE or (rest == " " and _awaits_group(text, start, end))
