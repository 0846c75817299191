"""A workspace's own patterns: read with Python's grammar, judged, and written anew for google-re2.

A pattern is refused when a match could be empty or without end, when it looks around itself, or when it costs too much. What is
left is a plain shape of at most `LONGEST` characters, so that a stream knows how much to hold back: of each shape the engine
also gets the pattern of its beginnings.
"""

import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import lru_cache
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

import re2

from telemetry.redaction.folding import fold
from telemetry.redaction.rules import is_word

LONGEST = 100  # characters of the longest match
LONGEST_SOURCE = 500  # characters of a pattern as it is written
MEMORY = 1 << 20  # bytes that one pattern may compile to
_SPACE = r"[\x{9}-\x{d}\x{20}\x{85}]"
_CATEGORIES = {
    op.CATEGORY_DIGIT: "0-9",
    op.CATEGORY_NOT_DIGIT: r"\x{0}-\x{2f}\x{3a}-\x{10ffff}",
    op.CATEGORY_SPACE: _SPACE[1:-1],
    op.CATEGORY_NOT_SPACE: r"\x{0}-\x{8}\x{e}-\x{1f}\x{21}-\x{84}\x{86}-\x{10ffff}",
    op.CATEGORY_WORD: r"\pL\pM\pN_",
}
_POSSESSIVE = "It looks ahead, behind or back at itself, which a search in linear time can not."
_FLAGS = ((re.IGNORECASE, "i"), (re.DOTALL, "s"))


class InvalidPattern(ValueError):
    """A pattern or word list that can't be a rule; the message is a sentence for the person who wrote it."""


class Shape(NamedTuple):
    """What a rule looks for: `source` matches it, `beginning` every beginning of it, the empty and the whole one too.

    With `starts_word`, `ends_word` no letter or digit may stand before or after it.
    """

    source: str
    beginning: str
    starts_word: bool
    ends_word: bool


@lru_cache(maxsize=512)
def shape_of(pattern: str) -> Shape:
    """The shape that a pattern describes. Raises InvalidPattern."""
    if not pattern.strip():
        raise InvalidPattern("The pattern is empty.")
    if len(pattern) > LONGEST_SOURCE:
        raise InvalidPattern(f"The pattern is too long: {len(pattern)} characters, at most {LONGEST_SOURCE}.")
    tree = _parsed(pattern)
    items = list(tree.data)
    starts_word = bool(items) and items[0] == (op.AT, op.AT_BOUNDARY)
    items = items[1:] if starts_word else items
    ends_word = bool(items) and items[-1] == (op.AT, op.AT_BOUNDARY)
    items = items[:-1] if ends_word else items
    flags = tree.state.flags
    source, beginning = _sequence(items, flags), _sequence_beginning(items, flags)
    least, most = tree.getwidth()
    if least == 0:
        raise InvalidPattern("The pattern also matches nothing at all, so it would hit everywhere.")
    if most > LONGEST:
        raise InvalidPattern(f"A match may be {LONGEST} characters long at most, here {most}.")
    _compile_within_memory(source)
    _compile_within_memory(rf"(?:{beginning})\z")
    return Shape(source, beginning, starts_word, ends_word)


def shapes_of_words(words: Iterable[str], *, is_case_sensitive: bool) -> list[Shape]:
    """Shapes of these words or phrases, standing for themselves. A space stands for one to three spaces or line ends.

    Where a word begins or ends with a letter or digit, none may stand beside it; scripts without spaces have no such edges.
    """
    by_edges: dict[tuple[bool, bool], list[list[str]]] = defaultdict(list)
    for word in words:
        plain = " ".join(fold(word).text.split())
        atoms = [rf"{_SPACE}{{1,3}}" if character == " " else _literal(ord(character)) for character in plain]
        by_edges[is_word(plain[0]), is_word(plain[-1])].append(atoms)
    mode = "" if is_case_sensitive else "i"
    shapes = []
    for (starts_word, ends_word), group in by_edges.items():
        source = "|".join("".join(atoms) for atoms in group)
        beginning = "|".join("".join(f"(?:{atom}" for atom in atoms) + ")?" * len(atoms) for atoms in group)
        shapes.append(Shape(f"(?{mode}:{source})", f"(?{mode}:{beginning})", starts_word, ends_word))
    return shapes


def _parsed(pattern: str) -> Any:
    if "[[:" in pattern or "{," in pattern:
        raise InvalidPattern("Spell out classes such as [[:alpha:]] and counts such as {,3}: engines read them differently.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return parser.parse(pattern)
    except (re.error, FutureWarning, DeprecationWarning, OverflowError, RecursionError) as error:
        raise InvalidPattern(f"The pattern can't be read: {error}.") from None


def _compile_within_memory(source: str) -> None:
    options = re2.Options()
    options.max_mem, options.log_errors = MEMORY, False
    try:
        re2.compile(source, options)
    except re2.error:
        raise InvalidPattern("The pattern is too costly: its counts and alternatives multiply to too many states.") from None


def _literal(code: int) -> str:
    folded = fold(chr(code)).text  # as the text will be
    code = ord(folded) if len(folded) == 1 else code
    return rf"\x{{{code:x}}}"


def _sequence(items: Iterable[tuple[Any, Any]], flags: int) -> str:
    return "".join(_source(kind, value, flags) for kind, value in items)


def _sequence_beginning(items: list[tuple[Any, Any]], flags: int) -> str:
    """The beginnings of the first item, or all of it and the beginnings of the rest."""
    beginning = ""
    for kind, value in reversed(items):
        beginning = f"(?:{_beginning(kind, value, flags)}|{_source(kind, value, flags)}{beginning})"
    return beginning


def _source(kind: Any, value: Any, flags: int) -> str:
    return _write(kind, value, flags, write=_sequence)


def _beginning(kind: Any, value: Any, flags: int) -> str:
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
        _, most, items = value
        return f"(?:{_sequence(items, flags)}){{0,{_bounded(most) - 1}}}{_sequence_beginning(list(items), flags)}" if most else ""
    if kind in (op.SUBPATTERN, op.BRANCH):
        return _write(kind, value, flags, write=lambda items, inner: _sequence_beginning(list(items), inner))
    return f"(?:{_source(kind, value, flags)})?"


def _write(kind: Any, value: Any, flags: int, *, write: Callable[[Any, int], str]) -> str:
    if kind is op.LITERAL:
        return _with_flags(_literal(value), flags)
    if kind is op.NOT_LITERAL:
        return _with_flags(f"[^{_literal(value)}]", flags)
    if kind is op.ANY:
        return f"(?{'s' if flags & re.DOTALL else '-s'}:.)"
    if kind is op.IN:
        return _with_flags(_class(value), flags)
    if kind is op.BRANCH:
        return f"(?:{'|'.join(write(branch, flags) for branch in value[1])})"
    if kind is op.SUBPATTERN:
        _, added, removed, items = value
        return f"(?:{write(items, (flags | added) & ~removed)})"
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
        least, most, items = value
        return f"(?:{write(items, flags)}){{{least},{_bounded(most)}}}"
    if kind is op.AT:
        raise InvalidPattern(r"Of anchors only \b can be used, and only at the very beginning and end of the pattern.")
    raise InvalidPattern(_POSSESSIVE)


def _bounded(most: Any) -> int:
    if most is op.MAXREPEAT or most > LONGEST:
        raise InvalidPattern(f"Say how often at most, up to {LONGEST}: {{1,40}} instead of + or *, else a match has no end.")
    return int(most)


def _with_flags(source: str, flags: int) -> str:
    return f"(?i:{source})" if flags & re.IGNORECASE else source


def _class(items: Iterable[tuple[Any, Any]]) -> str:
    written = ""
    for kind, value in items:
        if kind is op.NEGATE:
            written += "^"
        elif kind is op.LITERAL:
            written += _literal(value)
        elif kind is op.RANGE:
            written += f"{_literal(value[0])}-{_literal(value[1])}"
        elif kind is op.CATEGORY and value in _CATEGORIES:
            written += _CATEGORIES[value]
        elif kind is op.CATEGORY and value is op.CATEGORY_NOT_WORD:
            return _not_word_class(items)
        else:
            raise InvalidPattern(_POSSESSIVE)
    return f"[{written}]"


def _not_word_class(items: Iterable[tuple[Any, Any]]) -> str:
    if list(items) != [(op.CATEGORY, op.CATEGORY_NOT_WORD)]:
        raise InvalidPattern(r"\W can't stand among others in brackets: use [^\w…].")
    return r"[^\pL\pM\pN_]"
