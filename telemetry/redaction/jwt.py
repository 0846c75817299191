"""JSON web tokens: what begins with a readable header."""

import base64
import json
import re
from collections.abc import Iterator

from telemetry.redaction.rules import Match, Rule, Subject

_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{5,}")
_REST = re.compile(r"\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){0,3}")
_TAIL = re.compile(r"[A-Za-z0-9_.=-]*")
_HEADER_NAMES = frozenset({"alg", "typ", "enc", "kid"})
_HEADER_START = re.compile(rb'\{\s*"(?:alg|typ|enc|kid|cty|jku|jwk|x5[a-zA-Z#0-9]*|zip|crit|ver|nonce|iss|b64|epk)"\s*:')


def find_tokens(subject: Subject) -> Iterator[Match]:
    """Header and payload with or without a signature. In a cut island the beginning of a header is enough."""
    text, position = subject.text, subject.start
    while header := _TOKEN.search(text, position):
        start, position = header.start(), header.end()
        rest = _REST.match(text, header.end())
        if rest and is_header(header[0]):
            position = rest.end()
            yield Match(start, position, "JWT", 1, _TAIL if subject.is_cut and position == len(text) else None)
        elif subject.is_cut and max(header.end(), rest.end() if rest else 0) == len(text) and _begins_header(header[0]):
            yield Match(start, len(text), "JWT", 1, _TAIL)


def is_header(value: str) -> bool:
    """Whether this decodes to the header of a token."""
    try:
        header = json.loads(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
    except (ValueError, RecursionError):
        return False
    return isinstance(header, dict) and not _HEADER_NAMES.isdisjoint(header)


def _begins_header(value: str) -> bool:
    whole = value[: len(value) // 4 * 4]
    return _HEADER_START.match(base64.urlsafe_b64decode(whole)) is not None


RULES = (Rule(r"eyJ[A-Za-z0-9_-]{5,}", find_tokens),)
