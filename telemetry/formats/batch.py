"""The events of a logging SDK's batch contract: inferences and tool invocations, told once when they have ended.

Names and values are that contract's own (`ok` for success, and canceled with two l). Unknown fields, nulls and the sender's own
`raw_payload_uri` are ignored; an event is refused only where it says neither what it is nor how it ended.
"""

from collections.abc import Mapping
from typing import Any

from telemetry.formats import usage
from telemetry.formats.attributes import number, text
from telemetry.formats.providers import error_class, provider
from telemetry.formats.told import Told, Unreadable

EVENTS_LIMIT = 500
EVENT_BYTES = 256 * 1024
STATUSES = {
    "ok": "success",
    "success": "success",
    "error": "error",
    "timeout": "error",
    "cancelled": "canceled",  # wire
    "canceled": "canceled",
}
TOOL = "tool_invocation"
INFERENCE = {None, "", "inference", "inference.logged"}


def read(event: Any) -> Told:
    """What one event tells. Raises Unreadable."""
    if not isinstance(event, Mapping):
        raise Unreadable("malformed", "is not an object")
    kind = event.get("event_type")
    if kind == TOOL:
        return _tool(event)
    if kind not in INFERENCE:
        raise Unreadable("unknown_event_type", "has an unknown event_type")
    return _inference(event)


def _inference(event: Mapping[str, Any]) -> Told:
    name = _name(event, "inference_id")
    told_usage = usage.part(event, "usage")
    metadata = event.get("metadata")
    fields = {
        "inference_id": name,
        "conversation_id": text(event.get("conversation_id")),
        "message_id": text(event.get("message_id")),
        "provider": provider(event.get("provider")),
        "model": text(event.get("model")),
        "operation": "chat",
        **_ending(event),
        "ttft_ms": number(event.get("ttft_ms")),
        "is_stream": True if number(event.get("ttft_ms")) is not None else None,
        **usage.from_openai(told_usage),
        "usage": dict(told_usage) or None,
        "usage_source": "provider" if told_usage else None,
        "reported_cost_usd": number(event.get("cost_usd")),
        "input_preview": text(event.get("prompt_preview")),
        "output_preview": text(event.get("response_preview")),
        "raw_payload": event.get("raw_payload"),
        "metadata": dict(metadata) if isinstance(metadata, Mapping) else None,
        "sdk_version": text(event.get("sdk_version")),
    }
    return Told(name, "finished", _present(fields))


def _tool(event: Mapping[str, Any]) -> Told:
    name = _name(event, "tool_invocation_id")
    metadata = event.get("metadata")
    fields = {
        "id": name,
        "kind": "tool",
        "name": text(event.get("tool_name")),
        "inference_id": text(event.get("inference_id")),
        "conversation_id": text(event.get("conversation_id")),
        "arguments_preview": text(event.get("arguments_preview")),
        "result_preview": text(event.get("result_preview")),
        **_ending(event),
        "sdk_version": text(event.get("sdk_version")),
        "attributes": dict(metadata) if isinstance(metadata, Mapping) else None,
    }
    return Told(name, "span", _present(fields))


def _ending(event: Mapping[str, Any]) -> dict[str, Any]:
    told = event.get("status")
    status = STATUSES.get(told) if isinstance(told, str) else None
    if status is None:
        raise Unreadable("invalid_status", "has no status of ok, error, timeout or cancelled")  # wire
    error = usage.part(event, "error")
    kind = "timeout" if told == "timeout" else error_class(error.get("type"), error.get("provider_code"), error.get("message"))
    return {
        "status": status,
        "started_at": text(event.get("ts_start")),
        "ended_at": text(event.get("ts_end")),
        "latency_ms": number(event.get("latency_ms")),
        "error_class": (kind or "error") if status == "error" else None,
        "error_code": text(error.get("provider_code")),
        "error_message": text(error.get("message")),
    }


def _name(event: Mapping[str, Any], field: str) -> str:
    name = text(event.get(field))
    if name is None:
        raise Unreadable("missing_id", f"has no {field}")
    return name


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
