"""The doors of the gateway as OpenAPI operations: what OpenAI's and Anthropic's clients send there, and are answered."""

from typing import Any

import msgspec

from gateway.completions.asked import Body, StreamOptions
from ollive.openapi_shapes import (
    INTEGER,
    NUMBER,
    OBJECT,
    STRING,
    TEXT_OR_NULL,
    answered,
    body,
    fields,
    listed,
    maybe,
    number,
    whole,
)

MODEL = {
    "type": "string",
    "minLength": 1,
    "maxLength": 300,
    "pattern": r"\S",
    "description": "A model path (`provider/model`), an alias, or a model's bare name: see /v1/models.",
}
ASKED = "How do tides work?"
SAID = "The moon pulls the water."
MESSAGES = [{"role": "user", "content": ASKED}]
NAME = "openai/gpt-4o-mini"


USAGE = fields(
    ["prompt_tokens", "completion_tokens", "total_tokens"],
    prompt_tokens=INTEGER,
    completion_tokens=INTEGER,
    total_tokens=INTEGER,
)
USED = {"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19}


def _chat_request() -> tuple[dict[str, Any], dict[str, Any]]:
    """As the door reads it: (the request's schema, the shapes that it names)."""
    (_, _), shapes = msgspec.json.schema_components((Body, StreamOptions), ref_template="#/components/schemas/{name}")
    request = shapes.pop("Body")
    request["title"] = "ChatCompletionRequest"
    request["properties"]["model"] = MODEL
    request["properties"]["messages"]["items"] = {"$ref": "#/components/schemas/ChatMessage"}
    return request, shapes


_REQUEST, _SHAPES = _chat_request()
_PART = fields(["type"], type=STRING, text=STRING)
_MESSAGE = fields(
    ["role"],
    role={"type": "string", "enum": ["system", "developer", "user", "assistant", "tool", "function"]},
    content={"anyOf": [STRING, listed(_PART), {"type": "null"}]},
    name=STRING,
    tool_calls=listed(OBJECT),
    tool_call_id=STRING,
)
_CONVERSATION_FORM = fields(
    ["conversation_id", "message"],
    conversation_id={"type": "string", "minLength": 1, "maxLength": 60},
    message={"type": "string", "minLength": 1, "maxLength": 100_000},
    model={"type": ["string", "null"], "maxLength": 300},
    temperature=number(0, 2),
    stream={"type": ["boolean", "null"]},
)
_COMPLETION = fields(
    ["id", "object", "created", "model", "choices"],
    id=STRING,
    object={"const": "chat.completion"},
    created=INTEGER,
    model=STRING,
    choices=listed(
        fields(
            ["index", "message"],
            index=INTEGER,
            message=fields(["role"], role=STRING, content=TEXT_OR_NULL, tool_calls=maybe(listed(OBJECT))),
            finish_reason=TEXT_OR_NULL,
        )
    ),
    usage=maybe(USAGE),
)
SCHEMAS: dict[str, Any] = {
    **_SHAPES,
    "ChatMessage": _MESSAGE,
    "ChatCompletionRequest": _REQUEST,
    "ConversationRequest": _CONVERSATION_FORM,
    "ChatCompletion": _COMPLETION,
}

_CHUNK = (
    'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795262400,"model":"gpt-4o-mini","choices":[{"index":0,'
)
CHAT: dict[str, Any] = {
    "summary": "Chat completion",
    "description": (
        "As OpenAI's. With `stream` the answer is server-sent events, a comment `: ping` every 15 s, and `data: [DONE]` at the "
        "end; whoever hangs up ends the call. With `conversation_id` and `message` it is asked in a kept conversation, and the "
        "answer has `request_id`, `reply` and `usage` besides. Fields that are not listed are ignored, never passed on."
    ),
    "x-limited": True,
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [
                        {"$ref": "#/components/schemas/ChatCompletionRequest"},
                        {"$ref": "#/components/schemas/ConversationRequest"},
                    ]
                },
                "examples": {
                    "completion": {"value": {"model": NAME, "messages": MESSAGES}},
                    "stream": {
                        "value": {"model": NAME, "messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}}
                    },
                },
            }
        },
    },
    "responses": answered(
        "The reply, whole or as it is written.",
        {"$ref": "#/components/schemas/ChatCompletion"},
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1795262400,
            "model": "gpt-4o-mini",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": SAID}, "finish_reason": "stop"}],
            "usage": USED,
        },
        streamed=f'{_CHUNK}"delta":{{"role":"assistant","content":""}}}}]}}\n\ndata: [DONE]\n\n',
    ),
}

_OFFERED = fields(["id", "object", "created", "owned_by"], id=STRING, object={"const": "model"}, created=INTEGER, owned_by=STRING)
_OFFER = {"id": NAME, "object": "model", "created": 0, "owned_by": "openai", "name": "GPT-4o mini", "context_length": 128_000}
MODELS: dict[str, Any] = {
    "summary": "List models",
    "description": "What the key may ask, aliases first.",
    "responses": answered(
        "The models.",
        fields(["object", "data"], object={"const": "list"}, data=listed(_OFFERED)),
        {"object": "list", "data": [_OFFER]},
    ),
}
ONE_MODEL: dict[str, Any] = {
    "summary": "Get a model",
    "description": "By its path, its alias, or the bare name that it has at its provider.",
    "responses": answered("The model.", _OFFERED, _OFFER),
}

_TEXTS = {"anyOf": [{"type": "string", "minLength": 1}, listed({"type": "string", "minLength": 1}, minItems=1, maxItems=16)]}
EMBEDDINGS: dict[str, Any] = {
    "summary": "Embeddings",
    "x-limited": True,
    "requestBody": body(
        fields(
            ["model", "input"],
            model=MODEL,
            input=_TEXTS,
            encoding_format={"enum": ["float", "base64", None]},
            dimensions=whole(1, 100_000),
            user={"type": ["string", "null"], "maxLength": 300},
        ),
        {"model": "openai/text-embedding-3-small", "input": [ASKED]},
    ),
    "responses": answered(
        "A vector for each text.",
        fields(
            ["object", "data", "model", "usage"],
            object={"const": "list"},
            data=listed(
                fields(
                    ["object", "index", "embedding"],
                    object={"const": "embedding"},
                    index=INTEGER,
                    embedding={"anyOf": [listed(NUMBER), STRING]},
                )
            ),
            model=STRING,
            usage=fields(["prompt_tokens", "total_tokens"], prompt_tokens=INTEGER, total_tokens=INTEGER),
        ),
        {
            "object": "list",
            "data": [{"object": "embedding", "index": 0, "embedding": [0.012, -0.034]}],
            "model": "text-embedding-3-small",
            "usage": {"prompt_tokens": 6, "total_tokens": 6},
        },
    ),
}

COMPLETIONS: dict[str, Any] = {
    "summary": "Text completion",
    "description": "OpenAI's older way to have a text gone on with.",
    "x-limited": True,
    "requestBody": body(
        fields(
            ["model", "prompt"],
            model=MODEL,
            prompt=_TEXTS,
            max_tokens=whole(1, 1_000_000),
            temperature=number(0, 2),
            top_p=number(0, 1),
            n=whole(1, 16),
            stop={"anyOf": [{"type": "string", "maxLength": 500}, listed({"type": "string", "maxLength": 500}, maxItems=16)]},
            stream={"type": ["boolean", "null"]},
            user={"type": ["string", "null"], "maxLength": 300},
        ),
        {"model": "openai/gpt-3.5-turbo-instruct", "prompt": "Tides are", "max_tokens": 16},
    ),
    "responses": answered(
        "What follows, whole or as it is written.",
        fields(
            ["id", "object", "created", "model", "choices"],
            id=STRING,
            object={"const": "text_completion"},
            created=INTEGER,
            model=STRING,
            choices=listed(fields(["index", "text"], index=INTEGER, text=STRING, finish_reason=TEXT_OR_NULL)),
            usage=maybe(USAGE),
        ),
        {
            "id": "cmpl-1",
            "object": "text_completion",
            "created": 1795262400,
            "model": "gpt-3.5-turbo-instruct",
            "choices": [{"index": 0, "text": " pulled by the moon.", "finish_reason": "stop"}],
            "usage": USED,
        },
        streamed="data: [DONE]\n\n",
    ),
}

RESPONSES: dict[str, Any] = {
    "summary": "Response",
    "description": "OpenAI's responses, of any model. Nothing is stored: each request holds the whole conversation.",
    "x-limited": True,
    "requestBody": body(
        fields(
            ["model", "input"],
            model=MODEL,
            input={"anyOf": [{"type": "string", "minLength": 1}, listed(OBJECT, minItems=1)]},
            instructions={"type": ["string", "null"]},
            max_output_tokens=whole(1, 1_000_000),
            temperature=number(0, 2),
            top_p=number(0, 1),
            stream={"type": ["boolean", "null"]},
        ),
        {"model": NAME, "input": ASKED},
    ),
    "responses": answered(
        "The response, whole or as it is written.",
        fields(
            ["id", "object", "status", "output"], id=STRING, object={"const": "response"}, status=STRING, output=listed(OBJECT)
        ),
        {"id": "resp_1", "object": "response", "status": "completed", "output": [{"type": "message", "role": "assistant"}]},
        streamed="event: response.completed\ndata: {}\n\n",
    ),
}

_ANTHROPIC_ERROR: dict[str, Any] = {
    "media_types": ["application/json"],
    "schema": fields(["type", "error"], type={"const": "error"}, error=fields(["type", "message"], type=STRING, message=STRING)),
    "example": {"type": "error", "error": {"type": "invalid_request_error", "message": "max_tokens: Field required"}},
}
_PROMPT: dict[str, Any] = {
    "model": MODEL,
    "messages": listed(
        fields(["role", "content"], role={"enum": ["user", "assistant"]}, content={"anyOf": [STRING, listed(OBJECT)]}), minItems=1
    ),
    "system": {"anyOf": [STRING, listed(OBJECT), {"type": "null"}]},
}
ANTHROPIC: dict[str, Any] = {
    "summary": "Message (Anthropic's)",
    "description": "Anthropic's messages, of any model. Errors have Anthropic's shape.",
    "x-limited": True,
    "x-errors": _ANTHROPIC_ERROR,
    "requestBody": body(
        fields(
            ["model", "messages", "max_tokens"],
            **_PROMPT,
            max_tokens={"type": "integer", "minimum": 1, "maximum": 1_000_000},
            temperature=number(0, 1),
            stream={"type": ["boolean", "null"]},
        ),
        {"model": "anthropic/claude-sonnet-4-5", "max_tokens": 256, "messages": MESSAGES},
    ),
    "responses": answered(
        "The message, whole or as it is written.",
        fields(
            ["id", "type", "role", "content", "model", "stop_reason", "usage"],
            id=STRING,
            type={"const": "message"},
            role={"const": "assistant"},
            content=listed(OBJECT),
            model=STRING,
            stop_reason=TEXT_OR_NULL,
            usage=fields(["input_tokens", "output_tokens"], input_tokens=INTEGER, output_tokens=INTEGER),
        ),
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "text", "text": SAID}],
            "model": "claude-sonnet-4-5",
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 12, "output_tokens": 7},
        },
        streamed='event: message_stop\ndata: {"type":"message_stop"}\n\n',
    ),
}
COUNT: dict[str, Any] = {
    "summary": "Count a prompt's tokens (Anthropic's)",
    "description": "An estimate for models whose vocabulary is not known.",
    "x-errors": _ANTHROPIC_ERROR,
    "requestBody": body(fields(["model", "messages"], **_PROMPT), {"model": "anthropic/claude-sonnet-4-5", "messages": MESSAGES}),
    "responses": answered("How many.", fields(["input_tokens"], input_tokens=INTEGER), {"input_tokens": 12}),
}

_MESSAGE_ALONE = fields(
    ["message"],
    message={"type": "string", "minLength": 1, "maxLength": 100_000, "pattern": r"\S"},
    model={"type": ["string", "null"], "maxLength": 300},
    system={"type": ["string", "null"], "maxLength": 100_000},
    temperature=number(0, 2),
    max_tokens=whole(1, 262_144),
)
_STREAMED = {
    "200": {
        "description": 'Frames `data: {"content": "…", "done": false}`; the last has `done: true`, and `trace_id` or `error`.',
        "content": {"text/event-stream": {"schema": STRING, "example": 'data: {"content":"The moon","done":false}\n\n'}},
    }
}
ALONE: dict[str, Any] = {
    "summary": "One message, one reply",
    "description": "Nothing is kept but the log. Without a model it is the one that the workspace begins with.",
    "x-limited": True,
    "requestBody": body(_MESSAGE_ALONE, {"message": ASKED}),
    "responses": answered(
        "The reply.",
        fields(["reply", "trace_id"], reply=STRING, trace_id=STRING),
        {"reply": SAID, "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"},
    ),
}
ALONE_STREAMED: dict[str, Any] = {
    "post": {
        "summary": "One message, one streamed reply",
        "x-limited": True,
        "requestBody": body(_MESSAGE_ALONE, {"message": ASKED}),
        "responses": _STREAMED,
    },
    "get": {
        "summary": "One message, one streamed reply, by address",
        "x-limited": True,
        "parameters": [
            {"name": name, "in": "query", "required": name == "message", "schema": _plain}
            for name, _plain in (
                ("message", {"type": "string", "minLength": 1, "pattern": r"\S", "description": "Longer ones: POST."}),
                ("model", {"type": "string", "maxLength": 300}),
                ("temperature", {"type": "number", "minimum": 0, "maximum": 2}),
                ("max_tokens", {"type": "integer", "minimum": 1, "maximum": 262_144}),
            )
        ],
        "responses": _STREAMED,
    },
}

OPERATIONS: dict[str, Any] = {
    "/v1/chat/completions": CHAT,
    "/v1/models": MODELS,
    "/v1/models/{path:id}": ONE_MODEL,
    "/v1/embeddings": EMBEDDINGS,
    "/v1/completions": COMPLETIONS,
    "/v1/responses": RESPONSES,
    "/v1/messages": ANTHROPIC,
    "/v1/messages/count_tokens": COUNT,
    "/chat": ALONE,
    "/chat/stream": ALONE_STREAMED,
}
