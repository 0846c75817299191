"""Takes a value as its declaration says: converts it, repairs what PostgreSQL would refuse, and cuts what is too long."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from ollive_sdk.events import Field

INTEGER_LIMIT = 2**31 - 1
MONEY_LIMIT = Decimal(10**7)
TEXT_LIMIT = 1_000_000  # characters of one text inside JSON
LIST_LIMIT = 10_000
DEPTH_LIMIT = 32
CUT = "…"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
DATA_URL = re.compile(r"data:[\w.+-]+/[\w.+-]+;base64,", re.ASCII)


class Refused(ValueError):
    """The value can't stand in its field; the message says why."""


def take(field: Field, value: Any) -> Any:
    """The value as its column wants it; texts keep their length, because they are cut only once they are redacted."""
    scalar = SCALARS.get(field.type)
    if scalar is not None:
        return scalar(value)
    if field.type == "choice":
        return _take_choice(field, value)
    if field.type == "json":
        return clean(value)
    if field.type == "texts":
        return [repair(str(element)) for element in _as_list(value)]
    return [_take_integer(element) for element in _as_list(value)]


def repair(text: str) -> str:
    """Text without what UTF-8 or PostgreSQL refuses: surrogate pairs are joined, lone ones and NUL replaced."""
    if "\0" in text:
        text = text.replace("\0", REPLACEMENT)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def clean(value: Any, depth: int = 0) -> Any:
    """JSON that is sure to be stored: repaired texts, bounded depth and length, images left out, nothing exotic."""
    if isinstance(value, str):
        return _bounded(_without_image(repair(value)))
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**63 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth >= DEPTH_LIMIT:
        return CUT
    if isinstance(value, Mapping):
        return {repair(str(key)): clean(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [clean(inner, depth + 1) for inner in value[:LIST_LIMIT]]
    return repair(str(value))


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters; a redaction marker is never cut in two."""
    if len(text) <= limit:
        return text
    kept = text[: limit - 1]
    opened = kept.rfind("[[")
    if opened >= 0 and "]]" not in kept[opened:] and len(kept) - opened < 40:
        kept = kept[:opened]
    return kept.rstrip("[") + CUT


def _bounded(text: str) -> str:
    """Cut between words: this text is not redacted yet, and half a secret would pass."""
    if len(text) <= TEXT_LIMIT:
        return text
    return f"{text[:TEXT_LIMIT].rpartition(' ')[0]} {CUT}"


def _without_image(text: str) -> str:
    """An inline image is kept as its media type: the log is for reading."""
    match = DATA_URL.match(text) if len(text) > 200 and text.startswith("data:") else None
    return f"{match[0]}{CUT}" if match else text


def _take_choice(field: Field, value: Any) -> str:
    if value not in field.choices:
        raise Refused(f"is not one of {', '.join(field.choices)}")
    return str(value)


def _take_text(value: Any) -> str:
    return repair(value if isinstance(value, str) else str(value))


def _take_uuid(value: Any) -> str:
    try:
        return str(value if isinstance(value, UUID) else UUID(str(value)))
    except ValueError:
        raise Refused("is not a UUID") from None


def _take_integer(value: Any) -> int:
    try:
        number = round(value) if isinstance(value, int | float) else int(value)
    except (TypeError, ValueError, OverflowError):
        raise Refused("is not a whole number") from None
    if not 0 <= number <= INTEGER_LIMIT:
        raise Refused(f"is not between 0 and {INTEGER_LIMIT}")
    return number


def _take_number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise Refused("is not a number") from None
    if not math.isfinite(number) or number < 0:
        raise Refused("is not a finite number from 0")
    return number


def _take_money(value: Any) -> str:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise Refused("is not an amount") from None
    if not amount.is_finite() or not 0 <= amount < MONEY_LIMIT:
        raise Refused(f"is not an amount from 0 to {MONEY_LIMIT}")
    return str(amount)


def _take_boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Refused("is neither true nor false")
    return value


def _take_timestamp(value: Any) -> str:
    """ISO 8601; without an offset it is taken as UTC."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        raise Refused("is not a time in ISO 8601") from None


def _as_list(value: Any) -> list[Any]:
    if not isinstance(value, list | tuple | set | frozenset):
        raise Refused("is not a list")
    return list(value)[:LIST_LIMIT]


SCALARS: Mapping[str, Callable[[Any], Any]] = {
    "text": _take_text,
    "uuid": _take_uuid,
    "integer": _take_integer,
    "number": _take_number,
    "money": _take_money,
    "boolean": _take_boolean,
    "timestamp": _take_timestamp,
}
