"""Secrets known by the name before them: `api_key=…`, `"password": "…"`, `Authorization: Bearer …`."""

import base64
import binascii
import re
from collections.abc import Iterator

import re2

from telemetry.redaction.islands import password_quote
from telemetry.redaction.randomness import is_random, is_template
from telemetry.redaction.rules import Match, Rule, Subject

_PASSWORD = r"pass(?:word|wd|phrase|code)|\bpwd|\bpass\b|_pwd|_pass\b"
_SECRET = (
    r"secret|token|api[_ .-]?key|(?:access|auth|private|encrypt(?:ion)?|signing|master|account|service|subscription|storage"
    r"|shared|client|consumer|license|admin|app|server|deploy|host|ssh|session|azure|openai)[_ .-]?(?:access)?[_ .-]?key"
    r"|sharedaccesskey|credential|signature|authorization|cookie|sessionid|\bkey"
)
_QUOTE = r"""\\{0,3}["'`]"""
_NAME = rf"(?i:({_PASSWORD})|({_SECRET}))[A-Za-z0-9_.-]{{0,24}}"
_ASSIGNED = rf"(?:{_QUOTE})?\]?\s{{0,3}}(?::=|=>|->|[:=])\s{{0,3}}(?:[brfu]{{0,2}}(?:{_QUOTE}){{1,3}})?"
_SPOKEN = r"\s(?:is|was)\s{1,2}(?::\s)?[\"'`]{0,2}"
_OPTION = rf"--[a-z-]*(?i:({_PASSWORD})|({_SECRET}))[a-z-]{{0,16}}\s[\"']?"
_SCHEME = r"(?i:(basic)|bearer|token|api-?key)\s{1,3}"
_VALUE = r"""([^\s"'`,;<>(){}\[\]|\\]{6,})"""

_PAIR = re2.compile(rf"{_NAME}(?:{_ASSIGNED}|({_SPOKEN})){_VALUE}")
_PASSED = re2.compile(_OPTION + _VALUE)
_CREDENTIALS = re2.compile(_SCHEME + _VALUE)
_TAIL = re.compile(r"""[^\s"'`,;<>(){}\[\]|\\]*""")
_URL_QUERY = re.compile(r"[&#?].*", re.DOTALL)
_FIELD_AFTER = re.compile(r"&[A-Za-z_.-]+=.*", re.DOTALL)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ADDRESS = re.compile(r"[^@]+@[^@]+\.[A-Za-z]{2,}")
_CODE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_SPECIAL = frozenset("!@#$%^&*?~+=,;(){}[]<>|")


def find_pairs(subject: Subject) -> Iterator[Match]:
    """Values after a name, a separator and perhaps a quote, when they look like what the name says."""
    text, position = subject.text, 0
    quote = "" if subject.is_cut else password_quote(text[: subject.start], text[subject.start])
    opening = subject.start + (text[subject.start] == quote)
    if quote and _is_password(text[opening:], is_spoken=False):
        yield Match(opening, len(text), "PASSWORD", 4)
    while found := _PAIR.search(text, position):
        position = found.start(4)
        if position >= subject.start:
            value, kind = _judge(found[4], found[1], found[2], is_spoken=found[3] is not None)
            if value and not _is_other_key(text, found.start(2), found[2]):
                yield _match(subject, position, value, kind)


def find_passed(subject: Subject) -> Iterator[Match]:
    """Options of a command: `--password hunter2`, `--api-key …`."""
    for found in _PASSED.finditer(subject.text):
        value, kind = _judge(found[3], found[1], found[2], is_spoken=False)
        if value and found.start(3) >= subject.start:
            yield _match(subject, found.start(3), value, kind)


def find_credentials(subject: Subject) -> Iterator[Match]:
    """What follows `Bearer`, `Basic`, `Token`."""
    text, position = subject.text, 0
    while found := _CREDENTIALS.search(text, position):
        position = found.start(2)
        value = found[2].rstrip(".:*!?")
        if position < subject.start or subject_follows(text, found.start()):
            continue
        if is_random(value, length=16) or (found[1] and _is_basic(value)):
            yield _match(subject, position, value, "API_KEY")


def subject_follows(text: str, index: int) -> bool:
    """Whether the word at `index` is the end of a longer one."""
    return index > 0 and text[index - 1].isalnum()


def _match(subject: Subject, start: int, value: str, kind: str) -> Match:
    end = start + len(value)
    return Match(start, end, kind, 4, _TAIL if subject.is_cut and end == len(subject.text) else None)


def _judge(value: str, password: str | None, secret: str | None, *, is_spoken: bool) -> tuple[str, str]:
    if "://" in value or value.startswith(("/", "./")) or _DATE.match(value):
        return "", ""
    if password:
        value = _FIELD_AFTER.sub("", value).rstrip(".:")
        return (value, "PASSWORD") if _is_password(value, is_spoken=is_spoken) else ("", "")
    value = _URL_QUERY.sub("", value).rstrip(".:*!")
    is_bare = (secret or "").lower() == "key"
    if "@" in value or (is_bare and _UUID.match(value)):
        return "", ""
    is_secret = is_random(value, length=20, bits=3.5) if is_bare else is_random(value, length=12)
    return (value, "API_KEY") if is_secret else ("", "")


def _is_password(value: str, *, is_spoken: bool) -> bool:
    if len(value) < 6 or is_template(value) or _ADDRESS.fullmatch(value) or _CODE.fullmatch(value):
        return False
    has_letter = any(character.isalpha() for character in value)
    has_digit = any(character.isdigit() for character in value)
    has_special = not is_spoken and not _SPECIAL.isdisjoint(value[1:])
    return has_letter and (has_digit or has_special)


def _is_other_key(text: str, start: int, name: str | None) -> bool:
    """Keys that are no secrets: `primary-key=`, `public.key: …`."""
    return (name or "").lower() == "key" and start > 0 and text[start - 1] in "-._"


def _is_basic(value: str) -> bool:
    try:
        return b":" in base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (ValueError, binascii.Error):
        return False


def _without_boundaries(pattern: str) -> str:
    return pattern.replace(r"\b", "")


RULES = (
    Rule(_without_boundaries(rf"{_NAME}(?:{_ASSIGNED}|{_SPOKEN})"), find_pairs, reads_before=True),
    Rule(_without_boundaries(_OPTION), find_passed, reads_before=True),
    Rule(_SCHEME, find_credentials, reads_before=True),
)
