"""Rendering while it streams: finished blocks once, the last block each time, nothing over again.

What was appended is never changed. Three things wait for the full render at the end: links by reference, whose
definition may come last; the colours of a fence too long to hold; the spacing of a list shown in several pieces.
"""

from dataclasses import dataclass
from typing import Protocol

from chat.render.blocks import BlockScanner, Kind
from chat.render.code import Part
from chat.render.markdown import to_html
from chat.render.source import Intake, escape_plain

# Up to FREE characters the last block is rendered at each feed; a longer one when what exceeds it has grown by a
# thirty-second part. Past SOFT a fence is shown in pieces, and a list. Past HARD any block is given up: the rest of it is plain.
FREE_CHARS = 1_024
SOFT_CHARS = 2_048
HARD_CHARS = 8_192
GROWTH = 32


class Convert(Protocol):
    def __call__(self, text: str, *, is_highlighted: bool = True, part: Part = Part.WHOLE) -> str: ...


@dataclass(frozen=True, slots=True)
class Patch:
    """HTML to add after the committed blocks, and the HTML that replaces the tail."""

    append: str
    tail: str


class BlockRenderer:
    def __init__(self, convert: Convert = to_html) -> None:
        self.tail = ""
        self.parsed_char_count = 0
        self._convert = convert
        self._intake = Intake()
        self._scanner = BlockScanner()
        self._committed: list[str] = []
        self._pending = ""
        self._tail_char_count = 0
        self._opener = ""  # the first line of a fence that is shown in pieces
        self._is_plain = False

    @property
    def committed(self) -> str:
        return "".join(self._committed)

    def feed(self, text: str) -> Patch:
        self._pending += self._intake.feed(text)
        append = self._commit_finished() + self._commit_overlong()
        if append or self._is_tail_due():
            self.tail = self._render(self._pending, is_highlighted=False)
            self._tail_char_count = len(self._pending)
        return self._patch(append)

    def finish(self) -> Patch:
        """Commit what is left. Feed nothing afterwards."""
        self._pending += self._intake.flush()
        if self._pending and not self._pending.endswith("\n"):
            self._pending += "\n"
        append = self._commit_finished() + self._render(self._pending)
        self._pending = self.tail = ""
        return self._patch(append)

    def _patch(self, append: str) -> Patch:
        if append:
            self._committed.append(append)
        return Patch(append, self.tail)

    def _is_tail_due(self) -> bool:
        size = len(self._pending)
        return size - self._tail_char_count >= max(0, size - FREE_CHARS) // GROWTH

    def _commit_finished(self) -> str:
        pieces: list[str] = []
        begin = cut = 0
        for cut in self._scanner.cuts(self._pending):
            if self._opener or self._is_plain:
                pieces.append(self._render(self._pending[begin:cut]))
                self._opener, self._is_plain = "", False
                begin = cut
        pieces.append(self._render(self._pending[begin:cut]))
        self._drop(cut)
        return "".join(pieces)

    def _commit_overlong(self) -> str:
        size = len(self._pending)
        if size <= SOFT_CHARS:
            return ""
        if self._is_plain:
            return self._commit(self._last_gap())
        if self._scanner.kind is Kind.FENCE:
            return self._commit_fence_lines()
        if self._scanner.item_at:
            return self._commit(self._scanner.item_at)
        if size <= HARD_CHARS:
            return ""
        html = self._commit(self._last_gap())
        self._is_plain = True
        return html

    def _commit_fence_lines(self) -> str:
        first_line, _, rest = self._pending.partition("\n")
        has_whole_line = "\n" in (self._pending if self._opener else rest)
        if not has_whole_line and len(self._pending) <= HARD_CHARS:
            return ""
        end = self._pending.rindex("\n") + 1 if has_whole_line else len(self._pending)
        if self._opener:
            return self._commit(end)
        html = self._commit(end, part=Part.FIRST)
        self._opener = first_line
        return html

    def _commit(self, end: int, *, part: Part = Part.WHOLE) -> str:
        html = self._render(self._pending[:end], part=part)
        self._drop(end)
        return html

    def _drop(self, count: int) -> None:
        self._scanner.forget(count, self._pending)
        self._pending = self._pending[count:]

    def _last_gap(self) -> int:
        return max(self._pending.rfind("\n"), self._pending.rfind(" ")) + 1 or len(self._pending)

    def _render(self, text: str, *, is_highlighted: bool = True, part: Part = Part.WHOLE) -> str:
        if not text.strip("\n "):
            return ""
        if self._is_plain:
            return escape_plain(text)
        if self._opener:
            text, part = f"{self._opener}\n{text}", Part.MORE
        self.parsed_char_count += len(text)
        html = self._convert(text, is_highlighted=is_highlighted, part=part)
        return html if html.strip() else ""
