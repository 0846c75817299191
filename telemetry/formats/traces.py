"""From a span to a call or to a step around calls, whichever conventions it follows; often it follows several at once.

A span of a model's call becomes a call. Its identity follows from trace and span id, so that a resend is stored once. Everything
else becomes a step. What no convention knows stays: in a call's metadata, in a step's attributes, under its own name.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from ollive_sdk.events import FIELDS
from telemetry.formats import genai, openinference, traceloop
from telemetry.formats.attributes import Attributes, listed, parsed, take, text
from telemetry.formats.otlp import Span
from telemetry.formats.providers import error_class, is_cancellation
from telemetry.formats.told import Told, identify, milliseconds, moment
from telemetry.values import CUT

CHUNKS = {"gen_ai.content.completion.chunk", "llm.content.completion.chunk"}
FIRST_TOKEN = {"First Token Stream Event", "first_token", "gen_ai.first_token", "ai.stream.firstChunk", *CHUNKS}
TIMES_KEPT = 64
TIMES = ("started_at", "first_token_at", "ended_at")
SHORT_TEXT = 100  # characters that a name or a number may have
LONG_TEXT = 4_000  # characters of what no convention knows; the whole is bounded too, and goes where it is longer
READ_EVENTS = ("gen_ai.", "exception", "llm.content.")
CLIENTS = {field.about.otel: name for name, field in FIELDS.items() if field.sender == "client"}
OWN = {otel: name for otel, name in CLIENTS.items() if otel.startswith("ollive.")}
RESOURCE = ("service.name", "service.version", "deployment.environment", "telemetry.sdk.")


def read(span: Span) -> Told:
    """What a span tells."""
    attributes = dict(span.attributes)
    kind = _kind(attributes)
    fields = _read_call(span, attributes) if kind == "call" else {"kind": kind} | _read_step(attributes)
    fields |= _common(span, attributes, fields)
    rest = {name: _bounded(value) for name, value in (attributes | _surroundings(span)).items()}
    fields |= {name: fields[name].isoformat() for name in TIMES if fields.get(name)}
    if kind == "call":
        metadata = fields.get("metadata")
        fields["metadata"] = rest | (dict(metadata) if isinstance(metadata, Mapping) else {})
        fields["inference_id"] = fields.get("inference_id") or identify(span.trace_id, span.span_id)
        if not span.ended_ns:  # some exporters tell of a span when it begins, and again when it ends
            return Told(span.span_id, "started", _present(fields) | {"status": "in_progress"})
        return Told(span.span_id, "finished", _present(fields))
    fields |= {"id": identify(span.trace_id, span.span_id), "name": fields.get("name") or span.name, "attributes": rest}
    return Told(span.span_id, "span", _present(fields))


def without_texts(told: Told) -> Told:
    """The same without long texts among what no convention knows, for keys that keep no content."""
    name = "attributes" if told.phase == "span" else "metadata"
    kept = {key: value for key, value in told.fields.get(name, {}).items() if len(str(value)) <= SHORT_TEXT}
    return Told(told.name, told.phase, told.fields | {name: kept})


def _kind(attributes: Attributes) -> str:
    told = openinference.kind_of(attributes)
    if told is None:
        by_model, by_workflow = genai.kind_of(attributes), traceloop.kind_of(attributes)
        is_step = by_model == "call" and by_workflow not in {None, "call"}  # a workflow may repeat its model's name
        told = by_workflow if is_step else by_model or by_workflow
    return told or "other"


def _read_call(span: Span, attributes: Attributes) -> dict[str, Any]:
    """All conventions, the most particular first: one that says nothing leaves the word to the next."""
    spoken = _families(attributes)
    told = []
    if "ollive" in spoken:
        told.append({name: take(attributes, otel) for otel, name in OWN.items()})
    if "openinference.span.kind" in attributes:
        told.append(openinference.read_call(attributes))
    if "gen_ai" in spoken or any(event.name.startswith("gen_ai.") for event in span.events):
        told.append(genai.read_call(attributes, span.events))
    if spoken & {"llm", "traceloop"}:
        told.append(traceloop.read_call(attributes))
    fields = _merged(told)
    fields["operation"] = fields.get("operation") or "chat"
    fields |= _timing(span, fields)
    return fields


def _read_step(attributes: Attributes) -> dict[str, Any]:
    spoken = _families(attributes)
    told = [{"inference_id": text(take(attributes, "ollive.inference.id"))}]
    if "openinference.span.kind" in attributes:
        told.append(openinference.read_step(attributes))
    if "gen_ai" in spoken:
        told.append(genai.read_step(attributes))
    if "traceloop" in spoken:
        told.append(traceloop.read_step(attributes))
    return _merged(told)


def _families(attributes: Attributes) -> set[str]:
    """The first words of the attributes' names."""
    return {name.partition(".")[0] for name in attributes}


def _merged(told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What each tells, unless one before it has told it."""
    fields: dict[str, Any] = {}
    for each in told:
        fields |= {name: value for name, value in _present(each).items() if name not in fields}
    return fields


def _common(span: Span, attributes: Attributes, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What calls and steps have alike."""
    tags = [str(tag) for tag in listed(take(attributes, "tag.tags")) if text(tag)]
    metadata = parsed(take(attributes, "metadata")) if fields.get("kind") is None else None
    common = {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_span_id": span.parent_span_id,
        "started_at": moment(span.started_ns),
        "ended_at": moment(span.ended_ns),
        "latency_ms": milliseconds(span.started_ns, span.ended_ns),
        "session_id": text(take(attributes, "session.id")) or fields.get("session_id"),
        "end_user": text(take(attributes, "user.id", "enduser.id")) or fields.get("end_user"),
        "app": text(span.resource.get("service.name")),
        "version": text(span.resource.get("service.version")),
        "environment": text(span.resource.get("deployment.environment.name") or span.resource.get("deployment.environment")),
        "sdk_version": _client(span),
        **_ending(span, attributes),
    }
    if fields.get("kind") is None:
        common |= {"tags": tags or None, "metadata": metadata}
    return common


def _ending(span: Span, attributes: Attributes) -> dict[str, Any]:
    """How it ended: by the span's status, and by the exception that it recorded."""
    thrown = next((event.attributes for event in reversed(span.events) if event.name == "exception"), {})
    told_type = text(take(attributes, "error.type"))
    name = text(thrown.get("exception.type")) or told_type
    message = text(thrown.get("exception.message")) or span.status_message or None
    if not span.is_error and not told_type:
        return {"status": "success"}
    if is_cancellation(name) or is_cancellation(told_type):
        return {"status": "canceled", "error_message": message}
    code = text(take(attributes, "http.response.status_code", "http.status_code", "exception.code"))
    found = error_class(told_type, name, code, message) or "error"
    return {"status": "error", "error_class": found, "error_code": code, "error_message": message}


def _timing(span: Span, fields: Mapping[str, Any]) -> dict[str, Any]:
    """When the first token came, and some of the others: from the events that a stream's pieces leave."""
    started = moment(span.started_ns)
    first = min((event.at_ns for event in span.events if event.name in FIRST_TOKEN and event.at_ns), default=0)
    ttft = fields.get("ttft_ms")
    if ttft is None and first:
        ttft = milliseconds(span.started_ns, first)
    if ttft is None:
        return {}
    pieces = sorted(event.at_ns for event in span.events if event.name in CHUNKS and event.at_ns)
    step = max(1, -(-len(pieces) // TIMES_KEPT))
    times = [milliseconds(span.started_ns, at) for at in pieces[::step]]
    return {
        "ttft_ms": ttft,
        "first_token_at": moment(first) or (started + timedelta(milliseconds=ttft) if started else None),
        "is_stream": True if fields.get("is_stream") is None else fields["is_stream"],
        "token_times_ms": [at for at in times if at is not None] or None,
    }


def _surroundings(span: Span) -> dict[str, Any]:
    """What stays of the span around its attributes."""
    rest: dict[str, Any] = {"span.name": span.name} if span.name else {}
    resource = {name: value for name, value in span.resource.items() if not name.startswith(RESOURCE)}
    rest |= {f"resource.{name}": value for name, value in resource.items()}
    rest |= {f"otel.scope.{name}": value for name, value in span.scope.items() if name not in {"name", "version"}}
    thrown = next((event.attributes for event in reversed(span.events) if event.name == "exception"), {})
    rest |= {name: value for name, value in thrown.items() if name in {"exception.type", "exception.stacktrace"}}
    events = [
        {"name": event.name, "at": str(moment(event.at_ns) or ""), **event.attributes}
        for event in span.events
        if not event.name.startswith(READ_EVENTS) and event.name not in FIRST_TOKEN
    ]
    if events:
        rest["span.events"] = events
    if span.links:
        rest["span.links"] = span.links
    return rest


def _bounded(value: Any) -> Any:
    """A long text is cut between words: it is not redacted yet, and half a secret would pass."""
    if not isinstance(value, str) or len(value) <= LONG_TEXT:
        return value
    return f"{value[:LONG_TEXT].rpartition(' ')[0]} {CUT}"


def _client(span: Span) -> str | None:
    """Which instrumentation sent it, else which SDK."""
    name, version = text(span.scope.get("name")), text(span.scope.get("version"))
    if name:
        return f"{name} {version}" if version else name
    return text(span.resource.get("telemetry.sdk.version"))


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value or not (value is None or isinstance(value, list | dict))}
