"""Texts and streams, redacted. Whatever goes wrong inside, no text gets out unread: `[[WITHHELD]]` stands for it.

With custom rules a text passes three stages: the built-in rules, the custom ones, and the built-in ones again, for what stood
beside a value. Each gives the same however the text is cut, so all three together do.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Protocol

from telemetry.redaction.config import Config
from telemetry.redaction.custom import CustomRules, CustomStage, custom_rules
from telemetry.redaction.documents import redact_document
from telemetry.redaction.engine import Removal, RuleSet, Scanner, rule_set
from telemetry.redaction.folding import Folded, fold, zero_width_ending
from telemetry.redaction.withholding import WITHHELD, withhold_on_error

VERSION = 2  # raised when a rule changes; stored with what was redacted
NOTHING: Mapping[str, int] = MappingProxyType({})
DEFAULT = Config()
WORD, WORDS = 32, 4_096  # characters of a word that is remembered, and how many of them

Replace = Callable[[str, str], str]


def marker(kind: str, value: str) -> str:
    """What stands for a value."""
    return f"[[{kind}]]"


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without its personal data and secrets, and how many of each kind were removed."""

    text: str
    kinds: Mapping[str, int] = field(default_factory=lambda: NOTHING)


class Redactor:
    """Redacts with one set of rules. Safe to share between threads. Nothing here raises."""

    version = VERSION

    def __init__(self, rules: RuleSet, custom: CustomRules | None = None) -> None:
        self.rules = rules
        self.custom = custom
        self._harmless: set[tuple[str, str]] = set()  # words with nothing in them: names of fields come again and again

    def redact(self, text: str, before: str = "", *, replace: Replace = marker) -> Redacted:
        """The text redacted; `before` is what the rules may read in front of it, such as the name of a field.

        `replace` says what stands for a value, given its kind and itself: a marker, in double square brackets.
        """
        return withhold_on_error(lambda: self._redact(text, before, replace=replace), Redacted(WITHHELD, {"WITHHELD": 1}))

    def redact_json(self, value: Any) -> Any:
        """A structured value with all its texts redacted: names of fields, values, JSON inside strings."""
        return redact_document(value, self)

    def kinds_in(self, text: str) -> Counter[str]:
        """How many values of each kind the text holds: what `redact` would remove."""
        return Counter(self.redact(text).kinds)

    def stream(self) -> "StreamRedactor":
        """A redactor for a text that comes in pieces."""
        return StreamRedactor(self)

    def stages(self) -> "list[Stage]":
        """What a stream passes through, in order."""
        if not self.custom:
            return [RuleStage(self.rules)]
        return [RuleStage(self.rules), CustomStage(self.custom), RuleStage(self.rules)]

    def _redact(self, text: str, before: str, *, replace: Replace) -> Redacted:
        if len(text) > WORD or len(before) > 2 * WORD:
            return self._search(text, before, replace=replace)
        word = (before, text)
        if word in self._harmless:
            return Redacted(text)
        redacted = self._search(text, before, replace=replace)
        if not redacted.kinds and text.isidentifier():
            if len(self._harmless) >= WORDS:
                self._harmless.clear()
            self._harmless.add(word)
        return redacted

    def _search(self, text: str, before: str, *, replace: Replace) -> Redacted:
        folded = fold(text)
        hits = self.rules.can_hit(before + folded.text)
        if not self.custom or not (hits or self.custom.can_hit(folded.text)):
            return self._redact_by_rules(text, folded, before=before, replace=replace) if hits else Redacted(text)
        first = self._redact_by_rules(text, folded, before=before, replace=replace)
        stage = CustomStage(self.custom, replace)
        passed = stage.feed(first.text) + stage.flush()
        if not stage.kinds:
            return first
        last = self._redact_by_rules(passed, fold(passed), before=before, replace=replace)
        return Redacted(last.text, dict(Counter(first.kinds) + stage.kinds + Counter(last.kinds)))

    def _redact_by_rules(self, text: str, folded: Folded, *, before: str, replace: Replace) -> Redacted:
        scanner = Scanner(self.rules, before)
        pieces = weave(text, folded, scanner, is_final=True, replace=replace)[0]
        return Redacted("".join(pieces), dict(scanner.kinds)) if scanner.kinds else Redacted(text)


class Stage(Protocol):
    """One passage of a stream."""

    kinds: Counter[str]

    @property
    def held_count(self) -> int: ...
    def feed(self, piece: str) -> str: ...
    def flush(self) -> str: ...


class StreamRedactor:
    """Redacts a text that comes in pieces. All that it returns, joined, is what `redact` makes of the whole text.

    It holds back a word not yet ended (at most some 120 visible characters), and all of a value that it is removing. Custom rules
    hold back on top of that what one of their matches may still begin with.
    """

    def __init__(self, redactor: Redactor | None = None) -> None:
        self._stages = (redactor or redactor_for()).stages()
        self._is_withheld = False

    @property
    def kinds(self) -> Mapping[str, int]:
        """How many values of each kind were removed so far."""
        return {"WITHHELD": 1} if self._is_withheld else dict(sum((stage.kinds for stage in self._stages), Counter()))

    @property
    def held_count(self) -> int:
        """How many characters are held back at the moment."""
        return sum(stage.held_count for stage in self._stages)

    def feed(self, piece: str) -> str:
        """Take a piece in; returns what is safe to pass on. Never raises."""
        return self._guarded(lambda: self._fed(piece))

    def flush(self) -> str:
        """The text has ended: returns the rest."""
        return self._guarded(self._flushed)

    def _guarded(self, work: Callable[[], str]) -> str:
        if self._is_withheld:
            return ""
        out = withhold_on_error(work, None)
        if out is None:
            self._is_withheld, self._stages = True, []
            return WITHHELD
        return out

    def _fed(self, piece: str) -> str:
        for stage in self._stages:
            piece = stage.feed(piece)
        return piece

    def _flushed(self) -> str:
        rest = ""
        for stage in self._stages:
            rest = stage.feed(rest) + stage.flush()
        return rest


class RuleStage:
    """Takes a text in, in pieces, and puts it out without what the built-in rules find."""

    def __init__(self, rules: RuleSet) -> None:
        self._scanner = Scanner(rules)
        self.kinds = self._scanner.kinds
        self._held = ""
        self._zero_width_before = 0

    @property
    def held_count(self) -> int:
        return len(self._held)

    def feed(self, piece: str) -> str:
        """What is settled once this piece is known."""
        text = self._held + piece
        if plain := self._scanner.pass_plain(text):
            self._held, self._zero_width_before = text[plain:], 0
            return text[:plain]
        return self._advance(text, is_final=False)

    def flush(self) -> str:
        """The rest."""
        return self._advance(self._held, is_final=True)

    def _advance(self, text: str, *, is_final: bool) -> str:
        pieces, done = weave(text, fold(text, self._zero_width_before), self._scanner, is_final=is_final)
        self._zero_width_before = zero_width_ending(text[:done], self._zero_width_before)
        self._held = text[done:]
        return "".join(pieces)


def weave(text: str, folded: Folded, scanner: Scanner, *, is_final: bool, replace: Replace = marker) -> tuple[list[str], int]:
    """The text as far as the scanner went, with markers in place of values, and how far that is."""
    done = folded.original(0) if scanner.has_just_removed else 0  # zero-width characters go with the value before them
    removals, end = scanner.advance(folded.text, is_final=is_final)
    pieces: list[str] = []
    for removal in joined(removals):
        start, stop = folded.original(removal.start), folded.original(removal.end)
        pieces.append(text[done:start])
        if removal.kind:
            pieces.append(replace(removal.kind, text[start:stop]))
        done = stop
    stop = folded.original(end)
    pieces.append(text[done:stop])
    return pieces, stop


def joined(removals: list[Removal]) -> list[Removal]:
    """Each value in one, where it was removed in several steps."""
    whole: list[Removal] = []
    for removal in removals:
        if removal.kind is None and whole and whole[-1].end == removal.start:
            whole[-1] = whole[-1]._replace(end=removal.end)
        else:
            whole.append(removal)
    return whole


def redactor_for(config: Config = DEFAULT) -> Redactor:
    """The redactor that does what the config says; equal configs share one."""
    return _redactor_of(config)


@lru_cache(maxsize=64)
def _redactor_of(config: Config) -> Redactor:
    rules = rule_set(config.regions, config.national_ids, config.kinds_off)
    return Redactor(rules, custom_rules(config.patterns, config.word_lists))
