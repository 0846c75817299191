"""The workspace's own rules, applied to what the built-in ones leave.

A match is the longest of the leftmost. It never goes into or over a marker that stands already. What a stream holds back is what
begins so that more text could make it a match, told by a pattern of all beginnings: at most `LONGEST` characters and a marker.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache

import re2

from telemetry.redaction.config import CustomPattern, WordList
from telemetry.redaction.engine import Removal
from telemetry.redaction.folding import WIDE, fold, zero_width_ending
from telemetry.redaction.patterns import Shape, shape_of, shapes_of_words

MARKER = re.compile(r"\[\[[A-Z][A-Z0-9_]{1,49}\]\]")
_OPEN_MARKER = re.compile(r"\[(?:\[(?:[A-Z][A-Z0-9_]{0,49}\]?)?)?\Z")
_EDGE = rf"(?:[^\pL\pM\pN_]|[{WIDE}])"
_END_OF_WORD = rf"(?:{_EDGE}|\z)"
_ANY = "(?s:.)"  # the character before is a part of each hit, and never of the value
BLOCK = 1000  # characters looked at together
MEMORY = 64 << 20


class CustomRules:
    """Labelled shapes, compiled together."""

    def __init__(self, shapes: Iterable[tuple[str, Shape]]) -> None:
        shapes = list(shapes)
        self._labels = [label for label, _ in shapes]
        self._search = _compiled("|".join(_whole(shape) for _, shape in shapes))
        self._beginnings = [
            _compiled(rf"{_EDGE if is_word else _ANY}((?:{'|'.join(beginnings)}))\z")
            for is_word in (False, True)
            if (beginnings := [shape.beginning for _, shape in shapes if shape.starts_word is is_word])
        ]

    def can_hit(self, text: str) -> bool:
        """Whether anything in this folded text matches."""
        return self._search.search(f"\n{text}".encode()) is not None

    def scan(self, left: str, body: str, *, is_final: bool) -> tuple[list[Removal], int]:
        """What to remove from `body`, which follows the character `left`, and up to where that is known."""
        removals: list[Removal] = []
        at = 0
        while at < len(body):
            wall = MARKER.search(body, at)
            opened = None if wall or is_final else _OPEN_MARKER.search(body, at)
            stop = wall.start() if wall else opened.start() if opened else len(body)
            if wall or is_final:
                self._scan_closed(left, body[at:stop], at, removals)
            else:
                return removals, at + self._scan_open(left, body[at:], stop - at, base=at, removals=removals)
            at, left = (wall.end(), "]") if wall else (stop, left)
        return removals, at

    def _scan_closed(self, left: str, segment: str, base: int, removals: list[Removal]) -> None:
        """All matches in a segment of which the end is known."""
        while segment:
            found = self._search.search(f"{left}{segment}".encode())
            if not found:
                return
            start, end, label = self._place(found, left, segment)
            removals.append(Removal(base + start, base + end, label))
            left, segment, base = "]", segment[end:], base + end

    def _scan_open(self, left: str, segment: str, stop: int, *, base: int, removals: list[Removal]) -> int:
        """The matches that more text can't change. Returns up to where the segment is settled."""
        begun = base
        while True:
            encoded = f"{left}{segment}".encode()
            open_hit, open_value = self._earliest_beginning(encoded, left, segment)
            found = self._search.search(encoded)
            if not found:
                return base - begun + min(open_value, stop)
            start, end, label = self._place(found, left, segment)
            if found.start() >= open_hit or end > stop:
                return base - begun + min(open_value, stop, start)
            removals.append(Removal(base + start, base + end, label))
            left, segment, base, stop = "]", segment[end:], base + end, stop - end

    def _earliest_beginning(self, encoded: bytes, left: str, segment: str) -> tuple[int, int]:
        """The earliest place where more text could make a match: of the hit, in bytes, and of the value, in characters."""
        hit, value = len(encoded), len(segment)
        for pattern in self._beginnings:
            if found := pattern.search(encoded):
                hit = min(hit, found.start())
                value = min(value, _characters(encoded, found.start(1)) - len(left))
        return hit, max(0, value)

    def _place(self, found: re2._Match, left: str, segment: str) -> tuple[int, int, str]:
        """Start, end and label of what was found, in characters of the segment."""
        start, end = (_characters(found.string, place) - len(left) for place in found.span(found.lastindex))
        return start, end, self._labels[found.lastindex - 1]


def _whole(shape: Shape) -> str:
    before = _EDGE if shape.starts_word else _ANY
    after = _END_OF_WORD if shape.ends_word else ""
    return f"{before}({shape.source}){after}"


def _characters(encoded: bytes, index: int) -> int:
    return index if encoded.isascii() else len(encoded[:index].decode())


def _compiled(source: str) -> re2._Regexp:
    options = re2.Options()
    options.longest_match = True
    options.max_mem = MEMORY
    return re2.compile(source, options)


@lru_cache(maxsize=64)
def custom_rules(patterns: tuple[CustomPattern, ...], word_lists: tuple[WordList, ...]) -> CustomRules | None:
    """The rules of these patterns and lists; None if there are none."""
    shapes = [(pattern.label, shape_of(pattern.pattern)) for pattern in patterns]
    for words in word_lists:
        shapes += [(words.label, shape) for shape in shapes_of_words(words.words, is_case_sensitive=words.is_case_sensitive)]
    return CustomRules(shapes) if shapes else None


class CustomStage:
    """Takes a text in, in one piece or many, and puts it out without what the custom rules find."""

    def __init__(self, rules: CustomRules, replace: Callable[[str, str], str] | None = None) -> None:
        self._replace = replace
        self.kinds: Counter[str] = Counter()
        self._rules = rules
        self._held, self._left = "", "\n"
        self._zero_width_before = 0

    @property
    def held_count(self) -> int:
        return len(self._held)

    def feed(self, piece: str) -> str:
        """What is settled once this piece is known."""
        return "".join(self._pass(piece[place : place + BLOCK], is_final=False) for place in range(0, len(piece), BLOCK))

    def flush(self) -> str:
        """The rest."""
        return self._pass("", is_final=True)

    def _pass(self, piece: str, *, is_final: bool) -> str:
        text = self._held + piece
        folded = fold(text, self._zero_width_before)
        removals, end = self._rules.scan(self._left, folded.text, is_final=is_final)
        pieces, done = [], 0
        for removal in removals:
            start, label = folded.original(removal.start), str(removal.kind)
            pieces.append(text[done:start])
            done = folded.original(removal.end)
            pieces.append(self._replace(label, text[start:done]) if self._replace else f"[[{label}]]")
            self.kinds[label] += 1
        stop = folded.original(end)
        pieces.append(text[done:stop])
        if end:
            self._left = "]" if removals and removals[-1].end == end else folded.text[end - 1]
        self._zero_width_before = zero_width_ending(text[:stop], self._zero_width_before)
        self._held = text[stop:]
        return "".join(pieces)
