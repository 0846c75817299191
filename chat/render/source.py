"""The text before the parser and after it: what may not reach it, and what is hidden from it.

Four code points that Unicode keeps for private use inside a program stand for things the parser must not act on: the
`<` of raw HTML, the `$` of a price, and the brackets of a redaction marker. `reveal` puts them back, as text.
"""

import re
from html import escape

from telemetry.redaction import LABELS

LESS, DOLLAR, OPEN, CLOSE = "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3"

_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdd3\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
# Invisible marks that reorder what follows: in code they show another program than the one that is copied.
_REORDERING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_REPLACED = dict.fromkeys([*range(0x09), *range(0x0E, 0x20), 0x7F, *range(0xFDD0, 0xFDD4)], "\ufffd")
_TABLE = {**_REPLACED, **_REORDERING, 0x0B: " ", 0x0C: " "}

_HTML = re.compile(
    r"(?<!\\)<(?=[A-Za-z/!?])"
    r"(?![A-Za-z][A-Za-z0-9+.\-]{1,31}:[^\s<>]*>|[\w.!#$%&'*+/=?^`{|}~\-]+@[\w.\-]+>)"  # <https://…> and <a@b.c> are links
)
_LONE_DOLLAR = re.compile(r"(?<![\\$])\$(?!\$)")
_MARKER = re.compile(r"\[\[([A-Z][A-Z0-9_]{0,40}?)(_[0-9]{1,6})?\]\]")
PLACEHOLDER_TITLE = ": the model was given this name for it"

_TAG = re.compile(r"(<[^>]*>)")
_CHIP = re.compile(f"<[^<>{OPEN}]*{OPEN}[^<>]*>|{OPEN}([A-Z0-9_]+){CLOSE}")
_BREAK = re.compile(rf"{LESS}br ?/?&gt;")
_BRACKETS = str.maketrans({OPEN: "[[", CLOSE: "]]"})
_IN_URL = {"%EF%B7%90": "%3C", "%EF%B7%91": "$", "%EF%B7%92": "%5B%5B", "%EF%B7%93": "%5D%5D"}


def clean(text: str) -> str:
    """One kind of newline; no NUL, control, reordering mark, lone surrogate or code point of ours."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not _UNWANTED.search(text):
        return text
    if _SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.translate(_TABLE)


class Intake:
    """`clean`, piece by piece: holds back half a newline and half a surrogate pair."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        text = self._held + piece
        self._held = ""
        if text and (text[-1] == "\r" or "\ud800" <= text[-1] <= "\udbff"):
            text, self._held = text[:-1], text[-1]
        return clean(text)

    def flush(self) -> str:
        held, self._held = self._held, ""
        return clean(held)


def hide(text: str) -> str:
    """Cleaned Markdown with raw HTML, prices and redaction markers made inert."""
    if "<" in text:
        text = _HTML.sub(LESS, text)
    if "$" in text:
        text = _LONE_DOLLAR.sub(DOLLAR, text)
    return hide_markers(text) if "[[" in text else text


def hide_markers(text: str) -> str:
    return _MARKER.sub(lambda found: f"{OPEN}{found[1]}{found[2] or ''}{CLOSE}" if found[1] in LABELS else found[0], text)


def reveal(html: str) -> str:
    """Put back what was hidden: chips and breaks in text alone, plain characters inside tags and code."""
    if f"{LESS}br" in html:
        html = _break_lines(html)
    html = html.replace(LESS, "&lt;").replace(DOLLAR, "$")
    if OPEN in html:
        html = _CHIP.sub(_chip, html).translate(_BRACKETS)
    if "%EF%B7%9" in html:
        for encoded, plain in _IN_URL.items():
            html = html.replace(encoded, plain)
    return html


def _break_lines(html: str) -> str:
    """A line break inside a table's cell has no other spelling in Markdown."""
    pieces = _TAG.split(html)
    in_code = False
    for position, piece in enumerate(pieces):
        if position % 2:
            in_code = piece.startswith("<code") or (in_code and piece != "</code>")
        elif not in_code:
            pieces[position] = _BREAK.sub("<br>", piece)
    return "".join(pieces)


def _chip(found: re.Match[str]) -> str:
    if not found[1]:  # inside a tag
        return found[0].translate(_BRACKETS)
    kind, _, number = found[1].rpartition("_")
    if number.isdecimal():
        return f'<span class="redacted" title="{found[1]}{PLACEHOLDER_TITLE}">{escape(LABELS[kind])} {number}</span>'
    words = escape(LABELS[found[1]])
    removed = words if found[1] == "WITHHELD" else f"{words} removed"
    return f'<span class="redacted" title="Removed before it was stored">{removed}</span>'


def escape_plain(text: str) -> str:
    """Escaped text with its chips, in an element that keeps line breaks. Never fails, never parses."""
    return f'<div class="plain">{reveal(escape(hide_markers(clean(text))))}</div>'
