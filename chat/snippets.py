"""A few words of a text around what was looked for, and which of them are it. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from telemetry.search_terms import Term

BEFORE, LENGTH = 60, 220
WORD = re.compile(r"\w+")
SPACES = re.compile(r"\s+")
# What Markdown adds around words; a snippet is plain text.
MARKUP = re.compile(r"\*\*|__|~~|`{1,3}|^#{1,6} |^> |^\|? ?[-:| ]+$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text, and whether it is what was looked for."""

    text: str
    is_marked: bool = False


def marker(terms: Sequence[Term]) -> re.Pattern[str] | None:
    """What to mark in a text that was found by these terms."""
    patterns = [_pattern(term) for term in terms if not term.is_excluded]
    found = sorted({pattern for pattern in patterns if pattern}, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(found)})", re.IGNORECASE) if found else None


def cut(text: str, marked: re.Pattern[str] | None) -> list[Piece]:
    """About 220 characters around the first word that is marked, in one line."""
    line = SPACES.sub(" ", MARKUP.sub("", text)).strip()
    first = marked.search(line) if marked else None
    start = max(0, first.start() - BEFORE) if first else 0
    if start:
        start = line.find(" ", start, first.start() if first else None) + 1 or start
    end = min(len(line), start + LENGTH)
    if end < len(line):
        end = max(line.rfind(" ", start + LENGTH // 2, end), 0) or end
    pieces = list(_pieces(line[start:end], marked))
    if start:
        pieces.insert(0, Piece("…"))
    if end < len(line):
        pieces.append(Piece("…"))
    return pieces


def _pattern(term: Term) -> str:
    words = WORD.findall(term.text)
    if not words:
        return ""
    return r"\W+".join(map(re.escape, words)) + (r"\w*" if term.kind == "prefix" else r"(?!\w)")


def _pieces(text: str, marked: re.Pattern[str] | None) -> Iterator[Piece]:
    at = 0
    for found in marked.finditer(text) if marked else ():
        if found.start() > at:
            yield Piece(text[at : found.start()])
        yield Piece(found[0], is_marked=True)
        at = found.end()
    if at < len(text):
        yield Piece(text[at:])
