"""Where growing Markdown may be cut: offsets before which no later line can change what is shown.

It reads each line once and keeps a few facts about the last top-level block. Where the rules of Markdown leave it in
doubt it finds no cut, which costs a longer tail and never a wrong one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

_FENCE = re.compile(r"(`{3,})[^`]*$|(~{3,})")
_HEADING = re.compile(r"#{1,6}(?: |$)")
_MARKER = re.compile(r"([-+*]|(\d{1,9})[.)])( +|$)")
# Cells of dashes: the second line of a table, even where it reads like a list item.
_DELIMITER = re.compile(r"[-+*:| ]*\|[-:| ]*$")


class Kind(Enum):
    NOTHING = auto()
    CLOSED_BY_BLANK = auto()  # a paragraph, a table, a quote
    LIST = auto()
    INDENTED = auto()
    FENCE = auto()


class Shape(Enum):
    BLANK = auto()
    FENCE = auto()
    HEADING = auto()
    RULE = auto()
    MARKER = auto()
    QUOTE = auto()
    TEXT = auto()


@dataclass(frozen=True, slots=True)
class Line:
    """One line read for itself; `content` is the column where a list item's text begins, `sign` a fence's characters."""

    shape: Shape
    indent: int
    sign: str = ""
    content: int = 0
    is_interrupting: bool = False

    @classmethod
    def read(cls, raw: str) -> "Line":
        text = raw.expandtabs(4) if "\t" in raw else raw
        body = text.strip(" ")
        if not body:
            return cls(Shape.BLANK, 0)
        indent = len(text) - len(text.lstrip(" "))
        if fence := _FENCE.match(body):
            return cls(Shape.FENCE, indent, sign=fence[1] or fence[2])
        if _HEADING.match(body):
            return cls(Shape.HEADING, indent)
        if body[0] in "-*_" and len(solid := body.replace(" ", "")) >= 3 and solid == solid[0] * len(solid):
            return cls(Shape.RULE, indent)
        if body[0] == ">":
            return cls(Shape.QUOTE, indent)
        if marker := _MARKER.match(body):
            return cls._read_marker(body, indent, marker)
        return cls(Shape.TEXT, indent)

    @classmethod
    def _read_marker(cls, body: str, indent: int, marker: re.Match[str]) -> "Line":
        is_empty = marker.end() == len(body)
        padding = len(marker[3]) if 1 <= len(marker[3]) <= 4 else 1
        return cls(
            Shape.MARKER,
            indent,
            # An empty item may end at the next blank line: how far its content reaches is not known.
            content=0 if is_empty else indent + len(marker[1]) + padding,
            is_interrupting=not is_empty and marker[2] in (None, "1") and not _DELIMITER.match(body),
        )


class BlockScanner:
    """Feed it the growing buffer; it yields safe cuts. `forget` tells it that the buffer lost its beginning."""

    def __init__(self) -> None:
        self.kind = Kind.NOTHING
        self.item_at = 0  # where the last top-level list item begins, 0 when unknown
        self._from = 0  # the beginning of the first line not yet read
        self._content = 0  # column of the open item's content, 0 when unknown
        self._sign = ""
        self._was_blank = False
        self._is_in_doubt = False
        self._is_mid_line = False

    def cuts(self, buffer: str) -> Iterator[int]:
        while (end := buffer.find("\n", self._from)) >= 0:
            start, self._from = self._from, end + 1
            if self._is_mid_line:
                self._is_mid_line = self._was_blank = False
                continue
            is_before, is_after = self._take(Line.read(buffer[start:end]), buffer[start:end], start)
            if is_before and start:
                yield start
            if is_after:
                yield end + 1
        if self._closes_early(buffer):
            self._enter(Kind.NOTHING)
            yield self._from

    def forget(self, count: int, buffer: str) -> None:
        """The first `count` characters of the buffer are about to go, be it in the middle of a line."""
        if count > self._from and not self._is_mid_line:
            self._take(Line.read(buffer[self._from : count]), "", 0)
            self._is_mid_line = True
        self._from = max(0, self._from - count)
        self.item_at = max(0, self.item_at - count)

    def _closes_early(self, buffer: str) -> bool:
        """The first character of a line, not yet whole, may already end a list."""
        begins = buffer[self._from : self._from + 1]
        if not begins or self._is_in_doubt or self._is_mid_line or not self._was_blank:
            return False
        return self.kind in (Kind.LIST, Kind.INDENTED) and begins not in " \t-+*0123456789"

    def _enter(self, kind: Kind, *, content: int = 0, item_at: int = 0) -> None:
        self.kind, self._content, self.item_at = kind, content, item_at
        self._was_blank = False

    def _take(self, line: Line, raw: str, start: int) -> tuple[bool, bool]:
        """(may cut before this line, may cut after it)."""
        if self.kind is Kind.FENCE:
            return False, self._take_in_fence(line, raw)
        if line.shape is Shape.BLANK:
            self._was_blank = True
            if self.kind is Kind.CLOSED_BY_BLANK:
                self._enter(Kind.NOTHING)
            return False, self.kind is Kind.NOTHING
        if self._is_in_doubt:
            return False, False
        if self.kind is Kind.NOTHING:
            return True, self._take_fresh(line, start)
        if self.kind is Kind.INDENTED:
            return self._take_after_indented(line, start)
        if self.kind is Kind.LIST:
            return self._take_in_list(line, start)
        return self._take_in_paragraph(line, start)

    def _take_in_fence(self, line: Line, raw: str) -> bool:
        body = raw.strip(" \t")
        if line.indent <= 3 and len(body) >= len(self._sign) and body == self._sign[0] * len(body):
            self._enter(Kind.NOTHING)
            return True
        return False

    def _take_fresh(self, line: Line, start: int) -> bool:
        """The first line of a new top-level block. True when the block ends with it."""
        if line.indent >= 4:
            self._enter(Kind.INDENTED)
        elif line.shape in (Shape.HEADING, Shape.RULE):
            self._enter(Kind.NOTHING)
            return True
        elif line.shape is Shape.FENCE:
            self._enter(Kind.FENCE)
            self._sign = line.sign
        elif line.shape is Shape.MARKER:
            self._enter(Kind.LIST, content=line.content, item_at=start)
        else:
            self._enter(Kind.CLOSED_BY_BLANK)
        return False

    def _take_after_indented(self, line: Line, start: int) -> tuple[bool, bool]:
        self._was_blank = False
        return (False, False) if line.indent >= 4 else (True, self._take_fresh(line, start))

    def _take_in_paragraph(self, line: Line, start: int) -> tuple[bool, bool]:
        if line.indent >= 4:
            self._enter(Kind.LIST)
        elif line.shape in (Shape.HEADING, Shape.FENCE):
            return True, self._take_fresh(line, start)
        elif line.shape is Shape.RULE:  # or the underline of a heading: the block ends with it either way
            self._enter(Kind.NOTHING)
            return False, True
        elif line.shape is Shape.MARKER:
            if line.is_interrupting:
                return True, self._take_fresh(line, start)
            self._enter(Kind.LIST)
        return False, False

    def _take_in_list(self, line: Line, start: int) -> tuple[bool, bool]:
        was_blank, self._was_blank = self._was_blank, False
        reach = self._content or 2  # no item's content begins before the third column
        if line.indent >= min(reach, 4):
            if line.indent < self._content:
                self._content = 0
            # Inside an item the fence ends with the item; outside it would swallow what follows.
            self._is_in_doubt = not self._content and line.shape is Shape.FENCE and line.indent <= 3
            return False, False
        if line.shape is Shape.RULE and not self._content:  # perhaps the underline of a heading
            self._enter(Kind.NOTHING)
            return False, True
        if line.shape is Shape.QUOTE and not self._content:  # perhaps not its first line
            self._enter(Kind.CLOSED_BY_BLANK)
            return False, False
        if line.shape in (Shape.HEADING, Shape.RULE, Shape.FENCE, Shape.QUOTE):
            return True, self._take_fresh(line, start)
        if line.shape is Shape.MARKER:
            is_item = self._content or was_blank or line.is_interrupting
            self._enter(Kind.LIST, content=line.content if is_item else 0, item_at=start if is_item else 0)
            return False, False
        if was_blank:
            return True, self._take_fresh(line, start)
        self._content = 0  # a lazy line of the item's paragraph, or a new paragraph
        return False, False
