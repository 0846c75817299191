"""What a rule is: a trigger that says where it can hit, and a finder of matches in one island."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import re2

from telemetry.redaction.folding import WIDE

CONTEXT = 64  # characters before an island that a rule may read
MARKER_END = "]]"  # what a rule sees of a value removed just before

_WIDE = re.compile(f"[{WIDE}]")
_SPECIAL_BEFORE = re.compile(r"(?:\\[nrt]|%[0-9A-Fa-f]{2})\Z")
_HEX_WORD_BEFORE = re.compile(r"(?:^|[^0-9A-Za-z])[0-9A-Fa-f]+-\Z")


class Match(NamedTuple):
    """A value to remove. `tail`, if any, matches how the value may go on past the end of a cut island."""

    start: int
    end: int
    kind: str
    priority: int
    tail: re.Pattern[str] | None = None


def unattached(after: str) -> str:
    """In a pattern, after what matches `after` (of one width): before it no word ends, but for escapes such as `\\n`, `%3D`.

    It stands behind, so that the pattern begins with what it looks for: that is how `re` skips fast.
    """
    return rf"(?:(?<![0-9A-Za-z]{after})|(?<=\\[nrt]{after})|(?<=%[0-9A-Fa-f]{{2}}{after}))"


def as_bytes(text: str) -> bytes:
    """A byte for each character, for patterns that tell only ASCII apart: so places are the same, and nothing is counted out."""
    return text.encode("ascii", "replace")


def spans(pattern: re2._Regexp, text: str) -> Iterator[tuple[int, int]]:
    """Where the pattern matches."""
    return (found.span() for found in pattern.finditer(as_bytes(text)))


def is_word(character: str) -> bool:
    """Whether this is a letter or digit that a value can't touch: letters of scripts without spaces can be touched."""
    return character.isalnum() and (character.isascii() or not _WIDE.match(character))


@dataclass(frozen=True, slots=True)
class Subject:
    """An island with what stands before it: `text[start:]` is the island. `is_cut`: the island goes on after its end."""

    text: str
    start: int
    is_cut: bool = False

    def follows_word(self, index: int) -> bool:
        """Whether a letter or digit stands before `index`, that isn't the end of an escape such as `\\n` or `%3D`."""
        if index == 0 or not is_word(self.text[index - 1]):
            return False
        return not _SPECIAL_BEFORE.search(self.text[max(0, index - 3) : index])

    def precedes_word(self, index: int) -> bool:
        """Whether a letter or digit stands at `index`."""
        return is_word(self.text[index : index + 1])

    def is_inside_number(self, start: int, end: int) -> bool:
        """Whether `start:end` is a part of a longer number or identifier: 0.4111…, …-4111…, 4111….5, 4111…-a6."""
        text = self.text
        if self.follows_word(start) or self.precedes_word(end):
            return True
        before, after = text[max(0, start - 2) : start], text[end : end + 2]
        if len(before) == 2 and before[1] in ".," and before[0].isdigit():
            return True
        if len(after) == 2 and after[0] in ".," and after[1].isdigit():
            return True
        if len(after) == 2 and after[0] == "-" and after[1].isalnum():
            return True
        return before[1:] == "-" and _HEX_WORD_BEFORE.search(text[max(0, start - 20) : start]) is not None

    def before(self, index: int, length: int = 40) -> str:
        """The text just before `index`."""
        return self.text[max(0, index - length) : index]


@dataclass(frozen=True, slots=True)
class Rule:
    """`trigger` is a google-re2 pattern without anchors or boundaries, so that what holds for a part holds for the whole text.

    It must hit inside every island where `find` finds anything. With `is_named`, a name in the text before tells the value: then
    it hits in that text together with the island, and the last `is_named` characters of the hit are the first of the value.
    """

    trigger: str
    find: Callable[[Subject], Iterator[Match]]
    is_named: int = 0

    def without(self, kinds: frozenset[str]) -> "Rule":
        """The same rule, without matches of these kinds."""
        return replace(self, find=lambda subject: (match for match in self.find(subject) if match.kind not in kinds))


def select(matches: list[Match]) -> list[Match]:
    """Those that stay when matches overlap: by priority, then the longer, then the earlier. In order of place."""
    in_order = sorted(matches, key=lambda found: found.start)
    if all(match.end <= following.start for match, following in pairwise(in_order)):
        return in_order
    chosen: list[Match] = []
    starts: list[int] = []
    for match in sorted(matches, key=lambda found: (found.priority, found.start - found.end, found.start)):
        index = bisect_left(starts, match.start)
        is_free_before = not index or chosen[index - 1].end <= match.start
        if is_free_before and (index == len(chosen) or match.end <= starts[index]):
            chosen.insert(index, match)
            starts.insert(index, match.start)
    return chosen
