"""What the rules read: the text with its look-alike forms folded to plain ones, and the way back to the text as it came.

A character folds to one character or to none, and each on its own, so that folding pieces gives what folding the whole gives.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

ZERO_WIDTH = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
WIDE = (  # letters of scripts written without spaces, or with endings glued on: they may touch an address and be no part of it
    "\u0e01-\u0e4f\u0e81-\u0eff\u0f40-\u0fbf\u1000-\u1049\u1100-\u11ff\u1780-\u17d3\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029"
    "\u3031-\u303c\u3041-\u30fa\u30fc-\u33ff\u3400-\ua4cf\ua960-\ua97c\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
DROPPED_IN_A_ROW = 3
CUT = "\x1f"
PLAIN = {"\u2212": "-", "“": '"', "”": '"', "„": '"', "‟": '"', "«": '"', "»": '"', "‘": "'", "’": "'"}

_ZERO_WIDTH = re.compile(f"[{ZERO_WIDTH}]")
_FLOOD = re.compile(f"(?<=[{ZERO_WIDTH}]{{{DROPPED_IN_A_ROW}}})[{ZERO_WIDTH}]+")
_TRAILING = re.compile(f"[{ZERO_WIDTH}]+\\Z")


class _Table(dict[int, int | str | None]):
    LIMIT = 20_000

    def __missing__(self, code: int) -> int | str | None:
        folded = _fold_character(chr(code))
        if len(self) < self.LIMIT:
            self[code] = folded
        return folded


def _fold_character(character: str) -> str | None:
    if character.isascii():
        return character
    if _ZERO_WIDTH.match(character):
        return None
    if character in PLAIN:
        return PLAIN[character]
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category in {"Pd", "Zs", "Cs"}:
        return {"Pd": "-", "Zs": " ", "Cs": "\ufffd"}[category]
    compatible = unicodedata.normalize("NFKC", character)
    return compatible if len(compatible) == 1 else character


_TABLE = _Table()


@dataclass(frozen=True, slots=True)
class Folded:
    """`text` as the rules read it; `starts[i]` is where its character i stands in the original, None when nothing moved."""

    text: str
    starts: Sequence[int] | None
    length: int

    def original(self, index: int) -> int:
        """Where the folded index stands in the original text."""
        if self.starts is None:
            return index
        return self.starts[index] if index < len(self.starts) else self.length


def fold(text: str, dropped_before: int = 0) -> Folded:
    """Fold a text that follows `dropped_before` zero-width characters.

    More than a few zero-width characters in a row are kept, as a cut: else a flood of them would be held back without end.
    """
    if text.isascii():
        return Folded(text, None, len(text))
    if not _ZERO_WIDTH.search(text):
        return Folded(text.translate(_TABLE), None, len(text))
    before = "\u200b" * min(dropped_before, DROPPED_IN_A_ROW)
    cut = _FLOOD.sub(lambda flood: CUT * len(flood[0]), before + text)[len(before) :]
    starts = [index for index, character in enumerate(cut) if not _ZERO_WIDTH.match(character)]
    return Folded(cut.translate(_TABLE), starts, len(text))


def zero_width_ending(text: str, before: int = 0) -> int:
    """How many zero-width characters end this text; all of it may be such, then those before it count too."""
    if text.isascii():
        return 0 if text else before
    ending = _TRAILING.search(text)
    count = len(ending[0]) if ending else 0
    return before + count if count == len(text) else count
