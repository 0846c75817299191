"""LiteLLM's StandardLoggingPayload, as its generic callback posts it: one, a list of them, or one a line."""

from collections.abc import Mapping
from typing import Any

import orjson

from telemetry.formats import usage
from telemetry.formats.attributes import flag, number, text
from telemetry.formats.genai import finish_of
from telemetry.formats.json_text import load
from telemetry.formats.providers import error_class, is_cancellation, provider
from telemetry.formats.told import NANOSECONDS, Malformed, Told, Unreadable, identify, milliseconds, moment

OPERATIONS = (
    ("embedding", "embeddings"),
    ("text_completion", "text_completion"),
    ("rerank", "rerank"),
    ("transcription", "transcription"),
    ("speech", "speech"),
    ("image", "image_generation"),
    ("moderation", "moderation"),
)
READ = {
    "id", "trace_id", "session_id", "litellm_call_id", "call_type", "stream", "response_cost", "status", "custom_llm_provider",
    "total_tokens", "prompt_tokens", "completion_tokens", "startTime", "endTime", "completionStartTime", "response_time", "model",
    "model_group", "metadata", "request_tags", "end_user", "messages", "response", "error_str", "error_information",
    "model_parameters",
}  # fmt: skip
# The price map's whole entry, what LiteLLM keeps for itself, and the caller's network.
LEFT_OUT = {"model_map_information", "hidden_params", "status_fields", "requester_ip_address", "cache_key"}
NOT_SAID = {"provider_specific_fields", "reasoning_content"}


def read_request(body: bytes) -> list[Any]:
    """The payloads, not looked at yet. Raises Malformed."""
    try:
        request = load(body)
    except Malformed:
        lines = [line for line in body.splitlines() if line.strip()]
        if len(lines) < 2:
            raise
        return [_line(line) for line in lines]
    return request if isinstance(request, list) else [request]


def read(payload: Any) -> Told:
    """What one payload tells. Raises Unreadable."""
    if not isinstance(payload, Mapping):
        raise Unreadable("malformed", "is not a StandardLoggingPayload")
    name = text(payload.get("id")) or text(payload.get("litellm_call_id"))
    if name is None:
        raise Unreadable("missing_id", "has neither id nor litellm_call_id")
    metadata = usage.part(payload, "metadata")
    response = usage.part(payload, "response")
    model = text(payload.get("model"))
    vendor = provider(payload.get("custom_llm_provider"))
    parameters = dict(usage.part(payload, "model_parameters"))
    is_stream = flag(payload.get("stream"))
    fields = {
        # Each attempt of a request has its own time, and may have all else in common.
        "inference_id": identify(str(payload.get("litellm_call_id")), name, str(payload.get("startTime"))),
        "trace_id": text(payload.get("trace_id")),
        "session_id": text(payload.get("session_id")),
        "end_user": text(payload.get("end_user"))
        or text(metadata.get("user_api_key_end_user_id") or parameters.pop("user", None)),
        "operation": _operation(str(payload.get("call_type") or "")),
        "requested_model": text(payload.get("model_group")),
        "provider": vendor,
        "model": model.removeprefix(f"{payload.get('custom_llm_provider')}/") if model else None,
        "served_model": text(response.get("model")),
        "is_stream": is_stream if is_stream is not None else flag(parameters.pop("stream", None)),
        "tools": parameters.pop("tools", None),
        "parameters": parameters or None,
        "finish_reason": _finish(response),
        **_timing(payload, is_stream=bool(is_stream)),
        **_ending(payload),
        **_usage(payload, metadata, response),
        "reported_cost_usd": _cost(payload),
        "tags": [str(tag) for tag in payload.get("request_tags") or () if text(tag)] or None,
        "metadata": _rest(payload, metadata) or None,
        **_content(payload, response),
    }
    return Told(name, "finished", {name: value for name, value in fields.items() if value is not None})


def _line(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _operation(call_type: str) -> str:
    return next((operation for word, operation in OPERATIONS if word in call_type), "chat")


def _timing(payload: Mapping[str, Any], *, is_stream: bool) -> dict[str, Any]:
    started, first, ended = (_nanoseconds(payload.get(name)) for name in ("startTime", "completionStartTime", "endTime"))
    times = {"started_at": moment(started), "ended_at": moment(ended)}
    told: dict[str, Any] = {name: at.isoformat() for name, at in times.items() if at}
    told["latency_ms"] = milliseconds(started, ended)
    if is_stream and 0 < first < ended and (at := moment(first)):  # without a stream it is the end
        told |= {"first_token_at": at.isoformat(), "ttft_ms": milliseconds(started, first)}
    return told


def _ending(payload: Mapping[str, Any]) -> dict[str, Any]:
    if payload.get("status") != "failure":
        return {"status": "success"}
    error = usage.part(payload, "error_information")
    kind, code = text(error.get("error_class")), text(error.get("error_code"))
    message = text(error.get("error_message")) or text(payload.get("error_str"))
    if is_cancellation(kind):
        return {"status": "canceled", "error_message": message}
    return {
        "status": "error",
        "error_class": error_class(kind, code, message) or "error",
        "error_code": code,
        "error_message": message,
    }


def _usage(payload: Mapping[str, Any], metadata: Mapping[str, Any], response: Mapping[str, Any]) -> dict[str, Any]:
    """The provider's own usage where it came along, else the payload's three sums. A failed call's noughts are no count."""
    raw = usage.part(metadata, "usage_object") or usage.part(response, "usage")
    if raw:
        return {**usage.from_openai(raw), "usage": dict(raw), "usage_source": "provider"}
    if not any(usage.count(payload.get(name)) for name in ("prompt_tokens", "completion_tokens", "total_tokens")):
        return {}
    return usage.buckets(payload.get("prompt_tokens"), payload.get("completion_tokens"), total=payload.get("total_tokens"))


def _cost(payload: Mapping[str, Any]) -> float | None:
    """What LiteLLM reckons; it says 0 of a model that it does not know, and of a call that failed."""
    return number(payload.get("response_cost")) or None


def _finish(response: Mapping[str, Any]) -> str | None:
    choices = response.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return finish_of(first.get("finish_reason")) if isinstance(first, Mapping) else None


def _content(payload: Mapping[str, Any], response: Mapping[str, Any]) -> dict[str, Any]:
    messages = payload.get("messages")
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    choices = response.get("choices")
    told = [choice for choice in choices if isinstance(choice, Mapping)] if isinstance(choices, list) else []
    reply = [choice.get("message") or {"role": "assistant", "content": choice.get("text")} for choice in told]
    thoughts = [message.get("reasoning_content") for message in reply if isinstance(message, Mapping)]
    said = [_said(message) for message in reply]
    return {
        "messages": messages or None,
        "reply": said or (payload.get("response") if isinstance(payload.get("response"), str) else None),
        "reasoning": "".join(words for words in thoughts if isinstance(words, str)) or None,
    }


def _said(message: Any) -> Any:
    """A message without what it leaves empty, so that the next turn's history has the same."""
    if not isinstance(message, Mapping):
        return message
    return {name: value for name, value in message.items() if value is not None and name not in NOT_SAID}


def _rest(payload: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What no field of ours holds; nothing that is not told."""
    kept = {name: value for name, value in payload.items() if name not in READ | LEFT_OUT}
    kept |= {name: value for name, value in metadata.items() if name not in LEFT_OUT | {"usage_object"}}
    return {name: value for name, value in kept.items() if value is not None and value not in ({}, [], "")}


def _nanoseconds(value: Any) -> int:
    seconds = number(value)
    return int(seconds * NANOSECONDS) if seconds and seconds < 10**11 else 0
