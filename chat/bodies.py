"""What programs send to the doors, read and checked; and what their fields may be."""

import re
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
import orjson
from msgspec import Meta

from accounts.entrance import Refused
from accounts.storable import without_nul
from chat.metadata import checked

Text = Annotated[str, Meta(min_length=1, max_length=100_000)]
Provider = Annotated[str, Meta(max_length=50)]
Model = Annotated[str, Meta(max_length=300)]
Temperature = Annotated[float, Meta(ge=0, le=2)]
Limit = Annotated[int, Meta(ge=1, le=32_000)]
T = TypeVar("T")
_WHERE = re.compile(r"(.*?)(?: - at `\$\.?(.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(\w+)`")


def read(body: bytes, kind: type[T], *, status: int = 422) -> T:
    """The body as this type; `status` is of what isn't as it must be. Raises `Refused`."""
    return as_kind(parsed(body), kind, status=status)


def parsed(body: bytes) -> dict[str, Any]:
    """The body's JSON object; an empty one where there is no body. Raises `Refused` (400)."""
    try:
        given = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError:
        raise Refused(400, "invalid_json", "We could not parse the JSON body of your request.") from None
    if not isinstance(given, dict):
        raise Refused(400, "invalid_json", "The body of your request is not a JSON object.")
    return without_nul(given) if b"\\u0000" in body else given


def queried(query: str, kind: type[T]) -> T:
    """The query's fields as this type. Raises `Refused` (422)."""
    try:
        given = dict(parse_qsl(query, max_num_fields=50, errors="strict"))
    except (ValueError, UnicodeDecodeError):
        raise Refused(422, "invalid_query", "The query of this address cannot be read: it must be UTF-8.") from None
    return as_kind(without_nul(given), kind, status=422, strict=False)


def as_kind(given: dict[str, Any], kind: type[T], *, status: int, strict: bool = True) -> T:
    try:
        if given.get("metadata"):
            checked(given["metadata"])
        return msgspec.convert(given, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), status) from None
    except ValueError as error:
        raise Refused(status, "invalid_value", f"{str(error).capitalize()}.", param="metadata") from None


def _refusal(told: str, status: int) -> Refused:
    if missing := _MISSING.match(told):
        return Refused(status, "missing_required_parameter", f"Missing required parameter: '{missing[1]}'.", param=missing[1])
    found = _WHERE.fullmatch(told)
    what, where = (found[1], found[2]) if found else (told, None)
    code = "invalid_type" if ", got " in what else "invalid_value"
    return Refused(status, code, f"Invalid value for '{where}'. {what}." if where else f"{what}.", param=where)
