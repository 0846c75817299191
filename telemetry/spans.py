"""Steps around the calls (a tool's run, an agent's turn, a look-up): from loose fields to events, and from events to rows.

A step has one event. It is validated, repaired, redacted and cut as a call's events are, waits in the same inbox, and has its
identity in the same table. An LLM span that merely wraps another (a framework's around the client's) is a step too: else the
same call would be counted, and paid for, twice.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from django.db.backends.utils import CursorWrapper

from ollive_sdk.events import SPAN_FIELDS, Field, span_event_id
from telemetry import events, payloads, policies
from telemetry.events import BODY_LIMIT, JSON_LIMIT, PREVIEW, WITHHELD, Event, InvalidEvent, Payloads
from telemetry.models import Span
from telemetry.values import CUT, Refused, shorten, take

LONG_ATTRIBUTE = 500  # characters that are left of each text, where the attributes are too many to be kept whole
CONTENT = tuple(name for name, field in SPAN_FIELDS.items() if field.about.place == "payload")
PREVIEWS = tuple(f"{name}_preview" for name in CONTENT)
SENSITIVE = tuple(name for name, field in SPAN_FIELDS.items() if field.about.sensitive)
GIVEN = {name: field for name, field in SPAN_FIELDS.items() if field.sender != "server"}
COLUMNS = tuple(str(field.column) for field in Span._meta.concrete_fields)
TOLD = {*COLUMNS} & {*GIVEN}

WRITE = """
INSERT INTO span ({columns})
SELECT {columns} FROM json_populate_recordset(NULL::span, %s::json) ORDER BY workspace_id, received_at, id
ON CONFLICT (workspace_id, received_at, id) DO NOTHING
""".format(columns=", ".join(COLUMNS))

# Spans that wrap one another end, and so arrive, within moments; the bound spares the other days.
CHILDREN = """
SELECT log.workspace_id, log.trace_id, log.parent_span_id, coalesce(log.operation, '') = 'embeddings'
FROM inference_log AS log WHERE log.trace_id = ANY(%s::text[]) AND log.parent_span_id = ANY(%s::text[])
    AND log.received_at >= statement_timestamp() - interval '1 hour'
"""

Key = tuple[UUID, UUID]  # workspace, step
Place = tuple[UUID, str | None, str, bool]  # workspace, trace, span, whether it is of embeddings


def build(given: Mapping[str, Any], *, payloads: Payloads | None = None) -> Event:
    """A step's event from loose fields, as the ingesting doors have them. `payloads` may ask for less than is kept.

    Raises InvalidEvent where it can't be identified; any other value that can't be taken is left out and named in `problems`.
    """
    fields, problems = _validate(given)
    rules = policies.rules_of(UUID(fields["workspace_id"]))
    policy = policies.kept(rules.policy, payloads)
    if policy == "none":
        events.drop(fields, (*CONTENT, *PREVIEWS))
    redacted = redact_fields(fields, rules)
    _add_previews(redacted)
    if policy == "preview":
        events.drop(redacted, CONTENT)
    _measure(redacted)
    cut = [*problems, *events.shorten_all(redacted, SPAN_FIELDS, _shortened)]
    identity = UUID(redacted["id"])
    body = redacted | {"phase": "span", "redaction_version": rules.version, "cut_fields": cut or None}
    return Event(
        workspace_id=UUID(redacted["workspace_id"]),
        inference_id=identity,
        event_id=span_event_id(identity),
        body=_encode(body),
        problems=tuple(f"{name} {reason}" for name, reason in problems.items()),
    )


def redact_fields(fields: Mapping[str, Any], rules: policies.Rules | None = None) -> dict[str, Any]:
    """The same fields with the sensitive ones redacted, by the rules of their workspace; withheld where the redactor fails."""
    sensitive = {name: fields[name] for name in SENSITIVE if fields.get(name) is not None}
    if not sensitive:
        return dict(fields)
    redacted = events.redact_fields({"workspace_id": fields.get("workspace_id"), "messages": sensitive}, rules)["messages"]
    return dict(fields) | (redacted if isinstance(redacted, dict) else dict.fromkeys(sensitive, WITHHELD))


def find_wrappers(calls: Mapping[Key, Sequence[Mapping[str, Any]]], new: set[Key], cursor: CursorWrapper) -> list[Key]:
    """Those of the `new` calls whose span is the parent of another call's: of this batch, or stored in the last hour."""
    asked: dict[Place, Key] = {}
    for key in new:
        (*others, event) = calls[key]
        if event.get("source") == "otlp" and event.get("trace_id") and event.get("span_id") and not others:
            asked[_place(key[0], event, "span_id")] = key
    if not asked:
        return []
    told = [(key[0], event) for key, each in calls.items() for event in each]
    parents = {_place(workspace, event, "parent_span_id") for workspace, event in told if event.get("parent_span_id")}
    cursor.execute(CHILDREN, [[place[1] for place in asked], [place[2] for place in asked]])
    parents |= set(cursor.fetchall())
    return sorted(key for place, key in asked.items() if place in parents)


def from_call(event: Mapping[str, Any]) -> dict[str, Any]:
    """The step that a call's event makes, where the call is told of by another span already."""
    step = {name: value for name, value in event.items() if name in TOLD - {"inference_id"}}
    attributes = dict(event["metadata"]) if isinstance(event.get("metadata"), dict) else {}
    told = ("provider", "model", "served_model", "usage", "input_tokens", "output_tokens", "reported_cost_usd")
    step |= {
        "id": event["inference_id"],
        "kind": "chain",
        "name": attributes.get("span.name") or event.get("operation"),
        "attributes": attributes | {name: event[name] for name in told if name in event},
        "arguments_preview": event.get("input_preview"),
        "result_preview": event.get("output_preview"),
        "arguments": event.get("messages"),
        "result": event.get("reply"),
        "cut_fields": event.get("cut_fields"),
        "redaction_version": event.get("redaction_version"),
    }
    return {name: value for name, value in step.items() if value is not None}


def pack(
    steps: Mapping[Key, Mapping[str, Any]], received: Mapping[Key, datetime]
) -> tuple[list[dict[str, Any]], payloads.Pieces]:
    """The rows that the steps' events make, and the pieces of content that they refer to."""
    rows: list[dict[str, Any]] = []
    pieces: payloads.Pieces = {}
    for key, step in steps.items():
        workspace_id, identity = key
        packed = payloads.pack(workspace_id, {name: step[name] for name in CONTENT if name in step})
        parts, refs = payloads.join(None, None, packed)
        day = received[key].astimezone(UTC).date()
        pieces |= {(day, workspace_id, digest): piece for digest, piece in packed.pieces.items()}
        rows.append(
            dict(step)
            | {
                "id": str(identity),
                "workspace_id": str(workspace_id),
                "received_at": received[key].isoformat(),
                "payload_parts": parts,
                "payload_refs": refs,
            }
        )
    return rows, pieces


def write(rows: Sequence[Mapping[str, Any]], cursor: CursorWrapper) -> int:
    """Insert the rows that are not there yet; returns how many."""
    if not rows:
        return 0
    cursor.execute(WRITE, [orjson.dumps(rows).decode()])
    return int(cursor.rowcount)


def _place(workspace_id: UUID, event: Mapping[str, Any], span: str) -> Place:
    return workspace_id, event.get("trace_id"), event[span], event.get("operation") == "embeddings"


def _validate(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    if unknown := given.keys() - GIVEN.keys():
        raise InvalidEvent(min(unknown), "is not a declared field")
    fields: dict[str, Any] = {"kind": "other", "status": "success"}
    problems: dict[str, str] = {}
    for name, value in given.items():
        if value is None:
            continue
        try:
            fields[name] = take(GIVEN[name], value)
        except Refused as refusal:
            if name in {"id", "workspace_id"}:
                raise InvalidEvent(name, str(refusal)) from None
            problems[name] = str(refusal)
    for name in ("id", "workspace_id"):
        if name not in fields:
            raise InvalidEvent(name, "is missing")
    return fields, problems


def _add_previews(fields: dict[str, Any]) -> None:
    """Made of redacted content, as a call's are. Content that its preview shows whole is not kept twice."""
    for name, content in zip(PREVIEWS, CONTENT, strict=True):
        value = fields.get(content)
        text = fields.get(name) or (value if isinstance(value, str) or value is None else orjson.dumps(value).decode())
        if not text:
            continue
        fields[name] = shorten(" ".join(text[: 4 * PREVIEW].split()), PREVIEW)
        if fields[name] == value:
            del fields[content]


def _measure(fields: dict[str, Any]) -> None:
    started, ended = fields.get("started_at"), fields.get("ended_at")
    if fields.get("latency_ms") is None and started and ended:
        took = datetime.fromisoformat(ended) - datetime.fromisoformat(started)
        fields["latency_ms"] = min(max(0, round(took.total_seconds() * 1000)), 2**31 - 1)


def _shortened(field: Field, value: Any) -> Any:
    """The value itself, or a shorter one."""
    if field.type == "text" and len(value) > field.about.limit:
        return shorten(value, field.about.limit)
    if field.type == "json" and field.about.place == "row" and len(orjson.dumps(value)) > JSON_LIMIT:
        shorter = {name: _shown(inner) for name, inner in value.items()} if isinstance(value, dict) else CUT
        return shorter if len(orjson.dumps(shorter)) <= JSON_LIMIT else CUT
    return value


def _shown(value: Any) -> Any:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return shorten(text, LONG_ATTRIBUTE) if len(text) > LONG_ATTRIBUTE else value


def _encode(body: dict[str, Any]) -> str:
    present = {name: value for name, value in body.items() if value is not None}
    encoded = orjson.dumps(present)
    if len(encoded) > BODY_LIMIT:
        kept = {name: value for name, value in present.items() if name not in CONTENT}
        encoded = orjson.dumps(kept | {"cut_fields": [*kept.get("cut_fields", []), *sorted(present.keys() & set(CONTENT))]})
    return encoded.decode()
