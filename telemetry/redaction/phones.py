"""Phone numbers, judged by the numbering plans that `phonenumbers` carries.

Its own matcher and parser are never run: at 50 µs a number they would be the slowest part of all. We read its patterns once.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

import re2
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, country_code_for_region

from telemetry.redaction.rules import Match, Rule, Subject, as_bytes, unattached

_TYPES = (
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "personal_number",
    "voip",
    "pager",
    "uan",
    "voicemail",
)
_MARK = r"[ ./-]"
_DIGITS = rf"(?:{_MARK}{{0,3}}(?:[()]{_MARK}{{0,3}})?[0-9])"
_NO_WORD = r"(?![0-9A-Za-z])"
_INTERNATIONAL = re.compile(rf"(?:\+ ?|00)\(?[1-9]{_DIGITS}{{6,14}}")
_NANP = re.compile(
    rf"[2-9][0-9]{{2}}{unattached('[0-9]{3}')}(?:([ .-])([2-9][0-9]{{2}})\1|[ /]([2-9][0-9]{{2}})-)[0-9]{{4}}{_NO_WORD}"
)
_NANP_BRACKETS = re.compile(rf"\(([2-9][0-9]{{2}})\)[ .-]?([2-9][0-9]{{2}})[ .-]?[0-9]{{4}}{_NO_WORD}")
_ONE_BEFORE = re.compile(r"(?:^|[^0-9A-Za-z.,/-])(1[ .-]?)\Z")
_INDIAN = re.compile(rf"[6-9][0-9]{{4}}{unattached('[0-9]{5}')}-[0-9]{{5}}{_NO_WORD}")
_TRUNK = re.compile(rf"0{unattached('0')}[1-9][0-9]{{0,3}}\)?(?:{_MARK}{{1,3}}[0-9]{{2,8}}){{1,5}}")
_WORDS = (
    r"(?i:\b(?:tele)?phone|\btel\b|\bmobil|\bcell|\bcall(?:ed|ing)?\b|\bfax|whatsapp|\bsms\b|\bdial|\bring\b|\btext me"
    r"|\bcontact|\bph[.:#]|\breach (?:me|us|him|her|them)\b|\bhotline|\bhandy\b)"
)
_WORD = re2.compile(_WORDS)
_NAMED = re.compile(rf"[^0-9\[\]\n]{{0,20}}?(\(?[0-9]{_DIGITS}{{6,11}})")
_CONTEXT = re.compile(_WORDS + r"[^0-9\[\]\n]{0,20}\Z")
NAMED_WITHIN = 40  # characters from the beginning of such a word to its number, at most
_OTHER_NUMBER = re.compile(
    r"(?i:[$€£¥₹#]\s?|\b(?:order|invoice|ticket|case|ref|reference|sku|isbn|issn|tracking|serial|part|version|build|account|acct"
    r"|usd|eur|gbp|inr|chf|id)\b\W{0,4}(?:(?:no|number|id|nr)\b\W{0,4})?(?:is\s)?)\Z"
)
_DATE = re.compile(
    r"\(?(?:[0-9]{1,2}([./-])[0-9]{1,2}\1(?:[0-9]{4}|[0-9]{2})|(?:19|20)[0-9]{2}([./ -])[0-9]{2}\2[0-9]{2})(?![0-9])"
)
_INSIDE = re.compile(r"[0-9A-Za-z][.,/-]\Z|[0-9]:\Z")
_DECIMAL = re.compile(r"[0-9]+\.[0-9]+\Z")
_GROUP = re.compile(r"[0-9]+\)?")
_NO_DIGIT = re.compile(r"[^0-9]+")


@dataclass(frozen=True, slots=True)
class Plan:
    """The numbers that exist under a calling code."""

    lengths: frozenset[int]
    valid: re.Pattern[str]


@cache
def plan_of(code: int) -> Plan | None:
    """The plan of a calling code, or None when there is no such code."""
    lengths: set[int] = set()
    patterns: list[str] = []
    for region in COUNTRY_CODE_TO_REGION_CODE.get(code, ()):
        load = PhoneMetadata.metadata_for_nongeo_region if region == "001" else PhoneMetadata.metadata_for_region
        metadata = load(code if region == "001" else region, None)  # type: ignore[arg-type]
        for kind in _TYPES:
            described = getattr(metadata, kind, None)
            if described is not None and described.national_number_pattern:
                patterns.append(described.national_number_pattern)
                lengths.update(described.possible_length)
    return Plan(frozenset(lengths), re.compile("|".join(f"(?:{pattern})" for pattern in patterns))) if patterns else None


def is_international(digits: str, *, is_sure: bool) -> bool:
    """Whether calling code and number exist, or if `is_sure` at least measure right: numbers kept for fiction look real too."""
    for size in (1, 2, 3):
        plan = plan_of(int(digits[:size]))
        if plan is not None:
            national = digits[size:]
            bare = national[1:] if national[0] == "0" and len(national) not in plan.lengths else national
            return len(bare) in plan.lengths and (is_sure or plan.valid.fullmatch(bare) is not None)
    return False


@lru_cache(maxsize=4096)
def is_national(digits: str, codes: Iterable[int]) -> bool:
    """Whether a number exists in one of the countries, with or without its leading 0 or 1."""
    for code in codes:
        plan = plan_of(code)
        if plan is None:
            continue
        has_trunk = (digits[0] == "0" and code != 39) or (code == 1 and len(digits) == 11 and digits[0] == "1")
        bare = digits[1:] if has_trunk else digits
        if len(bare) in plan.lengths and plan.valid.fullmatch(bare):
            return True
    return False


def find_international(subject: Subject) -> Iterator[Match]:
    """`+` or `00`, a calling code and as many digits as its numbers have; the longest row of groups that does."""
    for found in _INTERNATIONAL.finditer(subject.text, subject.start):
        start, value = found.start(), found[0]
        is_sure = value[0] == "+"
        if subject.follows_word(start) or subject.precedes_word(found.end()):
            continue
        if (
            _DATE.match(value, 1)
            or _DECIMAL.fullmatch(value, 1)
            or (not is_sure and (value.isdigit() or _is_inside(subject, start)))
        ):
            continue
        for length in _lengths(value):
            digits = _NO_DIGIT.sub("", value[:length].replace("(0)", ""))
            if is_international(digits if is_sure else digits[2:], is_sure=is_sure):
                yield from [Match(start, start + length, "PHONE", 12)] if is_sure else _judged(subject, start, start + length)
                break


def find_north_american(subject: Subject) -> Iterator[Match]:
    """Area code, exchange and line with separators; with a 1 before or without."""
    for pattern in (_NANP, _NANP_BRACKETS):
        for found in pattern.finditer(subject.text, subject.start):
            start, end = found.span()
            digits = _NO_DIGIT.sub("", found[0])
            if digits[3:6] != "555" and not is_national(digits, (1,)):  # 555 is for fiction, under any area code
                continue
            one = _ONE_BEFORE.search(subject.before(start, 3))
            start -= len(one[1]) if one and start - len(one[1]) >= subject.start else 0
            yield from _judged(subject, start, end)


def find_indian(subject: Subject) -> Iterator[Match]:
    """Mobile numbers in two groups with a dash."""
    for found in _INDIAN.finditer(subject.text, subject.start):
        yield from _judged(subject, *found.span())


def find_trunk(codes: tuple[int, ...]) -> Callable[[Subject], Iterator[Match]]:
    """A finder of national numbers in groups that begin with 0."""

    def find(subject: Subject) -> Iterator[Match]:
        text = subject.text
        for found in _TRUNK.finditer(text, subject.start):
            start = found.start() - (text[: found.start()].endswith("(") and found.start() > subject.start)
            if not _DECIMAL.fullmatch(found[0]):
                yield from _longest(subject, start, found.end(), codes=codes, least=9)

    return find


def find_named(codes: tuple[int, ...]) -> Callable[[Subject], Iterator[Match]]:
    """A finder of numbers in any form of the countries, after a word such as `phone`."""

    def find(subject: Subject) -> Iterator[Match]:
        for word in _WORD.finditer(as_bytes(subject.text), max(0, subject.start - NAMED_WITHIN)):
            number = _NAMED.match(subject.text, word.end())
            if number and number.start(1) >= subject.start and not subject.follows_word(number.start(1)):
                yield from _longest(subject, *number.span(1), codes=codes)

    return find


def _longest(subject: Subject, start: int, end: int, *, codes: tuple[int, ...], least: int = 7) -> Iterator[Match]:
    """The longest row of groups that is a number of one of the countries, of `least` digits."""
    value = subject.text[start:end]
    for length in _lengths(value):
        digits = _NO_DIGIT.sub("", value[:length])
        if len(digits) >= least and not subject.precedes_word(start + length) and is_national(digits, codes):
            yield from _judged(subject, start, start + length)
            return


def _lengths(value: str) -> list[int]:
    """The length of the value, and as its last groups are taken away; with 7 to 17 digits each, the longest first."""
    lengths, digits = [], 0
    for group in _GROUP.finditer(value):
        digits += group.end() - group.start() - group[0].endswith(")")
        if digits > 17:
            break
        if digits >= 7:
            lengths.append(group.end())
    return lengths[::-1]


def _judged(subject: Subject, start: int, end: int) -> Iterator[Match]:
    """The number, unless it is a date, a part of a decimal or of a row of numbers, an id or an amount of money."""
    text = subject.text
    has_dash = "-" in text[start:end]
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if len(before) == 2 and before[0].isdigit() and before[1] == " " and not has_dash:
        return
    if _DATE.match(text, start) or _is_inside(subject, start) or _OTHER_NUMBER.search(subject.before(start, 28)):
        return
    goes_on = len(after) == 2 and after[1].isdigit() and (after[0] in ".-/" or (after[0] == " " and not has_dash))
    if not goes_on or _CONTEXT.search(subject.before(start, 34)):
        yield Match(start, end, "PHONE", 12)


def _is_inside(subject: Subject, start: int) -> bool:
    return _INSIDE.search(subject.before(start, 2)) is not None


def rules_of(regions: tuple[str, ...]) -> tuple[Rule, ...]:
    """The rules for phone numbers, with the national forms of these regions."""
    codes = tuple(dict.fromkeys(country_code_for_region(region) for region in regions))
    rules = [
        Rule(r"(?:\+|00)[ (]{0,2}[1-9](?:[^0-9A-Za-z]{0,6}[0-9]){6,}", find_international),
        Rule(r"0[1-9](?:[ ().\/-]{0,6}[0-9]){7}", find_trunk(codes)),
        Rule(_WORDS.replace(r"\b", "") + r"[^0-9\[\]\n]{0,20}[0-9]", find_named(codes), is_named=1),
    ]
    if 1 in codes:
        rules.append(Rule(r"[0-9]{3}(?:[ ./-][0-9]{3}[ .-]|\)[ .-]?[0-9]{3}[ .-]?)[0-9]{4}", find_north_american))
    if 91 in codes:
        rules.append(Rule(r"[0-9]{5}-[0-9]{5}", find_indian))
    return tuple(rules)
