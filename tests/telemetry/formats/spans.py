"""Spans to read, with what a test doesn't care for filled in."""

from typing import Any

from telemetry.formats import traces
from telemetry.formats.otlp import Span, SpanEvent

BEGAN = 1_795_266_650_000_000_000
MS = 1_000_000


def span(attributes: dict[str, Any] | None = None, *events: tuple[str, int, dict[str, Any]], **fields: Any) -> Span:
    """A span of 1.5 s; `events` are (name, milliseconds from the start, attributes)."""
    told: dict[str, Any] = {
        "trace_id": "a" * 32,
        "span_id": "b" * 16,
        "parent_span_id": None,
        "name": "a span",
        "started_ns": BEGAN,
        "ended_ns": BEGAN + 1500 * MS,
        "attributes": attributes or {},
        "events": [SpanEvent(name, BEGAN + at * MS, inner) for name, at, inner in events],
    }
    return Span(**(told | fields))


def told_of(attributes: dict[str, Any] | None = None, *events: tuple[str, int, dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """The fields that such a span tells, with the phase among them."""
    told = traces.read(span(attributes, *events, **fields))
    return told.fields | {"phase": told.phase}


def of(told: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(told.get(name) for name in names)
