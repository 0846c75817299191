"""What a workspace can choose: whose phone numbers and ids are known, its own patterns and words, kinds switched off."""

import re
from dataclasses import dataclass

from phonenumbers import SUPPORTED_REGIONS

from telemetry.redaction.folding import fold
from telemetry.redaction.kinds import ID_COUNTRIES, LABELS
from telemetry.redaction.patterns import LONGEST, InvalidPattern, shape_of

REGIONS = ("US", "CA", "GB", "AU", "IN", "FR", "DE", "NL")
PATTERNS_LIMIT, LISTS_LIMIT, WORDS_LIMIT = 50, 20, 2000
SHORTEST_WORD = 2

_LABEL = re.compile(r"[A-Z][A-Z0-9_]{1,39}")
_NUMBERED = re.compile(r".*_[0-9]+")  # as placeholders are


class InvalidConfig(ValueError):
    """A choice that can't be followed; the message is a sentence for the person who made it."""


def _check_label(label: str) -> None:
    if not _LABEL.fullmatch(label) or _NUMBERED.fullmatch(label):
        raise InvalidConfig("A label has 2 to 40 capital letters, digits and _, and doesn't end in a number: EMPLOYEE_ID.")
    if label == "WITHHELD":
        raise InvalidConfig("The label WITHHELD is taken.")


@dataclass(frozen=True, slots=True)
class CustomPattern:
    """A pattern whose matches are removed as `label`. Raises InvalidConfig or InvalidPattern when it can't be one."""

    label: str
    pattern: str

    def __post_init__(self) -> None:
        _check_label(self.label)
        shape_of(self.pattern)


@dataclass(frozen=True, slots=True)
class WordList:
    """Words and phrases that are removed as `label` where they stand by themselves. Raises InvalidConfig, InvalidPattern."""

    label: str
    words: tuple[str, ...]
    is_case_sensitive: bool = False

    def __post_init__(self) -> None:
        _check_label(self.label)
        if not 0 < len(self.words) <= WORDS_LIMIT:
            raise InvalidConfig(f"A list has 1 to {WORDS_LIMIT} words, here {len(self.words)}.")
        for word in self.words:
            length = len(fold(word).text.strip())
            if not SHORTEST_WORD <= length <= LONGEST // 3:
                raise InvalidPattern(f"A word has {SHORTEST_WORD} to {LONGEST // 3} characters: “{word[:40]}” has {length}.")


@dataclass(frozen=True, slots=True)
class Config:
    """What to look for. Equal ones are the same redactor. Raises InvalidConfig.

    `regions`: whose national forms of phone numbers are known. `national_ids`: countries whose ids are removed by their form and
    checksum alone; after a word that names them all are, everywhere. `kinds_off`: kinds that stay.
    """

    regions: tuple[str, ...] = REGIONS
    national_ids: frozenset[str] = frozenset()
    patterns: tuple[CustomPattern, ...] = ()
    word_lists: tuple[WordList, ...] = ()
    kinds_off: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if unknown := frozenset(self.regions) - frozenset(SUPPORTED_REGIONS):
            raise InvalidConfig(f"No numbering plan is known for {', '.join(sorted(unknown))}.")
        if unknown := self.national_ids - ID_COUNTRIES:
            raise InvalidConfig(f"No ids are known for {', '.join(sorted(unknown))}; only for {', '.join(sorted(ID_COUNTRIES))}.")
        if unknown := self.kinds_off - (frozenset(LABELS) - {"WITHHELD"}):
            raise InvalidConfig(f"There is no kind {', '.join(sorted(unknown))} to switch off.")
        if len(self.patterns) > PATTERNS_LIMIT or len(self.word_lists) > LISTS_LIMIT:
            raise InvalidConfig(f"At most {PATTERNS_LIMIT} patterns and {LISTS_LIMIT} word lists.")
