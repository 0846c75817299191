"""A program's JSON, read field by field: what is not taken here goes nowhere.

Whatever is wrong is a `Refused` (400) that names the field, in OpenAI's words for it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from accounts.entrance import Refused

MAX_DEPTH = 32
MAX_MESSAGES = 2_000
MAX_TOOLS = 128
MAX_OUTPUT_TOKENS = 1_000_000
MAX_METADATA = 16


class Fields:
    """The fields of a body."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = given

    @classmethod
    def of_body(cls, body: bytes) -> "Fields":
        """Raises `Refused` for what is no JSON object, or nested too deeply."""
        try:
            given = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Refused(400, "invalid_json", f"The body is not JSON: {error}.") from None
        if not isinstance(given, dict):
            raise Refused(400, "invalid_json", "The body must be a JSON object.")
        require_shallow(given)
        return cls(given)

    def text(self, name: str, *, is_needed: bool = False, limit: int = 300) -> str:
        """A text; empty where it is not given."""
        value = self._needed(name) if is_needed else self.given.get(name)
        if value is None:
            return ""
        if not isinstance(value, str) or len(value) > limit or (is_needed and not value.strip()):
            raise wrong(name, f"must be a text of {1 if is_needed else 0} to {limit:,} characters")
        return value

    def flag(self, name: str) -> bool:
        value = self.given.get(name)
        if value is not None and not isinstance(value, bool):
            raise wrong(name, "must be true or false")
        return bool(value)

    def whole(self, name: str, low: int, high: int) -> int | None:
        value = self.given.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise wrong(name, f"must be a whole number from {low:,} to {high:,}")
        return value

    def number(self, name: str, low: float, high: float) -> float | None:
        value = self.given.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise wrong(name, f"must be a number from {low:g} to {high:g}")
        return value

    def choice(self, name: str, choices: Sequence[str]) -> str | None:
        value = self.given.get(name)
        if value is not None and value not in choices:
            raise wrong(name, f"must be one of {', '.join(choices)}")
        return value

    def list_of(self, name: str, *, limit: int) -> list[Any]:
        """A list; empty where it is not given."""
        value = self.given.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > limit:
            raise wrong(name, f"must be a list of at most {limit:,}")
        return value

    def object_of(self, name: str) -> dict[str, Any]:
        """An object; empty where it is not given."""
        value = self.given.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise wrong(name, "must be an object")
        return value

    def stops(self, name: str) -> list[str]:
        """Where the reply shall stop: one text or a few."""
        value = self.given.get(name)
        stops = [value] if isinstance(value, str) else [] if value is None else value
        if (
            not isinstance(stops, list)
            or len(stops) > 16
            or not all(isinstance(stop, str) and len(stop) <= 500 for stop in stops)
        ):
            raise wrong(name, "must be a text, or a list of at most 16")
        return stops

    def labels(self, name: str = "metadata") -> dict[str, str]:
        """OpenAI's metadata: a few names with short texts, for the log alone."""
        found = self.object_of(name)
        if len(found) > MAX_METADATA or not all(isinstance(value, str) and len(value) <= 512 for value in found.values()):
            raise wrong(name, f"must hold at most {MAX_METADATA} texts of at most 512 characters")
        return found

    def _needed(self, name: str) -> Any:
        value = self.given.get(name)
        if value is None:
            raise Refused(400, "missing_required_parameter", f"Missing required parameter: '{name}'.", param=name)
        return value


def wrong(name: str, how: str) -> Refused:
    """The refusal of a field."""
    return Refused(400, "invalid_value", f"Invalid value: '{name}' {how}.", param=name)


def objects(values: Sequence[Any], name: str) -> Iterator[dict[str, Any]]:
    """The elements of a list, each of which must be an object."""
    for position, value in enumerate(values):
        if not isinstance(value, dict):
            raise wrong(f"{name}[{position}]", "must be an object")
        yield value


def require_shallow(value: Any) -> None:
    """Raise `Refused` for what is nested deeper than anybody means."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise Refused(400, "invalid_json", f"The body is nested more than {MAX_DEPTH} levels deep.")
        level = [inner for outer in level for inner in _inside(outer)]


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        return (inner for inner in value.values() if isinstance(inner, dict | list))
    return (inner for inner in value if isinstance(inner, dict | list))
