"""Private keys in PEM: from the header to the end, also when the end is missing.

A key spans lines, so it isn't found island by island: its header is, and from there a `KeyBlock` reads on. Between its lines may
stand what code and JSON put there: quotes, pluses, `\\n` spelled out, comment marks.
"""

import re
from collections.abc import Iterator

from telemetry.redaction.rules import Match, Rule, Subject

HEADER = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----")
WINDOW = 124  # characters from the header, or from a line's end, that tell how it goes on

_GAP = r"""(?:[\s>|"'+,;#*\\]|(?<=\\)[nrt]){0,48}"""
_NAME = rf"{_GAP}(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset): "
_BASE64 = "[A-Za-z0-9+/=]"
_BEGUN = re.compile(rf"{_NAME}|{_GAP}{_BASE64}{{16}}")
_FIELD = re.compile(_NAME)
_TO_LINE_END = re.compile(r"[^\n\\]*")
_IN_LINE = re.compile(rf"{_BASE64}*")
_LINE = re.compile(rf"{_GAP}{_BASE64}{{16,}}")
_SHORT_LINE = re.compile(rf"{_GAP}{_BASE64}{{1,15}}(?!{_BASE64})")
_END = re.compile(rf"{_GAP}-----END [A-Z0-9 ]{{0,40}}-----")


def find_headers(subject: Subject) -> Iterator[Match]:
    """The headers of private keys; what follows is a `KeyBlock`'s to read."""
    for header in HEADER.finditer(subject.text, subject.start):
        yield Match(header.start(), header.end(), "PRIVATE_KEY", 0)


def begins_key(text: str, start: int, end: int, *, is_final: bool) -> bool | None:
    """Whether the header `start:end` is followed by a key, and not just spoken of. None: more text must tell."""
    if _BEGUN.match(text, end):
        return True
    return False if is_final or len(text) - start >= WINDOW else None


class KeyBlock:
    """Reads a key on from its header, in as many pieces as it comes."""

    def __init__(self) -> None:
        self._rest_of_line: re.Pattern[str] | None = None
        self._had_short_line = False

    def read(self, text: str, start: int, *, is_final: bool) -> tuple[int, bool]:
        """How far the text from `start` on is the key's, and whether the key ends there."""
        while True:
            if self._rest_of_line:
                rest = self._rest_of_line.match(text, start)
                start = rest.end() if rest else start
                if start == len(text):
                    return start, is_final
                self._rest_of_line = None
            end = self._line_end(text, start, is_final=is_final)
            if end is None:
                return start, False
            if end < 0:
                return (-end, True)
            start = end

    def _line_end(self, text: str, start: int, *, is_final: bool) -> int | None:
        """The end of the next line: negative if the key ends there, None if more text must tell."""
        if ending := _END.match(text, start):
            return -ending.end()
        if line := _LINE.match(text, start):
            self._rest_of_line, self._had_short_line = _IN_LINE, False
            return line.end()
        if not is_final and len(text) - start < WINDOW:
            return None
        if field := _FIELD.match(text, start):
            self._rest_of_line = _TO_LINE_END
            return field.end()
        if not self._had_short_line and (line := _SHORT_LINE.match(text, start)):
            self._had_short_line = True
            return line.end()
        return -start


RULES = (Rule(r"-----BEGIN ", find_headers),)
