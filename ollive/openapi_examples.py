"""Examples for what was declared without one: made from the schema, with values that a reader knows. Pure."""

from collections.abc import Mapping
from typing import Any

SAMPLES: dict[str, Any] = {
    "id": "0193f0a2-6f7b-7c11-9d3e-2a51c0de4f10",
    "conversation_id": "0193f0a2-6f7b-7c11-9d3e-2a51c0de4f11",
    "message_id": "0193f0a2-6f7b-7c11-9d3e-2a51c0de4f12",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "span_id": "00f067aa0ba902b7",
    "user_id": "0193f0a2-6f7b-7c11-9d3e-2a51c0de4f13",
    "title": "How tides work",
    "message": "How do tides work?",
    "content": "The moon pulls the water.",
    "reply": "The moon pulls the water.",
    "q": "tides",
    "query": "tides",
    "role": "assistant",
    "model": "openai/gpt-4o-mini",
    "served_model": "gpt-4o-mini-2024-07-18",
    "provider": "openai",
    "name": "example",
    "email": "alice@example.com",
    "url": "https://hooks.example.org/ollive",
    "status": "success",
    "finish_reason": "stop",
    "prompt_tokens": 12,
    "completion_tokens": 34,
    "total_tokens": 46,
    "cost_usd": 0.000023,
    "latency_ms": 840,
    "time_to_first_token_ms": 210,
    "temperature": 0.7,
    "max_tokens": 256,
    "rating": 5,
    "comment": "Clear and short.",
    "limit": 20,
}
BY_FORMAT = {
    "uuid": "0193f0a2-6f7b-7c11-9d3e-2a51c0de4f10",
    "date-time": "2026-11-21T12:00:00Z",
    "date": "2026-11-21",
    "uri": "https://example.org/",
    "email": "alice@example.com",
    "decimal": "0.25",
}
BY_TYPE: dict[str, Any] = {"string": "text", "integer": 1, "number": 0.5, "boolean": True, "null": None}
DEEPEST = 6


def example(schema: Mapping[str, Any], schemas: Mapping[str, Any], *, name: str = "", depth: int = 0) -> Any:
    """A value of this schema; `schemas` are the components that it may refer to."""
    schema = _resolved(schema, schemas)
    for told in ("const", "example"):
        if told in schema:
            return schema[told]
    for told in ("examples", "enum"):
        if schema.get(told):
            return schema[told][0]
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        return _of_alternatives(alternatives, schemas, name=name, depth=depth)
    if parts := schema.get("allOf"):
        merged = [example(part, schemas, name=name, depth=depth) for part in parts]
        return {key: value for part in merged for key, value in part.items()} if isinstance(merged[0], dict) else merged[0]
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = next((one for one in kind if one != "null"), "null") if isinstance(kind, list) else kind
    if kind == "object":
        return _of_object(schema, schemas, depth=depth)
    if kind == "array":
        least = 1 if schema.get("minItems") or depth < DEEPEST else 0
        return [example(schema.get("items", {}), schemas, name=name, depth=depth + 1)] * least
    return _plain(schema, kind, name)


def _of_alternatives(alternatives: Any, schemas: Mapping[str, Any], *, name: str, depth: int) -> Any:
    """The first that says something; deep down nothing is said."""
    told = [one for one in alternatives if _resolved(one, schemas).get("type") != "null"]
    if not told or (depth >= DEEPEST and len(told) < len(alternatives)):
        return None
    return example(told[0], schemas, name=name, depth=depth)


def _of_object(schema: Mapping[str, Any], schemas: Mapping[str, Any], *, depth: int) -> dict[str, Any]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    required = set(schema.get("required", ()))
    shown = properties if depth < DEEPEST else {key: part for key, part in properties.items() if key in required}
    return {key: example(part, schemas, name=key, depth=depth + 1) for key, part in shown.items()}


def _plain(schema: Mapping[str, Any], kind: str, name: str) -> Any:
    """By format, by the field's name where that fits, else the plainest value within the bounds."""
    if schema.get("format") in BY_FORMAT:
        return (
            SAMPLES[name]
            if name in SAMPLES and schema["format"] == "uuid" and len(str(SAMPLES[name])) == 36
            else BY_FORMAT[schema["format"]]
        )
    sample = SAMPLES.get(name)
    kinds = {"string": str, "integer": int, "number": (int, float)}
    if sample is not None and kind in kinds and isinstance(sample, kinds[kind]) and "pattern" not in schema:  # type: ignore[arg-type]
        return sample
    if schema.get("default") is not None:
        return schema["default"]
    if kind in {"integer", "number"}:
        return max(schema.get("minimum", BY_TYPE[kind]), min(BY_TYPE[kind], schema.get("maximum", BY_TYPE[kind])))
    return BY_TYPE.get(kind)


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    return schema
