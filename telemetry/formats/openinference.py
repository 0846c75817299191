"""OpenInference, the conventions of Phoenix and Arize: `openinference.span.kind`, and content spread over numbered attributes."""

from collections.abc import Mapping
from typing import Any

from telemetry.formats import usage
from telemetry.formats.attributes import Attributes, flag, listed, number, parsed, take, take_list, text
from telemetry.formats.genai import finish_of
from telemetry.formats.providers import provider

KINDS = {
    "LLM": "call",
    "EMBEDDING": "embedding",
    "CHAIN": "chain",
    "AGENT": "agent",
    "TOOL": "tool",
    "RETRIEVER": "retriever",
    "RERANKER": "retriever",
}
MODELS = ("llm.model_name", "llm.request.model_name", "llm.response.model_name", "embedding.model_name")
VALUES = ("input.value", "output.value", "input.mime_type", "output.mime_type")


def kind_of(attributes: Mapping[str, Any]) -> str | None:
    """`call`, a step's kind, or None where the span is not of this convention."""
    told = attributes.get("openinference.span.kind")
    if not isinstance(told, str):
        return None
    kind = KINDS.get(told.upper(), "other")
    return "call" if kind == "embedding" and any(attributes.get(name) for name in MODELS) else kind


def read_call(attributes: Attributes) -> dict[str, Any]:
    """The fields that the span tells of a call. What is read is taken from `attributes`."""
    is_embedding = str(take(attributes, "openinference.span.kind")).upper() == "EMBEDDING"
    asked, replied = parsed(take(attributes, "input.value")), parsed(take(attributes, "output.value"))
    if is_embedding:
        replied = None  # vectors
    take(attributes, "input.mime_type", "output.mime_type")
    parameters = parsed(take(attributes, "llm.invocation_parameters", "embedding.invocation_parameters"))
    parameters = dict(parameters) if isinstance(parameters, Mapping) else {}
    request = asked if isinstance(asked, Mapping) else {}
    response = replied if isinstance(replied, Mapping) else {}
    named = take(attributes, "llm.model_name", "embedding.model_name")
    asked_model = take(attributes, "llm.request.model_name") or parameters.pop("model", None) or request.get("model")
    messages = _messages(take_list(attributes, "llm.input_messages"))
    reply = _messages(take_list(attributes, "llm.output_messages"))
    prompts, choices = take_list(attributes, "llm.prompts"), take_list(attributes, "llm.choices")
    return {
        "operation": "embeddings" if is_embedding else "chat",
        "provider": provider(take(attributes, "llm.provider", "llm.system")),
        "model": text(asked_model) or text(named),
        "served_model": text(take(attributes, "llm.response.model_name")) or text(response.get("model")) or text(named),
        "is_stream": flag(parameters.pop("stream", None)),
        "parameters": parameters,
        "finish_reason": finish_of(take(attributes, "llm.finish_reason")),
        "messages": messages or _texts(prompts, "prompt", "user") or _embedded(attributes) or _spoken(asked, "messages", "user"),
        "reply": reply or _texts(choices, "completion", "assistant") or _spoken(replied, "choices", "assistant"),
        "reasoning": _reasoning(response),
        "tools": _tools(take_list(attributes, "llm.tools")),
        "reported_cost_usd": _cost(attributes),
        "usage": response.get("usage") if isinstance(response.get("usage"), Mapping) else None,
        **_usage(attributes),
    }


def read_step(attributes: Attributes) -> dict[str, Any]:
    """The fields that the span tells of a step."""
    take(attributes, "openinference.span.kind", "input.mime_type", "output.mime_type")
    documents = take_list(attributes, "retrieval.documents") or take_list(attributes, "reranker.output_documents")
    parameters = take(attributes, "tool.parameters")
    return {
        "name": text(take(attributes, "tool.name", "agent.name", "graph.node.name")),
        "arguments": parsed(take(attributes, "input.value") or parameters or take(attributes, "reranker.query")),
        "result": parsed(take(attributes, "output.value")) or [_inner(told, "document") for told in listed(documents)] or None,
    }


def _messages(told: Any) -> list[dict[str, Any]] | None:
    return [_message(_inner(each, "message")) for each in listed(told)] or None


def _message(told: Any) -> dict[str, Any]:
    if not isinstance(told, Mapping):
        return {"role": "user", "content": told}
    message = {name: value for name, value in told.items() if name not in {"contents", "tool_calls"}}
    contents = [_part(_inner(part, "message_content")) for part in listed(told.get("contents"))]
    if contents and not message.get("content"):
        message["content"] = contents
    calls = [_inner(call, "tool_call") for call in listed(told.get("tool_calls"))]
    if calls:
        message.setdefault("content", None)
        message["tool_calls"] = [_call(call) for call in calls]
    return {"role": str(message.pop("role", "user")), **message}


def _call(told: Any) -> Any:
    if not isinstance(told, Mapping):
        return told
    function = told.get("function")
    return {"id": told.get("id"), "type": "function", "function": function if isinstance(function, Mapping) else told}


def _part(told: Any) -> Any:
    if not isinstance(told, Mapping):
        return told
    if told.get("type") == "image":
        return {"type": "image_url", "image_url": {"url": _inner(_inner(told.get("image"), "image"), "url")}}
    return dict(told)


def _inner(told: Any, name: str) -> Any:
    """What is under the name that each element repeats: `message`, `tool_call`, …"""
    return told[name] if isinstance(told, Mapping) and name in told else told


def _texts(told: Any, name: str, role: str) -> list[dict[str, Any]] | None:
    texts = [_inner(_inner(each, name), "text") for each in listed(told)]
    return [{"role": role, "content": words} for words in texts] or None


def _embedded(attributes: Attributes) -> list[dict[str, Any]] | None:
    """The texts that were embedded; their vectors are not kept: the log is for reading."""
    told = [_inner(each, "embedding") for each in take_list(attributes, "embedding.embeddings")]
    texts = [each.get("text") for each in told if isinstance(each, Mapping)]
    return [{"role": "user", "content": words} for words in texts if words] or None


def _spoken(value: Any, name: str, role: str) -> Any:
    """Content of a span that has no messages: its bare input or output."""
    if isinstance(value, Mapping) and isinstance(value.get(name), list):
        found = [_inner(each, "message") for each in value[name]]
        return found or None
    return [{"role": role, "content": value}] if value not in (None, "") else None


def _reasoning(response: Mapping[str, Any]) -> str | None:
    messages = [_inner(choice, "message") for choice in listed(response.get("choices"))]
    told = [message.get("reasoning_content") for message in messages if isinstance(message, Mapping)]
    return "".join(words for words in told if isinstance(words, str)) or None


def _tools(told: Any) -> list[Any] | None:
    return [parsed(_inner(_inner(each, "tool"), "json_schema")) for each in listed(told)] or None


def _cost(attributes: Attributes) -> float | None:
    total, prompt, completion = (number(take(attributes, f"llm.cost.{name}")) for name in ("total", "prompt", "completion"))
    return total if total is not None or prompt is None or completion is None else prompt + completion


def _usage(attributes: Attributes) -> dict[str, int]:
    start = "llm.token_count."
    return usage.buckets(
        take(attributes, start + "prompt"),
        take(attributes, start + "completion"),
        read=take(attributes, start + "prompt_details.cache_read", start + "prompt_details.cache_input"),
        written=take(attributes, start + "prompt_details.cache_write"),
        reasoning=take(attributes, start + "completion_details.reasoning"),
        total=take(attributes, start + "total"),
    )
