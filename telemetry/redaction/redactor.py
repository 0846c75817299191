"""Texts and streams, redacted. Whatever goes wrong inside, no text gets out unread: `[[WITHHELD]]` stands for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import TypeVar

from telemetry.redaction.engine import RuleSet, Scanner, rule_set
from telemetry.redaction.folding import Folded, fold, zero_width_ending

Result = TypeVar("Result")

WITHHELD = "[[WITHHELD]]"
NOTHING: Mapping[str, int] = MappingProxyType({})
REGIONS = ("US", "CA", "GB", "AU", "IN", "FR", "DE", "NL")


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without its personal data and secrets, and how many of each kind were removed."""

    text: str
    kinds: Mapping[str, int] = field(default_factory=lambda: NOTHING)


class Redactor:
    """Redacts with one set of rules. Safe to share between threads."""

    def __init__(self, rules: RuleSet) -> None:
        self.rules = rules

    def redact(self, text: str, before: str = "") -> Redacted:
        """The text redacted; `before` is what the rules may read in front of it, such as the name of a field. Never raises."""
        return withhold_on_error(lambda: self._redact(text, before), Redacted(WITHHELD, {"WITHHELD": 1}))

    def _redact(self, text: str, before: str) -> Redacted:
        folded = fold(text)
        if not self.rules.can_hit(before + folded.text):
            return Redacted(text)
        scanner = Scanner(self.rules, before)
        pieces = weave(text, folded, scanner, is_final=True)[0]
        return Redacted("".join(pieces), dict(scanner.kinds)) if scanner.kinds else Redacted(text)


class StreamRedactor:
    """Redacts a text that comes in pieces. All that it returns, joined, is what `redact` makes of the whole text.

    It holds back a word not yet ended (at most some 120 visible characters), and all of a value that it is removing.
    """

    def __init__(self, redactor: Redactor | None = None) -> None:
        self._scanner = Scanner((redactor or redactor_for()).rules)
        self._held = ""
        self._zero_width_before = 0
        self._is_withheld = False

    @property
    def kinds(self) -> Mapping[str, int]:
        """How many values of each kind were removed so far."""
        return {"WITHHELD": 1} if self._is_withheld else dict(self._scanner.kinds)

    @property
    def held_count(self) -> int:
        """How many characters are held back at the moment."""
        return len(self._held)

    def feed(self, piece: str) -> str:
        """Take a piece in; returns what is safe to pass on. Never raises."""
        return self._advance(piece, is_final=False)

    def flush(self) -> str:
        """The text has ended: returns the rest."""
        return self._advance("", is_final=True)

    def _advance(self, piece: str, *, is_final: bool) -> str:
        if self._is_withheld:
            return ""
        out = withhold_on_error(lambda: self._passed(piece, is_final=is_final), None)
        if out is None:
            self._is_withheld, self._held = True, ""
            return WITHHELD
        return out

    def _passed(self, piece: str, *, is_final: bool) -> str:
        text = self._held + piece
        if plain := 0 if is_final else self._scanner.pass_plain(text):
            self._held, self._zero_width_before = text[plain:], 0
            return text[:plain]
        pieces, done = weave(text, fold(text, self._zero_width_before), self._scanner, is_final=is_final)
        self._zero_width_before = zero_width_ending(text[:done], self._zero_width_before)
        self._held = text[done:]
        return "".join(pieces)


def weave(text: str, folded: Folded, scanner: Scanner, *, is_final: bool) -> tuple[list[str], int]:
    """The text as far as the scanner went, with markers in place of values, and how far that is."""
    done = folded.original(0) if scanner.has_just_removed else 0  # zero-width characters go with the value before them
    removals, end = scanner.advance(folded.text, is_final=is_final)
    pieces: list[str] = []
    for removal in removals:
        pieces.append(text[done : folded.original(removal.start)])
        if removal.kind:
            pieces.append(f"[[{removal.kind}]]")
        done = folded.original(removal.end)
    stop = folded.original(end)
    pieces.append(text[done:stop])
    return pieces, stop


def withhold_on_error(work: Callable[[], Result], withheld: Result) -> Result:
    """What `work` returns, or `withheld` when it fails."""
    try:
        return work()
    except Exception:  # edge: a text that could not be redacted must not pass, and must not stop the call that it belongs to
        return withheld


@lru_cache(maxsize=16)
def redactor_for(regions: tuple[str, ...] = REGIONS) -> Redactor:
    """The redactor that knows the national phone numbers of these regions."""
    return Redactor(rule_set(regions))
