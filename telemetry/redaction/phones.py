"""Phone numbers, judged by the numbering plans that `phonenumbers` carries.

Its own matcher and parser are never run: at 50 µs a number they would be the slowest part of all. We read its patterns once.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import re2
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, country_code_for_region

from telemetry.redaction.numbers import DIGITS
from telemetry.redaction.rules import UNATTACHED, Match, Rule, Subject

_TYPES = (
    "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip", "pager", "uan", "voicemail",
)  # fmt: skip
_CANDIDATE = re.compile(rf"{UNATTACHED}(?:\+ ?)?\(?[0-9](?:[ ./-]{{0,3}}(?:[()][ ./-]{{0,3}})?[0-9]){{6,}}")
_SPLIT = re.compile(r"[^0-9]+")
_WORDS = (
    r"(?i:\b(?:tele)?phone|\btel\b|\bmobil|\bcell|\bcall(?:ed|ing)?\b|\bfax|whatsapp|\bsms\b|\bdial|\bring\b|\btext me"
    r"|\bcontact|\bph\b|\breach (?:me|us|him|her|them)\b|phone[_ -]?(?:number|no)|\bhotline|\bhandy)"
)
_WORD = re2.compile(_WORDS)
_CONTEXT = re.compile(_WORDS + r"[^0-9\[\]\n]{0,20}\Z")
_OTHER_NUMBER = re.compile(
    r"(?i:[$€£¥₹#]\s?|\b(?:order|invoice|ticket|case|ref|reference|sku|isbn|issn|tracking|serial|part|version|build|account|acct"
    r"|usd|eur|gbp|inr|chf|id)\b\W{0,4}(?:(?:no|number|id|nr)\b\W{0,4})?(?:is\s)?)\Z"
)
_DATE = re.compile(
    r"[0-9]{1,2}([./-])[0-9]{1,2}\1(?:[0-9]{4}|[0-9]{2})(?![0-9])|(?:19|20)[0-9]{2}([./ -])[0-9]{2}\2[0-9]{2}(?![0-9])"
)
_NANP = re.compile(r"(?:1[ .-]?)?(?:\(([2-9][0-9]{2})\)[ .-]?|([2-9][0-9]{2})([ ./-]))([2-9][0-9]{2})[ .-]?([0-9]{4})(?![0-9])")
_INDIAN = re.compile(r"[6-9][0-9]{4}[ -][0-9]{5}(?![0-9])")
_TRUNK_SHAPE = re.compile(r"\(?0[1-9][0-9]{0,4}\)?(?:[ ./-]{1,3}[0-9]{2,8}){1,5}\Z")


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


def is_international(digits: str) -> bool:
    """Whether calling code and number exist, or at least measure right: numbers kept for fiction are no one's, but look real."""
    for size in (1, 2, 3):
        plan = plan_of(int(digits[:size]))
        if plan is not None:
            national = digits[size:]
            return len(national) in plan.lengths or (national[:1] == "0" and len(national) - 1 in plan.lengths)
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

    def find(subject: Subject) -> Iterator[Match]:
        text, position = subject.text, subject.start
        has_word: bool | None = None
        while found := _CANDIDATE.search(text, position):
            start, end = found.span()
            if has_word is None:
                has_word = _WORD.search(text) is not None
            match = _international(subject, start, end) or _national(subject, start, end, codes=codes, has_word=has_word)
            if match:
                yield match
                position = match.end
            else:
                step = _SPLIT.search(text, start + 1, end)
                position = step.end() if step and step.end() < end else end

    return find


def _international(subject: Subject, start: int, end: int) -> Match | None:
    """`+` or `00`, a calling code and as many digits as its numbers have; the longest row of groups that does."""
    text = subject.text
    value = text[start:end]
    if value[0] == "+":
        skip = 1
    elif value.startswith("00") and _SPLIT.search(value):
        skip = 2
    else:
        return None
    if subject.precedes_word(end):
        return None
    while value:
        digits = _SPLIT.sub("", value[skip:].replace("(0)", ""))
        if len(digits) < 7:
            return None
        if len(digits) <= 15 and digits[0] != "0" and is_international(digits):
            return Match(start, start + len(value), "PHONE", 12)
        shorter = re.match(r"(.*[0-9])[^0-9]+[0-9]+\)?\Z", value)
        value = shorter[1] if shorter else ""
    return None


def _national(subject: Subject, start: int, end: int, *, codes: tuple[int, ...], has_word: bool) -> Match | None:
    """A number of one of the countries, written with separators, or plain after a word such as `phone`."""
    text = subject.text
    if _DATE.match(text, start):
        return None
    has_context = has_word and _CONTEXT.search(subject.before(start)) is not None
    length = _nanp_length(text, start, codes) or _indian_length(text, start, codes, has_context=has_context)
    if not length:
        length = _trunk_length(text[start:end], codes, has_context=has_context)
    stop = start + length
    if not length or subject.precedes_word(stop) or (not has_context and _is_among_numbers(text, start, stop)):
        return None
    return None if _OTHER_NUMBER.search(subject.before(start)) else Match(start, stop, "PHONE", 12)


def _nanp_length(text: str, start: int, codes: tuple[int, ...]) -> int:
    found = _NANP.match(text, start) if 1 in codes else None
    if not found:
        return 0
    digits = (found[1] or found[2]) + found[4] + found[5]
    return len(found[0]) if found[4] == "555" or is_national(digits, (1,)) else 0


def _indian_length(text: str, start: int, codes: tuple[int, ...], *, has_context: bool) -> int:
    found = _INDIAN.match(text, start) if 91 in codes else None
    return len(found[0]) if found and (has_context or text[start + 5] == "-") else 0


def _trunk_length(value: str, codes: tuple[int, ...], *, has_context: bool) -> int:
    """Numbers with a leading 0 in groups; with context any number of the countries. The longest row of groups."""
    if not has_context and not value.startswith(("0", "(0")):
        return 0
    while value:
        digits = _SPLIT.sub("", value)
        if len(digits) < 7:
            return 0
        if len(digits) <= 12 and (has_context or _TRUNK_SHAPE.match(value)) and is_national(digits, codes):
            return len(value)
        shorter = re.match(r"(.*[0-9])[^0-9]+[0-9]+\)?\Z", value)
        value = shorter[1] if shorter else ""
    return 0


def _is_among_numbers(text: str, start: int, end: int) -> bool:
    """Whether the groups of the value go on before or after it: a row of a table, a longer identifier."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if len(before) == 2 and before[0].isalnum() and (before[1] in ".-/" or (before[1] == " " and before[0].isdigit())):
        return " " not in before or "-" not in text[start:end]
    return len(after) == 2 and after[1].isdigit() and (after[0] in ".-/" or (after[0] == " " and "-" not in text[start:end]))


def rules_of(regions: tuple[str, ...]) -> tuple[Rule, ...]:
    """The rule for phone numbers, with the national forms of these regions."""
    return (Rule(DIGITS, find_phones(regions)),)
