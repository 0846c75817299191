"""What the doors of conversations take and answer, for readers of /openapi.json; named shapes are those of `chat.api.shapes`."""

from typing import Any


def body(schema: dict[str, Any], *, is_required: bool = True) -> dict[str, Any]:
    return {"required": is_required, "content": {"application/json": {"schema": schema}}}


def answered(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"200": {"description": description, "content": {"application/json": {"schema": schema}}}}


def nullable(**schema: Any) -> dict[str, Any]:
    return {**schema, "type": [schema["type"], "null"]}


def plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The same without null, which a query has not, and as long as an address may be, which its server decides."""
    kind = schema["type"][0] if isinstance(schema["type"], list) else schema["type"]
    return {name: value for name, value in schema.items() if name != "maxLength"} | {"type": kind}


def query(name: str, schema: dict[str, Any], *, is_required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": is_required, "schema": schema}


CONFLICT = {"409": {"description": "A reply is being written already.", "content": {"application/problem+json": {}}}}
TEXT = {"type": "string", "minLength": 1, "maxLength": 100_000}
SENT: dict[str, Any] = {
    "message": TEXT,
    "provider": nullable(type="string", maxLength=50, description="`azure_openai` and `google` are known too."),
    "model": nullable(type="string", maxLength=300, description="A model path, a short name, or the provider's own name of it."),
    "temperature": nullable(type="number", minimum=0, maximum=2),
    "max_tokens": nullable(type="integer", minimum=1, maximum=32_000),
}
METADATA = nullable(type="object")
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}

COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
USAGE = {"type": "object", "required": list(COUNTS), "properties": {name: {"type": "integer"} for name in COUNTS}}
ANSWER: dict[str, Any] = {
    "type": "object",
    "required": ["message", "conversation_id", "usage", "cost_usd"],
    "properties": {
        "message": {"$ref": "#/components/schemas/MessageOut"},
        "conversation_id": {"type": "string"},
        "usage": USAGE,
        "cost_usd": {"type": ["number", "null"]},
    },
}

SEND: dict[str, Any] = {
    "description": "Send a message; the answer is the whole reply.",
    "x-limited": True,
    "parameters": [IDEMPOTENCY_KEY],
    "requestBody": body(
        {
            "type": "object",
            "required": ["message"],
            "properties": {**SENT, "metadata": METADATA},
            "examples": [{"message": "What is the weather like today?", "model": "gpt-4", "temperature": 0.7, "max_tokens": 150}],
        }
    ),
    "responses": answered(ANSWER, "The reply.") | CONFLICT,
}

STREAM: dict[str, Any] = {
    "description": "Send a message; the reply comes as server-sent events. It runs a model, so that no session opens it.",
    "x-limited": True,
    "parameters": [query(name, plain(schema), is_required=name == "message") for name, schema in SENT.items()],
    "responses": {
        "200": {
            "description": 'Frames `data: {"content": "…", "done": false}`; the last has `done: true` and the message\'s id.',
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **CONFLICT,
    },
}

CANCEL: dict[str, Any] = {
    "description": "Stop what is being written in the conversation. What was written stays.",
    "responses": answered(
        {"type": "object", "required": ["canceled"], "properties": {"canceled": {"type": "integer"}}},
        "How many replies were stopped.",
    ),
}

CREATE: dict[str, Any] = {
    "description": "Make a conversation, to be asked in with `conversation_id` and `message` at /v1/chat/completions.",
    "parameters": [IDEMPOTENCY_KEY],
    "requestBody": body(
        {
            "type": "object",
            "properties": {
                "user_id": nullable(type="string", maxLength=255),
                "title": nullable(type="string", maxLength=500),
                "metadata": METADATA,
            },
            "examples": [{}],
        },
        is_required=False,
    ),
    "responses": answered(
        {
            "type": "object",
            "required": ["conversation_id", "created_at"],
            "properties": {"conversation_id": {"type": "string"}, "created_at": {"type": "string", "format": "date-time"}},
        },
        "The conversation.",
    ),
}

BINARY = {"application/x-protobuf": {"schema": {"type": "string", "format": "binary"}}}
PROTOBUF: dict[str, Any] = {
    "description": "The conversation form of /v1/chat/completions on the wire of protos/chat.proto. Errors are JSON.",
    "x-limited": True,
    "parameters": [IDEMPOTENCY_KEY],
    "requestBody": {"required": True, "content": BINARY},
    "responses": {"200": {"description": "An `llm.ChatResponse`.", "content": BINARY}},
}
