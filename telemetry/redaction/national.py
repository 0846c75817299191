"""National ids, found after a word that names them, or by their form alone where that is enough."""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

import re2

from telemetry.redaction.identities import IDENTITIES, Identity, When
from telemetry.redaction.rules import Match, Rule, Subject, as_bytes

LONGEST_NAME = 32  # characters of a name of an id
LONGEST_VALUE = 32
GAP = 28  # characters between a name and its value
_GAP = re.compile(rf"[^0-9\[\]\n]{{0,{GAP}}}")
_TO_LAST_BREAK = re.compile(r".*[0-9\[\]\n]", re.DOTALL)
_SPACED_BEFORE = re.compile(r"[0-9] \Z")
_SPACED_AFTER = re.compile(r" [0-9]")
_COUNTED = re.compile(
    r"(?i:[$€£¥₹#]\s?|\b(?:order|invoice|ticket|case|ref|sku|isbn|tracking|serial|part|version|build)\W{0,3}"
    r"(?:(?:no|number|nr|id)\W{0,3})?)\Z"
)

Found = tuple[Identity, re.Pattern[str]]


def rules_of(countries: frozenset[str]) -> tuple[Rule, ...]:
    """The rules for ids: of these countries by form alone, of all by name."""
    by_form = [
        (identity, form)
        for identity in IDENTITIES
        for form in identity.forms
        if form.when <= (When.SWITCHED if identity.kind[:2] in countries else When.ALWAYS)
    ]
    return (
        Rule(
            "|".join(f"(?:{form.pattern})" for _, form in by_form),
            _find_by_form([(i, re.compile(f.pattern)) for i, f in by_form]),
        ),
        Rule(rf"(?:{_NAMES})[^0-9\[\]\n]{{0,{GAP}}}[0-9]", find_named, is_named=1),
    )


def _find_by_form(forms: list[Found]) -> Callable[[Subject], Iterator[Match]]:
    which = re2.Set.SearchSet()
    for _, pattern in forms:
        which.Add(pattern.pattern)
    which.Compile()

    def find(subject: Subject) -> Iterator[Match]:
        for index in which.Match(as_bytes(subject.text[subject.start :])) or ():
            identity, pattern = forms[index]
            for found in pattern.finditer(subject.text, subject.start):
                start, end = found.span()
                if _is_whole(subject, start, end) and not _is_in_row(subject, start, end) and identity.is_valid(found[0]):
                    yield Match(start, end, identity.kind, 8)

    return find


def _is_whole(subject: Subject, start: int, end: int) -> bool:
    return not subject.is_inside_number(start, end) and subject.text[start - 1 : start] not in ("_", "/", "#")


def _is_in_row(subject: Subject, start: int, end: int) -> bool:
    """Whether other numbers stand beside it, or a word says that it is something else."""
    text = subject.text
    if _SPACED_BEFORE.search(text[max(0, start - 2) : start]) or _SPACED_AFTER.match(text, end):
        return True
    return _COUNTED.search(subject.before(start, 28)) is not None


_SHORT = "|".join(sorted({name for identity in IDENTITIES for name in identity.short_names.split("|")}))
_LONG = "|".join(sorted({name for identity in IDENTITIES for name in identity.names.split("|")}))
_NAMES = rf"(?:^|[^A-Za-z])(?i:{_SHORT})[^A-Za-z0-9]|(?i:{_LONG})"
_NAME = re2.compile(_NAMES)
_BY_NAME = [
    (
        re.compile(rf"(?i:(?<![a-z])(?:{identity.short_names})[^a-z0-9]|{identity.names})"),
        identity,
        [re.compile(form.pattern) for form in identity.forms],
    )
    for identity in IDENTITIES
]


def find_named(subject: Subject) -> Iterator[Match]:
    """An id of any country behind a word that names it, when its checksum is right."""
    text = subject.text
    floor = max(0, subject.start - GAP - LONGEST_NAME)
    broken = _TO_LAST_BREAK.match(text, floor, subject.start)  # no gap goes over this, so names before it name nothing here
    for word in _NAME.finditer(as_bytes(text), broken.end() - 1 if broken else floor):
        start, end = word.span()
        for identity, forms, length in _named_by(text[start:end].lower()):
            for form in forms:
                if match := _after(subject, start + length, identity, form=form):
                    yield match
                    break


@lru_cache(maxsize=512)
def _named_by(word: str) -> list[tuple[Identity, list[re.Pattern[str]], int]]:
    """The ids that this names, how they are written, and how long the name is."""
    return [(identity, forms, found.end()) for name, identity, forms in _BY_NAME if (found := name.search(word))]


def _after(subject: Subject, place: int, identity: Identity, *, form: re.Pattern[str]) -> Match | None:
    text = subject.text
    for found in form.finditer(text, max(place, subject.start), place + GAP + LONGEST_VALUE):
        start, end = found.span()
        if not _GAP.fullmatch(text, place, start):
            return None
        if not subject.is_inside_number(start, end) and identity.is_valid(found[0]):
            return Match(start, end, identity.kind, 6)
    return None
