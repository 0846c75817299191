"""What the doors that declare nothing themselves offer, as OpenAPI operations."""

from typing import Any

from ollive import documented_gateway
from ollive.openapi_shapes import INTEGER, OBJECT, STRING, TEXT_OR_NULL, body, fields, listed

CALL = {
    "inference_id": "0193f0a2-6f7b-7c11-9d3e-2a51c0de4f10",
    "status": "success",
    "provider": "openai",
    "model": "gpt-4o-mini",
    "latency_ms": 1830,
    "input_tokens": 12,
    "output_tokens": 48,
    "messages": [{"role": "user", "content": "How do tides work?"}],
    "reply": "The moon pulls the water.",
}
ELEMENT = {"description": "An event. Whatever else it is, it is refused alone, and the answer says why."}
_REFUSAL = fields(["index", "id", "code", "message"], index=INTEGER, id=TEXT_OR_NULL, code=STRING, message=STRING)
_TAKEN = {
    "207": {
        "description": "What became of each; what is accepted or a duplicate is committed.",
        "content": {
            "application/json": {
                "schema": fields(
                    ["accepted", "duplicate", "rejected", "problems"],
                    accepted=INTEGER,
                    duplicate=INTEGER,
                    rejected=listed(_REFUSAL),
                    problems=listed(_REFUSAL),
                ),
                "example": {"accepted": 1, "duplicate": 0, "rejected": [], "problems": []},
            }
        },
    }
}
INGEST: dict[str, Any] = {
    "summary": "Hand in calls",
    "description": "Events as `ollive_sdk` declares them. Sending one again is safe; a bad one costs only itself.",
    "requestBody": body(fields(["events"], events=listed(ELEMENT, maxItems=5_000)), {"events": [CALL]}),
    "responses": _TAKEN,
}
LITELLM: dict[str, Any] = {
    "summary": "Hand in LiteLLM's calls",
    "description": "What LiteLLM's generic callback posts: one payload, a list of them, or one a line.",
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": ELEMENT,
                "example": [{"id": "chatcmpl-1", "call_type": "acompletion", "status": "success", "model": "gpt-4o-mini"}],
            },
        },
    },
    "responses": _TAKEN,
}
EVENT = {
    "schema_version": "1.0",
    "inference_id": "0193f0a2-6f7b-7c11-9d3e-2a51c0de4f10",
    "model": "gpt-4o-mini",
    "provider": "openai",
    "status": "ok",
    "ts_start": "2026-11-21T12:00:00Z",
    "ts_end": "2026-11-21T12:00:02Z",
    "latency_ms": 2000,
}
BATCH: dict[str, Any] = {
    "summary": "Hand in a batch of events",
    "description": "Up to 500 events of up to 256 KiB: model calls, and tool invocations by `event_type`.",
    "requestBody": body(fields(["events"], events=listed(ELEMENT, maxItems=500)), {"events": [EVENT]}),
    "responses": {
        "202": {
            "description": "What is accepted is stored; `stream_ids` are of those, in their order.",
            "content": {
                "application/json": {
                    "schema": fields(
                        ["accepted", "rejected", "stream_ids"],
                        accepted=INTEGER,
                        rejected=listed(fields(["index", "reason"], index=INTEGER, reason=STRING)),
                        stream_ids=listed(STRING),
                    ),
                    "example": {"accepted": 1, "rejected": [], "stream_ids": ["0193f0a2-6f7b-7c11-9d3e-2a51c0de4f10:finished"]},
                }
            },
        }
    },
}
TRACES: dict[str, Any] = {
    "summary": "Hand in traces (OTLP)",
    "description": "OpenTelemetry's protocol over HTTP, as JSON or `application/x-protobuf`. Errors are a `google.rpc.Status`.",
    "x-errors": {
        "media_types": ["application/json", "application/x-protobuf"],
        "schema": fields(["message"], message=STRING),
        "example": {"message": "The body is not OTLP."},
    },
    "requestBody": {
        "content": {
            "application/json": {
                "schema": fields(["resourceSpans"], resourceSpans=listed(ELEMENT)),
                "example": {"resourceSpans": []},
            },
        },
    },
    "responses": {
        "200": {
            "description": "`partialSuccess` says how many spans were rejected, and why.",
            "content": {"application/json": {"schema": OBJECT, "example": {}}, "application/x-protobuf": {}},
        }
    },
}

SCHEMAS: dict[str, Any] = documented_gateway.SCHEMAS
OPERATIONS: dict[str, Any] = {
    **documented_gateway.OPERATIONS,
    "/api/v1/ingest": INGEST,
    "/api/v1/ingest/litellm": LITELLM,
    "/v1/events:batch": BATCH,
    "/v1/traces": TRACES,
}
