"""What the API's document says of every operation: errors, headers and the key; and the pages that are neither route nor door."""

from typing import Any

IDS = ("X-Request-ID", "X-Trace-ID")
LIMITS = tuple(f"x-ratelimit-{what}-{of}" for of in ("requests", "tokens") for what in ("limit", "remaining", "reset"))

INFO: dict[str, Any] = {
    "title": "Ollive",
    "summary": "Ask models, keep conversations, and read what was asked.",
    "description": (
        "Everything takes an API key: `Authorization: Bearer olv_…`. Make one in Settings → API keys; its scopes say what it "
        "opens.\n\n"
        "Under `/v1` requests, answers and errors are OpenAI's, so that its clients work with another base URL. Elsewhere errors "
        "are RFC 9457's `application/problem+json`, and lists are read page by page: send `next_cursor` as `cursor`.\n\n"
        "Every answer carries `X-Request-ID` and `X-Trace-ID`; send a request id or a `traceparent` and yours are kept."
    ),
    "license": {"name": "MIT", "identifier": "MIT"},
}

TAGS: list[dict[str, str]] = [
    {"name": "Gateway", "description": "Ask models, in the protocol of OpenAI and in Anthropic's."},
    {"name": "Conversations", "description": "Conversations that are kept here, and replies in them."},
    {"name": "Logs", "description": "Calls that were recorded: lists, figures over time, search."},
    {"name": "Dashboards", "description": "Pages of panels that people put together, and the figures on them."},
    {"name": "Datasets", "description": "Questions that models are tried with."},
    {"name": "Scores", "description": "What is thought of calls, traces and conversations."},
    {"name": "Ingestion", "description": "Tell of calls that were made elsewhere."},
    {"name": "Webhooks", "description": "Have your own server told of what happens."},
    {"name": "Administration", "description": "Keys, people, workspaces, models, prices and budgets, for automation."},
    {"name": "Service", "description": "Whether it runs, and how it fares."},
]
TAG_OF = {
    **dict.fromkeys(("conversations", "chat", "messages"), "Conversations"),
    **dict.fromkeys(("logs", "metrics", "search", "analytics", "experiments"), "Logs"),
    **dict.fromkeys(("ingest", "traces", "events:batch"), "Ingestion"),
    "dashboards": "Dashboards",
    "datasets": "Datasets",
    "scores": "Scores",
    "webhooks": "Webhooks",
    "admin": "Administration",
}

REASONS = {
    400: "The request cannot be read.",
    401: "No API key, or one that is mistyped, unknown, expired or revoked.",
    403: "The key lacks the scope, or its person the role.",
    404: "There is no such thing, or it is another's.",
    409: "It does not fit what is there.",
    413: "More than can be sent at once.",
    415: "Another media type than this address takes.",
    422: "A field is missing or out of bounds.",
    429: "A limit or a budget is used up.",
    500: "Something broke here. It was noted.",
    502: "The provider failed.",
    503: "The database cannot be reached; try again in a moment.",
    504: "The provider took too long.",
}
CODES = {
    400: "bad_request",
    401: "invalid_api_key",
    403: "missing_scope",
    404: "not_found",
    409: "conflict",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "rate_limit_exceeded",
    500: "server_error",
    502: "server_error",
    503: "unavailable",
    504: "timeout",
}
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
TYPES = {403: "permission_error", 429: "rate_limit_error"}


def error_content(status: int, *, is_openai: bool) -> dict[str, Any]:
    """The media type, schema and example of an error."""
    if is_openai:
        kind = "server_error" if status >= 500 else TYPES.get(status, "invalid_request_error")
        error = {"message": REASONS[status], "type": kind, "param": None, "code": CODES[status]}
        return {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}, "example": {"error": error}}}
    problem = {
        "type": "about:blank",
        "title": TITLES[status],
        "status": status,
        "detail": REASONS[status],
        "code": CODES[status],
    }
    if status == 422:
        problem["errors"] = [
            {"loc": ["query", "limit"], "msg": "Input should be less than or equal to 100", "type": "less_than_equal"}
        ]
    return {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}, "example": problem}}


def _header(description: str, kind: str = "string") -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}}


COMPONENTS: dict[str, Any] = {
    "securitySchemes": {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "olv_…",
            "description": "An API key. Scopes: chat, ingest, logs:read, logs:delete, metrics, admin.",
        }
    },
    "headers": {
        "X-Request-ID": _header("What this request is found by: yours, where you sent one."),
        "X-Trace-ID": _header("The trace that this request belongs to, 32 hexadecimal digits."),
        "Idempotent-Replayed": _header("true, where this is the answer to an earlier request with the same key."),
        "Retry-After": _header("Seconds to wait before trying again.", "integer"),
        **{name: _header(f"The key's {name.split('-')[3]} a minute: {name.split('-')[2]}.") for name in LIMITS},
    },
    "schemas": {
        "Problem": {
            "type": "object",
            "description": "RFC 9457: what is wrong, for the person (`detail`) and for the machine (`code`).",
            "required": ["type", "title", "status", "detail", "code"],
            "properties": {
                "type": {"type": "string", "const": "about:blank"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
                "code": {"type": "string"},
                "param": {"type": ["string", "null"], "description": "The field that is to blame."},
                "errors": {
                    "type": "array",
                    "description": "Of a 422: each field that is to blame.",
                    "items": {
                        "type": "object",
                        "required": ["loc", "msg", "type"],
                        "properties": {
                            "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
                            "msg": {"type": "string"},
                            "type": {"type": "string"},
                        },
                    },
                },
            },
        },
        "Error": {
            "type": "object",
            "description": "An error in OpenAI's shape.",
            "required": ["error"],
            "properties": {
                "error": {
                    "type": "object",
                    "required": ["message", "type", "param", "code"],
                    "properties": {
                        "message": {"type": "string"},
                        "type": {"type": "string"},
                        "param": {"type": ["string", "null"]},
                        "code": {"type": ["string", "null"]},
                    },
                }
            },
        },
    },
}


def _answer(description: str, schema: dict[str, Any], example: Any, media_type: str = "application/json") -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": schema, "example": example}}}


def _fields(**kinds: Any) -> dict[str, Any]:
    properties = {name: {"type": kind} if isinstance(kind, str) else kind for name, kind in kinds.items()}
    return {"type": "object", "required": list(kinds), "properties": properties}


_ALIVE = {
    "tags": ["Service"],
    "summary": "Is the process alive",
    "description": "200 as long as it answers; no other server is asked.",
    "security": [],
    "responses": {
        "200": _answer(
            "It is.",
            _fields(
                status={"const": "healthy"},
                service="string",
                version="string",
                timestamp={"type": "string", "format": "date-time"},
            ),
            {"status": "healthy", "service": "ollive", "version": "0.1.0", "timestamp": "2026-11-21T12:00:00Z"},
        )
    },
}
_CHECKS = _fields(status={"type": "string"}, checks={"type": "object", "additionalProperties": {"type": "string"}})

# By path and method: what Django answers beside the REST routes.
PAGES: dict[str, Any] = {
    "/health": {"get": _ALIVE},
    "/healthz": {"get": dict(_ALIVE)},
    "/ready": {
        "get": {
            "tags": ["Service"],
            "summary": "Can it serve",
            "description": "Whether every server that it needs answers. A key with the scope `metrics` or `admin` is told more.",
            "security": [{}, {"key": ["metrics"]}, {"key": ["admin"]}],
            "responses": {
                "200": _answer("It can.", _CHECKS, {"status": "ready", "checks": {"database": "ok", "redis": "ok"}}),
                "503": _answer(
                    "It cannot.", _CHECKS, {"status": "not ready", "checks": {"database": "unreachable", "redis": "ok"}}
                ),
            },
        }
    },
    "/metrics": {
        "get": {
            "tags": ["Service"],
            "summary": "Figures of the installation",
            "description": "For Prometheus; as JSON how the product is used. For an operator's key, or a near network.",
            "security": [{}, {"key": ["metrics"]}, {"key": ["admin"]}],
            "responses": {
                "200": {
                    "description": "The figures.",
                    "content": {
                        "text/plain": {"example": "# HELP http_requests_total Requests that were answered\n"},
                        "application/openmetrics-text": {},
                        "application/json": {
                            "schema": {"type": "object"},
                            "example": {"success_rate": 0.98, "avg_latency_ms": 840},
                        },
                        "text/html": {},
                    },
                },
                **{
                    str(status): {"description": REASONS[status], "content": error_content(status, is_openai=False)}
                    for status in (401, 403, 503)
                },
            },
        }
    },
    "/": {
        "get": {
            "tags": ["Service"],
            "summary": "What this is",
            "description": "For programs; a browser, which accepts HTML, gets the chat.",
            "security": [],
            "responses": {
                "200": _answer(
                    "The service.",
                    _fields(service="string", version="string", status="string", environment="string"),
                    {"service": "ollive", "version": "0.1.0", "status": "operational", "environment": "production"},
                ),
            },
        }
    },
    "/openapi.json": {
        "get": {
            "tags": ["Service"],
            "summary": "This document",
            "security": [],
            "responses": {
                "200": _answer("OpenAPI 3.1.", {"type": "object"}, {"openapi": "3.1.0"}),
                "304": {"description": "It is what you have: `If-None-Match`."},
            },
        }
    },
}
