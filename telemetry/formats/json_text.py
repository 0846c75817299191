"""JSON from outside: read quickly where it is right, patiently where a lone surrogate or a stray byte is all that is wrong."""

import json
from typing import Any

import orjson

from telemetry.formats.told import Malformed


def load(body: bytes) -> Any:
    """The value. Raises Malformed for what is no JSON, or nested so deeply that nobody meant it."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise Malformed("The body is not JSON.") from None
