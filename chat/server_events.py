"""Server-sent events: what streams to programs."""

from collections.abc import Mapping
from typing import Any

import orjson

PING = b": ping\n\n"
HEADERS = {"content-type": "text/event-stream", "cache-control": "no-cache", "x-accel-buffering": "no"}
DONE = b"data: [DONE]\n\n"  # as OpenAI ends a stream


def event(content: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(content) + b"\n\n"
