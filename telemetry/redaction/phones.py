"""Phone numbers, judged by the numbering plans that `phonenumbers` carries.

Its own matcher and parser are never run: at 50 µs a number they would be the slowest part of all. We read its patterns once.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial

import re2
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, country_code_for_region

from telemetry.redaction.numbers import DIGITS
from telemetry.redaction.rules import UNATTACHED, Match, Rule, Subject

_TYPES = (
    "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip", "pager", "uan", "voicemail",
)  # fmt: skip
_DIGITS = r"(?:[ ./-]{0,3}(?:[()][ ./-]{0,3})?[0-9])"
_SPLIT = re.compile(r"[^0-9]+")
_WORDS = (
    r"(?i:\b(?:tele)?phone|\btel\b|\bmobil|\bcell|\bcall(?:ed|ing)?\b|\bfax|whatsapp|\bsms\b|\bdial|\bring\b|\btext me"
    r"|\bcontact|\bph[.:#]|\breach (?:me|us|him|her|them)\b|phone[_ -]?(?:number|no)|\bhotline|\bhandy)"
)
_WORD = re2.compile(_WORDS)
_CONTEXT = re.compile(_WORDS + r"[^0-9\[\]\n]{0,20}\Z")
_AFTER_WORD = re.compile(rf"{_WORDS}[^0-9\[\]\n]{{0,20}}?(\(?[0-9]{_DIGITS}{{6,11}})")
_OTHER_NUMBER = re.compile(
    r"(?i:[$€£¥₹#]\s?|\b(?:order|invoice|ticket|case|ref|reference|sku|isbn|issn|tracking|serial|part|version|build|account|acct"
    r"|usd|eur|gbp|inr|chf|id)\b\W{0,4}(?:(?:no|number|id|nr)\b\W{0,4})?(?:is\s)?)\Z"
)
_DATE = re.compile(
    r"[0-9]{1,2}([./-])[0-9]{1,2}\1(?:[0-9]{4}|[0-9]{2})(?![0-9])|(?:19|20)[0-9]{2}([./ -])[0-9]{2}\2[0-9]{2}(?![0-9])"
)
_INTERNATIONAL = re.compile(rf"{UNATTACHED}(?:\+ ?|00)\(?[1-9]{_DIGITS}{{6,14}}")
_NANP = re.compile(
    rf"{UNATTACHED}(?:1[ .-]?)?(?:\(([2-9][0-9]{{2}})\)[ .-]?([2-9][0-9]{{2}})[ .-]?([0-9]{{4}})"
    r"|([2-9][0-9]{2})(?:([ .-])([2-9][0-9]{2})\5|[ /]([2-9][0-9]{2})-)([0-9]{4}))(?![0-9A-Za-z])"
)
_INDIAN = re.compile(rf"{UNATTACHED}[6-9][0-9]{{4}}([ -])[0-9]{{5}}(?![0-9A-Za-z])")
_TRUNK = re.compile(rf"{UNATTACHED}\(?0[1-9][0-9]{{0,3}}\)?(?:[ ./-]{{1,3}}[0-9]{{2,8}}){{1,5}}")
_INSIDE = re.compile(r"[0-9A-Za-z][.,/-]\Z|[0-9]:\Z")
_DECIMAL = re.compile(r"[0-9]+\.[0-9]+\Z")
_SHORTER = re.compile(r"[^0-9]+[0-9]+\)?\Z")


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


def is_national(digits: str, codes: Iterable[int]) -> bool:
    """Whether a number exists in one of the countries, with or without its leading 0."""
    for code in codes:
        plan = plan_of(code)
        if plan is None:
            continue
        bare = (
            digits[1:] if (digits[0] == "0" and code != 39) or (code == 1 and len(digits) == 11 and digits[0] == "1") else digits
        )
        if len(bare) in plan.lengths and plan.valid.fullmatch(bare):
            return True
    return False


def find_phones(regions: tuple[str, ...]) -> Callable[[Subject], Iterator[Match]]:
    """A finder that also knows the national forms of these regions."""
    codes = tuple(dict.fromkeys(country_code_for_region(region) for region in regions))
    forms = [(_TRUNK, _is_trunk_number)]
    forms += [(_NANP, _is_nanp_number)] if 1 in codes else []
    forms += [(_INDIAN, _is_indian_number)] if 91 in codes else []

    def find(subject: Subject) -> Iterator[Match]:
        for found in _INTERNATIONAL.finditer(subject.text, subject.start):
            yield from _international(subject, found)
        for pattern, is_number in forms:
            for found in pattern.finditer(subject.text, subject.start):
                yield from _national(subject, *found.span(), is_number=partial(is_number, codes=codes))
        if _WORD.search(subject.text):
            for found in _AFTER_WORD.finditer(subject.text):
                if found.start(1) >= subject.start:
                    yield from _national(subject, *found.span(1), is_number=partial(_is_any_number, codes=codes))

    return find


def _international(subject: Subject, found: re.Match[str]) -> Iterator[Match]:
    """`+` or `00`, a calling code and as many digits as its numbers have; the longest row of groups that does."""
    start, value = found.start(), found[0]
    is_sure = value[0] == "+"
    if subject.precedes_word(found.end()) or _DATE.match(value, 1) or _DECIMAL.fullmatch(value, 1):
        return
    if not is_sure and (_INSIDE.search(subject.before(start, 2)) or value.isdigit()):
        return
    for shorter in _shortened(value):
        digits = _SPLIT.sub("", shorter.replace("(0)", ""))
        if is_international(digits if is_sure else digits[2:], is_sure=is_sure):
            if is_sure or not _is_among_numbers(subject.text, start, start + len(shorter)):
                yield Match(start, start + len(shorter), "PHONE", 12)
            return


def _national(subject: Subject, start: int, end: int, *, is_number: Callable[[str], bool]) -> Iterator[Match]:
    """A number of one of the countries, the longest row of groups that is one. Not dates, parts of decimals, ids, money."""
    text = subject.text
    if _DATE.match(text, start + (text[start] == "(")) or _INSIDE.search(subject.before(start, 2)):
        return
    for value in _shortened(text[start:end]):
        stop = start + len(value)
        if subject.precedes_word(stop) or not is_number(value):
            continue
        has_context = _CONTEXT.search(subject.before(start)) is not None
        if (has_context or not _is_among_numbers(text, start, stop)) and not _OTHER_NUMBER.search(subject.before(start)):
            yield Match(start, stop, "PHONE", 12)
        return


def _shortened(value: str) -> Iterator[str]:
    """The value, and what is left of it as its last groups are taken away."""
    while sum(map(str.isdigit, value)) >= 7:
        yield value
        last = _SHORTER.search(value)
        value = value[: last.start()] if last else ""


def _is_nanp_number(value: str, codes: tuple[int, ...]) -> bool:
    digits = _SPLIT.sub("", value)[-10:]
    is_decimal = value[1:2] == "." and value.count(".") == 1
    return not is_decimal and (digits[3:6] == "555" or is_national(digits, (1,)))


def _is_indian_number(value: str, codes: tuple[int, ...]) -> bool:
    return value[5:6] == "-"


def _is_trunk_number(value: str, codes: tuple[int, ...]) -> bool:
    return not _DECIMAL.fullmatch(value) and _is_any_number(value, codes)


def _is_any_number(value: str, codes: tuple[int, ...]) -> bool:
    return is_national(_SPLIT.sub("", value), codes)


def _is_among_numbers(text: str, start: int, end: int) -> bool:
    """Whether the groups of the value go on before or after it: a row of a table, a longer identifier."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if len(before) == 2 and before[0].isdigit() and before[1] == " " and "-" not in text[start:end]:
        return True
    return len(after) == 2 and after[1].isdigit() and (after[0] in ".-/" or (after[0] == " " and "-" not in text[start:end]))


def rules_of(regions: tuple[str, ...]) -> tuple[Rule, ...]:
    """The rule for phone numbers, with the national forms of these regions."""
    return (Rule(DIGITS, find_phones(regions)),)
