"""OTLP/HTTP's request for traces, protobuf or JSON, read into spans one by one: what is wrong with one costs only that one.

The protobuf is opened in two steps, because a single bad byte in one span makes the whole message unreadable: the envelopes
first, which hold their parts as bytes, then each span by itself.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Wire
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

from telemetry.formats.json_text import load
from telemetry.formats.told import Malformed, Unreadable
from telemetry.values import CUT

DEPTH_LIMIT = 32
SPAN_BYTES = 4 * 1024 * 1024
ENVELOPES_LIMIT = 10_000
EVENT_LIMIT = 1_000  # of one span; a stream of tokens may send one each
ERROR = 2
STATUS_NAMES = {"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": ERROR}
ENVELOPES: dict[str, dict[str, tuple[int, int, int]]] = {  # by field: its number, type and label
    "Request": {"resource_spans": (1, Wire.TYPE_BYTES, Wire.LABEL_REPEATED)},
    "ResourceSpans": {
        "resource": (1, Wire.TYPE_BYTES, Wire.LABEL_OPTIONAL),
        "scope_spans": (2, Wire.TYPE_BYTES, Wire.LABEL_REPEATED),
    },
    "ScopeSpans": {
        "scope": (1, Wire.TYPE_BYTES, Wire.LABEL_OPTIONAL),
        "spans": (2, Wire.TYPE_BYTES, Wire.LABEL_REPEATED),
    },
    "Status": {"message": (2, Wire.TYPE_STRING, Wire.LABEL_OPTIONAL)},
}


@dataclass(slots=True)
class SpanEvent:
    """Something that happened during a span, at a time in nanoseconds."""

    name: str
    at_ns: int
    attributes: dict[str, Any]


@dataclass(slots=True)
class Span:
    """A span in plain values: ids in lower-case hexadecimal, times in nanoseconds, 0 for none."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    started_ns: int
    ended_ns: int
    attributes: dict[str, Any]
    events: list[SpanEvent] = field(default_factory=list)
    links: list[dict[str, str]] = field(default_factory=list)
    is_error: bool = False
    status_message: str = ""
    resource: Mapping[str, Any] = field(default_factory=dict)
    scope: Mapping[str, Any] = field(default_factory=dict)


def read_protobuf(body: bytes) -> Iterator[Span | Unreadable]:
    """The spans of a request, in their order. Raises Malformed at once where its envelopes are broken."""
    try:
        resources = [_open("ResourceSpans", raw) for raw in _bounded(_open("Request", body).resource_spans)]
        opened = [(resource, [_open("ScopeSpans", raw) for raw in _bounded(resource.scope_spans)]) for resource in resources]
    except DecodeError:
        raise Malformed("The body is not an ExportTraceServiceRequest: it is broken or cut off.") from None
    return _spans_of_protobuf(opened)


def read_json(body: bytes) -> Iterator[Span | Unreadable]:
    """The same of the JSON mapping: names in camelCase or snake_case, ids in hexadecimal or base64, numbers also as text."""
    request = load(body)
    resources = _get(request, "resourceSpans") if isinstance(request, Mapping) else None
    if not isinstance(resources, list):
        raise Malformed("The body has no list resourceSpans.")
    return _spans_of_json(resources)


def answer(rejected_count: int, message: str, *, is_json: bool) -> bytes:
    """The response that the specification asks for, in the request's own encoding."""
    if is_json:
        partial = {"rejectedSpans": str(rejected_count), "errorMessage": message}
        return orjson.dumps({"partialSuccess": partial} if rejected_count or message else {})
    response = ExportTraceServiceResponse()
    if rejected_count or message:
        response.partial_success.rejected_spans = rejected_count
        response.partial_success.error_message = message
    return response.SerializeToString()


def refusal(message: str, *, is_json: bool) -> bytes:
    """The `Status` that the specification asks for where the whole request fails."""
    if is_json:
        return orjson.dumps({"message": message})
    return _envelopes()["Status"](message=message).SerializeToString()


def _bounded(parts: Any) -> Any:
    """Empty envelopes are two bytes each: as objects they would fill the memory."""
    if len(parts) > ENVELOPES_LIMIT:
        raise Malformed(f"Send at most {ENVELOPES_LIMIT} resources, and as many scopes of each, at once.")
    return parts


def _spans_of_protobuf(opened: list[tuple[Any, list[Any]]]) -> Iterator[Span | Unreadable]:
    for resource_spans, scopes in opened:
        resource = _part(Resource, resource_spans.resource)
        for scope_spans in scopes:
            scope = _part(InstrumentationScope, scope_spans.scope)
            for raw in scope_spans.spans:
                if len(raw) > SPAN_BYTES:
                    yield Unreadable("too_large", f"The span is larger than {SPAN_BYTES} bytes.")
                    continue
                try:
                    yield _span_of_protobuf(WireSpan.FromString(raw), resource, scope)
                except DecodeError:
                    yield Unreadable("malformed", "The span can't be decoded.")
                except Unreadable as error:
                    yield error


def _part(kind: type[Resource] | type[InstrumentationScope], raw: bytes) -> dict[str, Any]:
    """A resource's or a scope's attributes; none where they can't be read: its spans tell of calls all the same."""
    try:
        part = kind.FromString(raw)
    except DecodeError:
        return {}
    attributes = {pair.key: _value(pair.value) for pair in part.attributes}
    if isinstance(part, InstrumentationScope):
        attributes |= {name: text for name, text in (("name", part.name), ("version", part.version)) if text}
    return attributes


def _span_of_protobuf(wire: WireSpan, resource: dict[str, Any], scope: dict[str, Any]) -> Span:
    return Span(
        trace_id=_id(wire.trace_id, 16, "trace"),
        span_id=_id(wire.span_id, 8, "span"),
        parent_span_id=_parent(wire.parent_span_id),
        name=wire.name,
        started_ns=wire.start_time_unix_nano,
        ended_ns=wire.end_time_unix_nano,
        attributes={pair.key: _value(pair.value) for pair in wire.attributes},
        events=[
            SpanEvent(event.name, event.time_unix_nano, {pair.key: _value(pair.value) for pair in event.attributes})
            for event in wire.events[:EVENT_LIMIT]
        ],
        links=[{"trace_id": link.trace_id.hex(), "span_id": link.span_id.hex()} for link in wire.links[:EVENT_LIMIT]],
        is_error=wire.status.code == ERROR,
        status_message=wire.status.message,
        resource=resource,
        scope=scope,
    )


def _value(value: AnyValue, depth: int = 0) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if depth >= DEPTH_LIMIT:
        return CUT
    if kind == "array_value":
        return [_value(inner, depth + 1) for inner in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: _value(pair.value, depth + 1) for pair in value.kvlist_value.values}
    plain = getattr(value, kind)
    return base64.b64encode(plain).decode() if kind == "bytes_value" else plain


def _spans_of_json(resources: list[Any]) -> Iterator[Span | Unreadable]:
    for resource_spans in resources:
        resource = _attributes(_get(_get(resource_spans, "resource"), "attributes"))
        for scope_spans in _list(_get(resource_spans, "scopeSpans")):
            told = _get(scope_spans, "scope")
            scope = _attributes(_get(told, "attributes"))
            scope |= {name: text for name in ("name", "version") if (text := _text(_get(told, name)))}
            for raw in _list(_get(scope_spans, "spans")):
                try:
                    yield _span_of_json(raw, resource, scope)
                except Unreadable as error:
                    yield error


def _span_of_json(raw: Any, resource: dict[str, Any], scope: dict[str, Any]) -> Span:
    if not isinstance(raw, Mapping):
        raise Unreadable("malformed", "The span is not an object.")
    status = _get(raw, "status")
    code = _get(status, "code")
    return Span(
        trace_id=_id(_bytes(_get(raw, "traceId"), 16), 16, "trace"),
        span_id=_id(_bytes(_get(raw, "spanId"), 8), 8, "span"),
        parent_span_id=_parent(_bytes(_get(raw, "parentSpanId"), 8)),
        name=_text(_get(raw, "name")),
        started_ns=_integer(_get(raw, "startTimeUnixNano")),
        ended_ns=_integer(_get(raw, "endTimeUnixNano")),
        attributes=_attributes(_get(raw, "attributes")),
        events=[
            SpanEvent(_text(_get(event, "name")), _integer(_get(event, "timeUnixNano")), _attributes(_get(event, "attributes")))
            for event in _list(_get(raw, "events"))[:EVENT_LIMIT]
        ],
        links=[
            {"trace_id": _bytes(_get(link, "traceId"), 16).hex(), "span_id": _bytes(_get(link, "spanId"), 8).hex()}
            for link in _list(_get(raw, "links"))[:EVENT_LIMIT]
        ],
        is_error=(STATUS_NAMES.get(code) if isinstance(code, str) and code in STATUS_NAMES else _integer(code)) == ERROR,
        status_message=_text(_get(status, "message")),
        resource=resource,
        scope=scope,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {
        _text(pair.get("key")): _json_value(pair.get("value"))
        for pair in _list(pairs)
        if isinstance(pair, Mapping) and pair.get("key") is not None
    }


def _json_value(value: Any, depth: int = 0) -> Any:
    """An AnyValue; what is none is kept as it came."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return None if value == {} else value
    ((kind, plain),) = value.items()
    if depth >= DEPTH_LIMIT:
        return CUT
    if kind in {"arrayValue", "array_value"}:
        return [_json_value(inner, depth + 1) for inner in _list(_get(plain, "values"))]
    if kind in {"kvlistValue", "kvlist_value"}:
        pairs = [pair for pair in _list(_get(plain, "values")) if isinstance(pair, Mapping)]
        return {_text(pair.get("key")): _json_value(pair.get("value"), depth + 1) for pair in pairs}
    if kind in {"intValue", "int_value"} and isinstance(plain, str):
        return _integer(plain, plain)
    return plain if kind.removesuffix("Value").removesuffix("_value") in {"string", "bool", "int", "double", "bytes"} else value


def _get(container: Any, name: str) -> Any:
    """A field by its name in camelCase, else in snake_case; None where there is none."""
    if not isinstance(container, Mapping):
        return None
    found = container.get(name)
    if found is None and not name.islower():
        found = container.get("".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name))
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _integer(value: Any, default: Any = 0) -> Any:
    """A whole number, sent as one or as its digits."""
    if isinstance(value, str):
        digits = value.removeprefix("-")
        return int(value) if digits.isascii() and digits.isdigit() and len(digits) < 20 else default
    return int(value) if isinstance(value, int | float) and abs(value) < 2**64 else default


def _bytes(value: Any, length: int) -> bytes:
    """An id in hexadecimal, as OTLP says, or in base64, as protobuf's own mapping says; empty when it is neither."""
    if not isinstance(value, str):
        return b""
    try:
        if len(value) == 2 * length:
            return bytes.fromhex(value)
        return base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        return b""


def _id(raw: bytes, length: int, name: str) -> str:
    if len(raw) != length or not any(raw):
        raise Unreadable(f"invalid_{name}_id", f"The {name} id is missing, or not {length} bytes.")
    return raw.hex()


def _parent(raw: bytes) -> str | None:
    """A parent that can't be right is none: the span tells of itself all the same."""
    return raw.hex() if len(raw) == 8 and any(raw) else None


def _open(name: str, raw: bytes) -> Any:
    return _envelopes()[name].FromString(raw)


@cache
def _envelopes() -> dict[str, type[Message]]:
    """Messages with the numbers of OTLP's own, whose parts stay closed; and google.rpc.Status."""
    file = descriptor_pb2.FileDescriptorProto(name="ollive/envelopes.proto", package="ollive.envelopes", syntax="proto3")
    for name, parts in ENVELOPES.items():
        message = file.message_type.add(name=name)
        for part, (number, kind, label) in parts.items():
            message.field.add(name=part, number=number, type=kind, label=label)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"ollive.envelopes.{name}")) for name in ENVELOPES}
