"""Secrets known by the name before them: `api_key=…`, `"password": "…"`, `Authorization: Bearer …`."""

import base64
import binascii
import re
from collections.abc import Iterator

import re2

from telemetry.redaction.islands import password_quote
from telemetry.redaction.randomness import is_plain, is_random, is_template
from telemetry.redaction.rules import Match, Rule, Subject, as_bytes

_PASSWORDS = r"pass(?:word|wd|phrase|code)?|pwd"
_SECRETS = (
    r"secret|token|api[_ .-]?key|(?:access|auth|private|encrypt(?:ion)?|signing|master|account|service|subscription|storage"
    r"|shared|client|consumer|license|admin|app|server|deploy|host|ssh|session|azure|openai)[_ .-]?(?:access)?[_ .-]?key"
    r"|sharedaccesskey|credential|signature|authorization|cookie|sessionid|key"
)
_QUOTE = r"""\\{0,3}["'`]"""
_SUFFIX = r"[A-Za-z0-9_.-]{0,24}"
_ASSIGNED = rf"(?:{_QUOTE})?\]?\s{{0,3}}(?::=|=>|->|[:=])\s{{0,3}}(?:[brfu]{{0,2}}(?:{_QUOTE}){{1,3}})?"
_SPOKEN = r"\s(?:is|was)\s{1,2}(?::\s)?[\"'`]{0,2}"
_PASSED = r"[a-z-]{0,16}\s[\"']?"
_SCHEME = r"(?i:(basic)|bearer|token|api-?key)\s{1,3}"
_SIX = r"""[^\s"'`,;<>(){}\[\]|\\]{6}"""
_VALUE = rf"({_SIX[:-3]}{{6,}})"

_NAME = re2.compile(rf"(?i:{_PASSWORDS}|{_SECRETS})")
_PASSWORD_NAME = re2.compile(rf"(?i:{_PASSWORDS})")
_REST = re.compile(rf"({_SUFFIX})(?:{_ASSIGNED}|({_SPOKEN})){_VALUE}")
_OPTION = re.compile(r"--[a-z-]{0,16}\Z")
_OPTION_REST = re.compile(_PASSED + _VALUE)
_CREDENTIALS = re2.compile(_SCHEME + _VALUE)
_BARE = frozenset({"key", "pass", "pwd"})  # short names, that longer words begin or end with
_TAIL = re.compile(r"""[^\s"'`,;<>(){}\[\]|\\]*""")
_URL_QUERY = re.compile(r"[&#?].*", re.DOTALL)
_FIELD_AFTER = re.compile(r"&[A-Za-z_.-]+=.*", re.DOTALL)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ADDRESS = re.compile(r"[^@]+@[^@]+\.[A-Za-z]{2,}")
_CODE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_SPECIAL = frozenset("!@#$%^&*?~+=,;(){}[]<>|")


def find_pairs(subject: Subject) -> Iterator[Match]:
    """Values after a name and a separator, or after an option of a command, when they look like what the name says."""
    text = subject.text
    quote = "" if subject.is_cut else password_quote(text[: subject.start], text[subject.start])
    opening = subject.start + (text[subject.start] == quote)
    if quote and _is_password(text[opening:], is_spoken=False):
        yield Match(opening, len(text), "PASSWORD", 4)
    encoded = as_bytes(text)
    end = hopeless_to = 0
    while found := _next_name(encoded, end, hopeless_to):
        start, end = found.span()
        name = text[start:end].lower()
        is_password = name.startswith(("pa", "pw"))
        rest = _REST.match(text, end)
        if rest and (name not in _BARE or _stands_alone(text, start, rest[1], name=name)):
            place, value, is_spoken = rest.start(3), rest[3], rest[2] is not None
        elif option := None if rest else _option_value(text, start, end):
            place, value, is_spoken = option.start(1), option[1], False
        else:
            continue
        if not is_password and is_plain(value):
            hopeless_to = place + len(value)
        elif place >= subject.start:
            value = _password_in(value, is_spoken=is_spoken) if is_password else _secret_in(value, is_bare=name == "key")
            if value:
                yield _match(subject, place, value, "PASSWORD" if is_password else "API_KEY")


def _next_name(text: bytes, position: int, hopeless_to: int) -> re2._Match | None:
    """The next name; up to `hopeless_to` of a password only: a value too plain to be a secret is so in all its parts."""
    if position < hopeless_to:
        found = _PASSWORD_NAME.search(text, position, hopeless_to)
        if found:
            return found
    return _NAME.search(text, max(position, hopeless_to))


def _option_value(text: str, start: int, end: int) -> re.Match[str] | None:
    """What follows `--password` and its like."""
    before = text[max(0, start - 18) : start]
    return _OPTION_REST.match(text, end) if "--" in before and _OPTION.search(before) else None


def _stands_alone(text: str, start: int, suffix: str, *, name: str) -> bool:
    """`?key=` and `pass1:`, not `keyboard:`, `compass:`, `primary_key=`."""
    before = text[start - 1 : start]
    if before.isalnum() or (name == "key" and before and before in "-._"):
        return False
    return not suffix or suffix.isdigit()


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


def _password_in(value: str, *, is_spoken: bool) -> str:
    """What of the value is the password; '' if it looks like something else."""
    value = _FIELD_AFTER.sub("", value).rstrip(".:")
    return value if _is_password(value, is_spoken=is_spoken) and not _is_place(value) else ""


def _secret_in(value: str, *, is_bare: bool) -> str:
    """What of the value is the secret; '' if it looks like something else. After a mere `key` it must look more so."""
    value = _URL_QUERY.sub("", value).rstrip(".:*!")
    if "@" in value or _is_place(value) or (is_bare and _UUID.match(value)):
        return ""
    return value if (is_random(value, length=20, bits=3.5) if is_bare else is_random(value, length=12)) else ""


def _is_place(value: str) -> bool:
    """A URL, a path, a date."""
    return "://" in value or value.startswith(("/", "./")) or _DATE.match(value) is not None


def _is_password(value: str, *, is_spoken: bool) -> bool:
    if len(value) < 6 or is_template(value) or _ADDRESS.fullmatch(value) or _CODE.fullmatch(value):
        return False
    has_letter = any(character.isalpha() for character in value)
    has_digit = any(character.isdigit() for character in value)
    has_special = not is_spoken and not _SPECIAL.isdisjoint(value[1:])
    return has_letter and (has_digit or has_special)


def _is_basic(value: str) -> bool:
    try:
        return b":" in base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (ValueError, binascii.Error):
        return False


RULES = (
    Rule(rf"(?i:{_PASSWORDS}|{_SECRETS}){_SUFFIX}(?:{_ASSIGNED}|{_SPOKEN}){_SIX}", find_pairs, is_named=6),
    Rule(rf"(?i:{_PASSWORDS}){_SUFFIX}{_ASSIGNED}[^\"'`\\\n]{{6}}", find_pairs, is_named=6),
    Rule(rf"--[a-z-]*(?i:{_PASSWORDS}|{_SECRETS}){_PASSED}{_SIX}", find_pairs, is_named=6),
    Rule(_SCHEME + _SIX, find_credentials, is_named=6),
)
