"""OpenTelemetry's conventions for generative AI: the latest (`gen_ai.input.messages`, …) and those that came before.

Content came first as attributes spread over numbers (`gen_ai.prompt.0.content`), then as events of the span
(`gen_ai.user.message`, `gen_ai.content.prompt`), and is one JSON attribute now. All are read, whichever a span has.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from telemetry.formats import usage
from telemetry.formats.attributes import (
    Attributes,
    first_of,
    flag,
    listed,
    number,
    parsed,
    take,
    take_all,
    take_list,
    take_object,
    text,
)
from telemetry.formats.otlp import SpanEvent
from telemetry.formats.providers import provider

CALLS = {"chat", "text_completion", "completion", "generate_content", "embeddings", "rerank", "responses", "transcription"}
STEPS = {
    "execute_tool": "tool",
    "invoke_agent": "agent",
    "create_agent": "agent",
    "invoke_workflow": "chain",
    "retrieval": "retriever",
}
PARAMETERS = {
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "max_completion_tokens",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "stop_sequences",
    "seed",
    "n",
    "choice.count",
    "encoding_formats",
    "reasoning_effort",
    "reasoning_summary",
    "structured_output_schema",
}
HEADERS = ("gen_ai.headers", "llm.headers")  # they carry keys
ROLES = ("system", "user", "assistant", "tool")
FINISHES = {"tool_call": "tool_calls", "end_turn": "stop", "max_tokens": "length", "error": "error"}
DETAILS = "gen_ai.client.inference.operation.details"


def kind_of(attributes: Mapping[str, Any]) -> str | None:
    """`call`, a step's kind, or None where the span says nothing of the sort."""
    operation = str(attributes.get("gen_ai.operation.name") or "").lower()
    if operation in STEPS:
        return STEPS[operation]
    if operation in CALLS:
        return "call"
    if any(name in attributes for name in ("gen_ai.request.model", "gen_ai.response.model", "gen_ai.usage.output_tokens")):
        return "call"
    if "gen_ai.tool.name" in attributes:
        return "tool"
    return "agent" if "gen_ai.agent.name" in attributes else None


def read_call(attributes: Attributes, events: Sequence[SpanEvent]) -> dict[str, Any]:
    """The fields that the span tells of a call. What is read is taken from `attributes`."""
    take(attributes, *HEADERS)
    messages, reply, reasoning = _content(attributes, events)
    told_finish = finish_in(reply)
    finish = first_of(take(attributes, "gen_ai.response.finish_reasons", "gen_ai.response.finish_reason"))
    chunk_seconds = number(take(attributes, "gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token"))
    return {
        "operation": text(take(attributes, "gen_ai.operation.name")),
        "provider": provider(take(attributes, "gen_ai.provider.name", "gen_ai.system")),
        "model": text(take(attributes, "gen_ai.request.model")),
        "served_model": text(take(attributes, "gen_ai.response.model")),
        "parameters": take_all(attributes, "gen_ai.request.", PARAMETERS),
        "is_stream": flag(take(attributes, "gen_ai.request.stream", "gen_ai.is_streaming")),
        "finish_reason": finish_of(finish or told_finish),
        "ttft_ms": round(chunk_seconds * 1000) if chunk_seconds is not None else None,
        "end_user": text(take(attributes, "gen_ai.user")),
        "conversation_id": text(take(attributes, "gen_ai.conversation.id")),
        "messages": messages,
        "reply": reply,
        "reasoning": reasoning,
        "tools": [definition(told) for told in listed(take(attributes, "gen_ai.tool.definitions"))],
        "reported_cost_usd": number(take(attributes, "gen_ai.usage.cost", "gen_ai.usage.total_cost")),
        **_usage(attributes),
    }


def read_step(attributes: Attributes) -> dict[str, Any]:
    """The fields that the span tells of a tool's run, an agent's turn or a look-up."""
    take(attributes, *HEADERS, "gen_ai.operation.name")
    query, documents = take(attributes, "gen_ai.retrieval.query.text"), take(attributes, "gen_ai.retrieval.documents")
    return {
        "name": text(take(attributes, "gen_ai.tool.name", "gen_ai.agent.name", "gen_ai.workflow.name")),
        "arguments": parsed(take(attributes, "gen_ai.tool.call.arguments", "gen_ai.input.messages")) or query,
        "result": parsed(take(attributes, "gen_ai.tool.call.result", "gen_ai.output.messages")) or parsed(documents),
        "conversation_id": text(take(attributes, "gen_ai.conversation.id")),
    }


def finish_of(reason: Any) -> str | None:
    """Why the model stopped, in OpenAI's words where it has one."""
    word = text(reason)
    return FINISHES.get(word, word) if word else None


def finish_in(reply: list[dict[str, Any]] | None) -> Any:
    """The reason that an output message carries; it is taken from the message."""
    reasons = [message.pop("finish_reason", None) for message in reply or ()]
    return next((reason for reason in reasons if reason), None)


def definition(told: Any) -> Any:
    """A tool's definition as OpenAI writes it: its name and parameters are one level down."""
    if not isinstance(told, Mapping) or "function" in told or told.get("type", "function") != "function":
        return told
    return {"type": "function", "function": {name: value for name, value in told.items() if name != "type"}}


def message_of(told: Any, role: str | None = None) -> dict[str, Any]:
    """An OpenAI-shaped message of whatever shape it was told in: with parts, with content, spread over attributes, or words."""
    if not isinstance(told, Mapping):
        return {"role": role or "user", "content": told}
    message = {name: value for name, value in told.items() if name not in {"parts", "message"} and value is not None}
    if isinstance(told.get("message"), Mapping):  # an event's choice
        message = dict(told["message"]) | {name: value for name, value in message.items() if name == "finish_reason"}
    message["role"] = str(message.get("role") or role or "user")
    if isinstance(told.get("parts"), list):
        return _with_parts(message, told["parts"])
    if "content" in message:
        message["content"] = parsed(message["content"])
    if calls := listed(message.get("tool_calls")):
        message["tool_calls"] = [tool_call(call) for call in calls]
    return message


def tool_call(told: Any) -> Any:
    """A tool call as OpenAI writes it: its name and arguments are one level down."""
    if not isinstance(told, Mapping) or isinstance(told.get("function"), Mapping):
        return told
    arguments = told.get("arguments")
    plain = arguments if arguments is None or isinstance(arguments, str) else orjson.dumps(arguments).decode()
    function = {"name": told.get("name"), "arguments": plain}
    return {"id": told.get("id"), "type": "function", "function": function}


def _with_parts(message: dict[str, Any], parts: list[Any]) -> dict[str, Any]:
    texts: list[Any] = []
    calls: list[Any] = []
    for part in parts:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind == "text":
            texts.append({"type": "text", "text": part.get("content") or part.get("text")})
        elif kind == "tool_call":
            calls.append(tool_call(part))
        elif kind == "tool_call_response":
            message["tool_call_id"] = part.get("id")
            texts.append({"type": "text", "text": part.get("response", part.get("result"))})
        elif kind == "reasoning":
            message["reasoning"] = f"{message.get('reasoning', '')}{part.get('content') or ''}"
        else:
            texts.append(part)
    if len(texts) == 1 and isinstance(texts[0], Mapping) and texts[0].get("type") == "text":
        message["content"] = texts[0]["text"]
    elif texts or not calls:
        message["content"] = texts or None
    if calls:
        message["tool_calls"] = calls
    return message


def _content(attributes: Attributes, events: Sequence[SpanEvent]) -> tuple[Any, Any, Any]:
    """What was said, the reply, and its reasoning."""
    spoken = _spoken(events)
    system = listed(take(attributes, "gen_ai.system_instructions") or spoken.get("gen_ai.system_instructions"))
    asked = take(attributes, "gen_ai.input.messages") or spoken.get("gen_ai.input.messages")
    replied = take(attributes, "gen_ai.output.messages") or spoken.get("gen_ai.output.messages")
    spread_prompt, spread_completion = take_list(attributes, "gen_ai.prompt"), take_list(attributes, "gen_ai.completion")
    whole_prompt, whole_completion = take(attributes, "gen_ai.prompt"), take(attributes, "gen_ai.completion")
    asked = listed(asked) or listed(spread_prompt) or spoken["asked"] or listed(whole_prompt or spoken.get("gen_ai.prompt"))
    replied = listed(replied) or listed(spread_completion) or spoken["replied"]
    replied = replied or listed(whole_completion or spoken.get("gen_ai.completion"))
    messages = [message_of(told) for told in asked]
    if system:
        parts = [part if isinstance(part, Mapping) else {"type": "text", "content": part} for part in system]
        messages.insert(0, _with_parts({"role": "system"}, parts))
    reply = [message_of(told, "assistant") for told in replied]
    reasoning = "".join(str(message.pop("reasoning")) for message in reply if message.get("reasoning"))
    return messages or None, reply or None, reasoning or None


def _spoken(events: Sequence[SpanEvent]) -> dict[str, Any]:
    """Content that came as events: messages of both sides, and attributes of content by their names."""
    spoken: dict[str, Any] = {"asked": [], "replied": []}
    for event in events:
        if event.name == "gen_ai.choice":
            spoken["replied"].append(_told(event))
        elif event.name in {"gen_ai.content.prompt", "gen_ai.content.completion", DETAILS}:
            spoken |= event.attributes
        elif event.name.startswith("gen_ai.") and event.name.endswith(".message"):
            role = event.name.split(".")[1]
            if role in ROLES:
                spoken["asked"].append({"role": role} | _told(event))
    return spoken


def _told(event: SpanEvent) -> dict[str, Any]:
    told = {name.removeprefix("gen_ai.event."): parsed(value) for name, value in event.attributes.items()}
    told.pop("gen_ai.system", None)
    told.pop("gen_ai.provider.name", None)
    body = told.pop("content", None) if isinstance(told.get("content"), Mapping) else None
    nested = take_object(told, "message")
    if nested:
        told["message"] = nested
    return (dict(body) | told) if body else told


def _usage(attributes: Attributes) -> dict[str, int]:
    start = "gen_ai.usage."
    return usage.buckets(
        take(attributes, start + "input_tokens", start + "prompt_tokens"),
        take(attributes, start + "output_tokens", start + "completion_tokens"),
        read=take(attributes, start + "cache_read.input_tokens", start + "cache_read_input_tokens"),
        written=take(attributes, start + "cache_creation.input_tokens", start + "cache_creation_input_tokens"),
        reasoning=take(attributes, start + "reasoning.output_tokens", start + "reasoning_tokens"),
        total=take(attributes, start + "total_tokens", "llm.usage.total_tokens"),
    )
