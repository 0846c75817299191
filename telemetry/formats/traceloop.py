"""What OpenLLMetry adds to the gen_ai attributes: `traceloop.*` for workflows, tasks, agents and tools, and its older `llm.*`."""

from collections.abc import Mapping
from typing import Any

from telemetry.formats.attributes import Attributes, flag, listed, parsed, take, take_all, take_list, text
from telemetry.formats.genai import finish_of
from telemetry.formats.providers import provider

KINDS = {"workflow": "chain", "task": "chain", "agent": "agent", "tool": "tool"}
OPERATIONS = {"completion": "text_completion", "embedding": "embeddings"}
PARAMETERS = {
    "frequency_penalty",
    "presence_penalty",
    "top_k",
    "chat.stop_sequences",
    "request.repetition_penalty",
    "request.reasoning_effort",
}
ASSOCIATED = "traceloop.association.properties"


def kind_of(attributes: Mapping[str, Any]) -> str | None:
    """`call`, a step's kind, or None where the span says nothing of the sort."""
    if attributes.get("llm.request.type"):
        return "call"
    told = attributes.get("traceloop.span.kind")
    return KINDS.get(str(told).lower(), "other") if told else None


def read_call(attributes: Attributes) -> dict[str, Any]:
    """The fields that the span tells of a call. What is read is taken from `attributes`."""
    request = text(take(attributes, "llm.request.type"))
    functions = listed(take_list(attributes, "llm.request.functions"))
    return {
        "operation": OPERATIONS.get(request, request) if request else None,
        "provider": provider(take(attributes, "llm.vendor")),
        "model": text(take(attributes, "llm.request.model")),
        "served_model": text(take(attributes, "llm.response.model")),
        "is_stream": flag(take(attributes, "llm.is_streaming")),
        "finish_reason": finish_of(take(attributes, "llm.response.finish_reason", "llm.response.stop_reason")),
        "parameters": take_all(attributes, "llm.", PARAMETERS),
        "end_user": text(take(attributes, "llm.user")),
        "tools": [{"type": "function", "function": _function(told)} for told in functions] or None,
        **read_association(attributes),
    }


def read_step(attributes: Attributes) -> dict[str, Any]:
    """The fields that the span tells of a step."""
    take(attributes, "traceloop.span.kind")
    return {
        "name": text(take(attributes, "traceloop.entity.name")),
        "arguments": parsed(take(attributes, "traceloop.entity.input")),
        "result": parsed(take(attributes, "traceloop.entity.output")),
        **read_association(attributes),
    }


def read_association(attributes: Attributes) -> dict[str, Any]:
    """Whom and what the program says the span belongs to."""
    start = f"{ASSOCIATED}."
    return {
        "session_id": text(take(attributes, start + "session_id", start + "chat_id", start + "thread_id")),
        "end_user": text(take(attributes, start + "user_id")),
    }


def _function(told: Any) -> Any:
    if not isinstance(told, Mapping):
        return told
    return {name: parsed(value) for name, value in told.items()}
