"""Structured values, redacted: keys too, numbers that are cards or phones, JSON inside strings."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from telemetry.redaction.withholding import WITHHELD, withhold_on_error

if TYPE_CHECKING:
    from telemetry.redaction.redactor import Redacted


class Redacting(Protocol):
    """What makes one text safe: a `Redactor`, or a `Mask`."""

    def redact(self, text: str, before: str = "") -> "Redacted": ...


DEPTH_LIMIT = 60
LONG_NUMBER = 10**8  # shorter ones are no one's number


def redact_document(value: Any, redactor: Redacting) -> Any:
    """The same value with every text in it redacted; shapes are kept, a number that is a card or phone becomes its marker.

    A field's name is read as context: `{"password": "hunter2"}`. What is neither text, number nor container stays itself,
    unless its text has something to remove. Never raises.
    """
    return withhold_on_error(lambda: _walk(value, redactor, before="", depth=0), WITHHELD)


def _walk(value: Any, redactor: Redacting, *, before: str, depth: int) -> Any:
    if depth > DEPTH_LIMIT:
        return WITHHELD
    if isinstance(value, str):
        return _redact_text(value, redactor, before=before, depth=depth)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, Mapping):
        return _redact_mapping(value, redactor, depth=depth)
    if isinstance(value, list | tuple | set | frozenset):
        items = [_walk(item, redactor, before=before, depth=depth + 1) for item in value]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, int) and abs(value) < LONG_NUMBER:
        return value
    text = value.decode("utf-8", "replace") if isinstance(value, bytes | bytearray) else str(value)
    redacted = redactor.redact(text, before)
    return redacted.text if redacted.kinds else value


def _redact_mapping(value: Mapping[Any, Any], redactor: Redacting, *, depth: int) -> dict[Any, Any]:
    redacted: dict[Any, Any] = {}
    for name, inner in value.items():
        key = _walk(name, redactor, before="", depth=depth + 1)
        unique, count = key, 1
        while unique in redacted:
            count += 1
            unique = f"{key} {count}"
        redacted[unique] = _walk(inner, redactor, before=f'"{name}": "', depth=depth + 1)
    return redacted


def _redact_text(text: str, redactor: Redacting, *, before: str, depth: int) -> str:
    if text.lstrip()[:1] in {"{", "["}:
        text = _redact_json_text(text, redactor, depth=depth)
    return redactor.redact(text, before).text


def _redact_json_text(text: str, redactor: Redacting, *, depth: int) -> str:
    """JSON with its values redacted, spelled anew only if something was removed: escapes may hide what plain rules see."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    walked = _walk(value, redactor, before="", depth=depth + 1)
    return text if walked == value else json.dumps(walked, ensure_ascii=False)
