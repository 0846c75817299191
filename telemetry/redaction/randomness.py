"""Whether a value looks made by a machine to be secret, or is a word, a name in code, or a gap for a value."""

import math
import re
from collections import Counter

SHORTEST = 12  # characters of the shortest secret
_TEMPLATE = re.compile(
    r"[$%]?\{|\$\(|\$[A-Z][A-Z0-9_]*\Z|\$[a-z_]+\Z|%[(A-Z]|%s|<|\[\[|(?i:your|example|change|insert|replace)[_-]"
    r"|(?:process\.)?env\.|os\.environ|os\.getenv|getenv|ENV\[|(?:None|null|true|false|undefined)\Z"
)
_MASK = re.compile(r"[*xX.•_#0-]+\Z")
_SEPARATORS = re.compile(r"[-_./:~+=]+")
_WORD = re.compile(r"[A-Za-z]?[a-z]*|[A-Z]+|[0-9]{1,8}|[A-Za-z]{1,5}[0-9]{1,3}|[0-9]{1,3}[A-Za-z]{1,2}")
_LETTER = re.compile(r"[^\W\d_]")
_DIGIT = re.compile(r"[0-9]")


def is_template(value: str) -> bool:
    """`${SECRET}`, `{password}`, `<token>`, `****`: a gap for a value."""
    return _TEMPLATE.match(value) is not None or _MASK.match(value) is not None


def is_wordy(value: str) -> bool:
    """Words and small numbers with marks between: `prod-db-token-2024`, `self.access_token`, `GetSecretValue`."""
    return all(_WORD.fullmatch(part) or _is_joined_words(part) for part in _SEPARATORS.split(value))


def _is_joined_words(part: str) -> bool:
    """Words joined by their capitals; random letters have more of them."""
    return part.isalpha() and 4 * sum(map(str.isupper, part)) <= len(part)


def entropy(value: str) -> float:
    """Shannon's, in bits a character."""
    total = len(value)
    return -sum(count / total * math.log2(count / total) for count in Counter(value).values())


def is_plain(value: str) -> bool:
    """Too short, too uniform for a machine's secret. So is every part of it."""
    if len(value) < SHORTEST or len(set(value)) < 8 or not _LETTER.search(value):
        return True
    return not _DIGIT.search(value) and (value == value.lower() or value == value.upper())


def is_random(value: str, *, length: int, bits: float = 3.0) -> bool:
    """A machine's secret: long, mixed, and not made of words."""
    if len(value) < length or is_plain(value) or is_template(value):
        return False
    return entropy(value) >= bits and not is_wordy(value)
