"""The scanner: walks folded text island by island and says what to remove. A whole text and a stream are walked by the same code.

Each step depends on the text at hand and on what was put out before it, never on where a stream was cut: an island is judged when
it is known to be complete, and one that grows over `LIMIT` is judged by its first `LIMIT` characters, again and again.
"""

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import re2

from telemetry.redaction import addresses, jwt, keys, national, network, numbers, pairs, pem, phones
from telemetry.redaction.islands import LIMIT, OPEN_START, QUOTES, START, extent, password_quote
from telemetry.redaction.pem import KeyBlock, begins_key
from telemetry.redaction.rules import CONTEXT, MARKER_END, Match, Rule, Subject, as_bytes, select

STRIDE = LIMIT // 2  # of a longer island, this much is settled at each step: what begins in it is seen whole, or far enough
MARGIN = 32  # what ends so far before the end of what is seen is settled too
SKIP_FROM = 400  # characters from which looking for triggers first is faster than walking

NEAR = 80  # characters behind a hit that are walked at once: where one value is, the next is often near
SHORTEST = 6  # characters of the shortest value: a@b.cd
MEMORY = 64 << 20  # bytes that a compiled trigger may use for what it has learnt of texts

_HARMLESS = re.compile(r"[^0-9@%$!#^&*?~+=]{0,15}")  # every rule needs one of these marks, or more room
_LETTERS = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u017e\u0388-\u03ce\u0400-\u045f"  # each of which folds to itself
_WORDS = rf"(?:(?<![\"'`])(?![A-Z]{{2}} )[{_LETTERS}.:][{_LETTERS}.:']{{0,14}}[ ,;\n]+)"
_PLAIN = re.compile(rf"[ ,;\n]*{_WORDS}*([{_LETTERS}.:][{_LETTERS}.:']{{0,14}})?")
_PLAIN_WORDS = re.compile(rf"[ ,;\n]*{_WORDS}{{1,64}}")
_SETTLED_MARKS = frozenset(",.;:!?\"'")
_WIDE_BEFORE = 16


class Removal(NamedTuple):
    """A stretch to remove; `kind` is None when its marker stands already."""

    start: int
    end: int
    kind: str | None


class RuleSet:
    """Rules with their triggers compiled together."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self._inside = [rule for rule in rules if not rule.is_named]
        self._named = [rule for rule in rules if rule.is_named]
        self._inside_triggers = _set_of(self._inside)
        self._named_triggers = _set_of(self._named)
        self._any_trigger = _compiled(rules)
        # Values told by a name are looked for apart: no hit of another rule may hide the name.
        self._searches = [(_compiled(self._inside), 0), *((_compiled([rule]), rule.is_named) for rule in self._named)]

    def find(self, subject: Subject) -> list[Match]:
        """The matches that stay, of all rules, in order of place."""
        text = as_bytes(subject.text)
        finders = [self._inside[index].find for index in self._inside_triggers.Match(text[subject.start :]) or ()]
        finders += {self._named[index].find for index in self._named_triggers.Match(text) or ()}
        return select([match for find in finders for match in find(subject)]) if finders else []

    def can_hit(self, text: str) -> bool:
        """Whether any rule could find anything in this text."""
        return self._any_trigger.search(as_bytes(text)) is not None

    def hits_in(self, text: str) -> "Hits":
        """Where in this text values can be."""
        return Hits(self._searches, as_bytes(text))


class Hits:
    """Where values can begin and be, found as the walk goes on."""

    def __init__(self, searches: list[tuple[re2._Regexp, int]], text: bytes) -> None:
        self._text = text
        self._searches = [search for search, _ in searches]
        self._values = [value_length for _, value_length in searches]
        self._next = [self._find(index, 0) for index in range(len(searches))]

    def after(self, at: int) -> tuple[int, int] | None:
        """The next hit: up to its second place, included, a walk that has come to `at` has to go. None if there is none."""
        if at >= len(self._text):
            return None
        for index, hit in enumerate(self._next):
            if hit and hit[1] < at:
                again = self._find(index, max(hit[1], at - CONTEXT) if self._values[index] else at)
                self._next[index] = again
                if again and again[1] < at:
                    return at, at  # names stand close together: to walk is quicker than to look at each, and never wrong
        return min((hit for hit in self._next if hit), default=None)

    def _find(self, index: int, position: int) -> tuple[int, int] | None:
        found = self._searches[index].search(self._text, position)
        if not found:
            return None
        start, end = found.span()
        return start, end - (self._values[index] or 1)  # the value may hold the next name


def _compiled(rules: Iterable[Rule]) -> re2._Regexp:
    options = re2.Options()
    options.never_capture = True
    options.max_mem = MEMORY
    return re2.compile("|".join(f"(?:{rule.trigger})" for rule in rules), options)


def _set_of(rules: list[Rule]) -> re2.Set:
    options = re2.Options()
    options.max_mem = MEMORY
    triggers = re2.Set.SearchSet(options)
    for rule in rules:
        triggers.Add(rule.trigger)
    triggers.Compile()
    return triggers


@lru_cache(maxsize=16)
def rule_set(regions: tuple[str, ...], national_ids: frozenset[str], kinds_off: frozenset[str]) -> RuleSet:
    """The rules for people of these regions, with their ids, without these kinds."""
    modules = (pem, jwt, addresses, keys, pairs, network, numbers)
    rules = (*(rule for module in modules for rule in module.RULES), *national.rules_of(national_ids), *phones.rules_of(regions))
    return RuleSet(tuple(rule.without(kinds_off) for rule in rules) if kinds_off else rules)


class Scanner:
    """Walks one text, in one piece or many. `kinds` counts what it has removed."""

    def __init__(self, rules: RuleSet, before: str = "") -> None:
        self.kinds: Counter[str] = Counter()
        self.has_just_removed = False  # whether the walk stands right behind a value
        self._rules = rules
        self._left = before[-CONTEXT:]  # the end of what was put out, as the rules see it
        self._tail: re.Pattern[str] | None = None  # the alphabet of a value that went on past a cut island
        self._key: KeyBlock | None = None
        self._text, self._at, self._removed_to, self._is_final = "", 0, -CONTEXT, False
        self._removals: list[Removal] = []

    def advance(self, piece: str, *, is_final: bool) -> tuple[list[Removal], int]:
        """Walk as far as can be told. Returns what to remove and where the walk ended, as places in `piece`."""
        offset = len(self._left)
        self._text, self._at, self._removed_to, self._is_final = self._left + piece, offset, -CONTEXT, is_final
        self._removals = []
        if len(piece) < SKIP_FROM:
            self._walk(len(self._text))
        else:
            self._walk_by_triggers()
        self._left = self._before(self._at)
        if piece:
            self.has_just_removed = self._removed_to == self._at or (self._at == offset and self.has_just_removed)
        return [Removal(start - offset, end - offset, kind) for start, end, kind in self._removals], self._at - offset

    def pass_plain(self, piece: str) -> int:
        """How much of `piece` is plain words that `advance` would pass, all but the last; 0 if it is anything else."""
        if self._tail or self._key or self._left[-1:] in QUOTES or len(piece) > SKIP_FROM:
            return 0
        plain = _PLAIN.fullmatch(piece)
        end = (plain.start(1) if plain[1] else len(piece)) if plain else 0
        if end:
            self._left, self.has_just_removed = (self._left + piece[:end])[-CONTEXT:], False
        return end

    def _before(self, index: int) -> str:
        """What stands before `index` once values are removed: nothing is read across a marker."""
        if self._removed_to > index - CONTEXT:
            return (MARKER_END + self._text[self._removed_to : index])[-CONTEXT:]
        return self._text[max(0, index - CONTEXT) : index]

    def _remove(self, start: int, end: int, kind: str | None) -> None:
        if kind:
            self.kinds[kind] += 1
        if end > start:
            self._removals.append(Removal(start, end, kind))
            self._removed_to = end
        self._at = end

    def _walk_by_triggers(self) -> None:
        """Walk only around the places where a rule can hit. From a settled place on, the walk goes as if it had come there."""
        text = self._text
        hits = self._rules.hits_in(text)
        while hit := hits.after(self._at):
            if not self._finish_value():
                return
            self._at = max(self._at, self._settled_before(hit[0]))
            if not self._walk(min(hit[1] + NEAR, len(text))):
                return
        if self._finish_value():
            self._at = self._settled_before(len(text)) if not self._is_final else len(text)
            self._walk(len(text))

    def _settled_before(self, index: int) -> int:
        """A place at or before `index`, just after a space or line end that no island goes over."""
        text, floor = self._text, self._at
        line = text.rfind("\n", floor, index)
        space = text.rfind(" ", max(line, floor), index)
        while space > floor:
            word = text[max(floor, space - 5) : space]
            if word[-1] in _SETTLED_MARKS or (len(word) == 5 and word.isascii() and word.isalpha() and word.islower()):
                return space + 1
            space = text.rfind(" ", max(line, floor), space)
        return line + 1 if line >= 0 else floor

    def _walk(self, until: int) -> bool:
        """Take steps up to `until` or beyond. False if more text is needed first."""
        while self._at < until:
            if not self._finish_value():
                return False
            if words := _PLAIN_WORDS.match(self._text, self._at):
                self._at = words.end()
            elif self._at < until and not self._step():
                return False
        return True

    def _finish_value(self) -> bool:
        """Remove what belongs to a value begun before. False if the text ends first."""
        if self._key:
            end, is_ended = self._key.read(self._text, self._at, is_final=self._is_final)
            self._remove(self._at, end, None)
            if not is_ended:
                return False
            self._key = None
        if self._tail:
            rest = self._tail.match(self._text, self._at)
            self._remove(self._at, rest.end() if rest else self._at, None)
            if self._at == len(self._text) and not self._is_final:
                return False
            self._tail = None
        return True

    def _step(self) -> bool:
        """Pass over one island. False if it isn't known where it ends."""
        text = self._text
        island = START.search(text, self._at)
        if not island:
            waiting = None if self._is_final else OPEN_START.search(text, max(self._at, len(text) - _WIDE_BEFORE))
            self._at = waiting.start() if waiting else len(text)
            return not waiting
        self._at = start = island.start()
        left = self._before(start)
        quote = password_quote(left, text[start])
        end, is_open = extent(text, start, is_final=self._is_final, quote=quote)
        if end - start > LIMIT:
            return self._cut(start)
        if is_open:
            return False
        matches = self._settle(left, text[start:end], start)
        if matches and (header := _first_header(matches)):
            return self._enter_key(header, matches)
        for match in matches:
            self._remove(match.start, match.end, match.kind)
        self._at = end
        return True

    def _settle(self, left: str, body: str, base: int, *, is_cut: bool = False) -> list[Match]:
        """The matches in `body`, and those that appear beside them once they are removed. Places are those of the text."""
        if len(body) < SHORTEST or _HARMLESS.fullmatch(body):
            return []
        settled: list[Match] = []
        done, shift = 0, base - len(left)
        for match in self._rules.find(Subject(left + body, len(left), is_cut)):
            start, end = match.start - len(left), match.end - len(left)
            if done < start:
                settled += self._settle(left if done == 0 else MARKER_END, body[done:start], base + done)
            settled.append(match._replace(start=match.start + shift, end=match.end + shift))
            done = end
        if 0 < done < len(body):
            settled += self._settle(MARKER_END, body[done:], base + done, is_cut=is_cut)
        return settled

    def _enter_key(self, header: Match, matches: list[Match]) -> bool:
        """Go to the header of a private key, or into the key if the walk is there."""
        if header.start > self._at:
            for match in matches:
                if match.end <= header.start:
                    self._remove(match.start, match.end, match.kind)
            self._at = header.start
            return True
        is_key = begins_key(self._text, header.start, header.end, is_final=self._is_final)
        if is_key is None:
            return False
        if is_key:
            self._key = KeyBlock()
            self._remove(header.start, header.end, header.kind)
        self._at = header.end
        return True

    def _cut(self, start: int) -> bool:
        """Pass over a part of an island too long to wait for. A value that reaches the end of what is seen is removed on."""
        seen = start + LIMIT
        found = self._settle(self._before(start), self._text[start:seen], start, is_cut=True)
        begun = [match for match in found if match.start < start + STRIDE or match.end <= seen - MARGIN]
        if header := _first_header(begun):
            return self._enter_key(header, begun)
        for match in begun:
            self._remove(match.start, match.end, match.kind)
        if not begun:
            self._at = start + STRIDE
        elif begun[-1].end == seen:
            self._tail = begun[-1].tail
        return True


def _first_header(matches: list[Match]) -> Match | None:
    return next((match for match in matches if match.kind == "PRIVATE_KEY"), None)
