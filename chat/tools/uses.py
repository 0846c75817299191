"""Each use of a tool: its row while it runs and after, how pages show it, and what later calls are told of it."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any

from django.template.loader import render_to_string
from uuid_utils.compat import uuid7

from chat.models import Message, ToolUse
from telemetry import events, spans

SHOWN_CHARACTERS = 4_000
BROKEN_OFF = "The server stopped while this tool was running."
NEVER_ENDED = "The tool was stopped before it had a result."


@dataclass(frozen=True, slots=True)
class ToolRow:
    """One use of a tool, as a page shows it. `hidden_count` characters of the result are left out."""

    id: uuid.UUID
    name: str
    server: str
    arguments: str
    result: str
    hidden_count: int
    status: str
    duration_ms: int | None


def row_of(use: ToolUse) -> ToolRow:
    took = (use.ended_at - use.started_at).total_seconds() * 1000 if use.ended_at else None
    return ToolRow(
        id=use.id,
        name=use.name,
        server=use.server,
        arguments=use.arguments if use.arguments not in ("", "{}") else "",
        result=use.result[:SHOWN_CHARACTERS],
        hidden_count=max(0, len(use.result) - SHOWN_CHARACTERS),
        status=use.status,
        duration_ms=None if took is None else max(0, round(took)),
    )


def row_html(use: ToolUse) -> str:
    return render_to_string("chat/_tool_row.html", {"row": row_of(use)})


def rows_of(messages: Sequence[Message]) -> dict[uuid.UUID, list[ToolRow]]:
    """The rows of all these messages, by message."""
    found: dict[uuid.UUID, list[ToolRow]] = {}
    for message_id, uses in uses_of(messages).items():
        found[message_id] = [row_of(use) for use in uses]
    return found


def uses_of(messages: Iterable[Message]) -> dict[uuid.UUID, list[ToolUse]]:
    """The uses of all these messages, in order."""
    replies = [message.id for message in messages if message.role == Message.Role.ASSISTANT]
    found: dict[uuid.UUID, list[ToolUse]] = {}
    if replies:
        for use in ToolUse.objects.filter(message_id__in=replies).order_by("message_id", "position"):
            found.setdefault(use.message_id, []).append(use)
    return found


def told(uses: Sequence[ToolUse]) -> list[dict[str, Any]]:
    """OpenAI-shaped messages that tell a model of these uses: what it asked for, and what came of it."""
    messages: list[dict[str, Any]] = []
    for _, group in groupby(uses, key=lambda use: use.round):
        asked = list(group)
        calls = [
            {"id": use.call_id, "type": "function", "function": {"name": use.name, "arguments": use.arguments or "{}"}}
            for use in asked
        ]
        messages.append({"role": "assistant", "content": None, "tool_calls": calls})
        messages += [{"role": "tool", "tool_call_id": use.call_id, "content": use.result or NEVER_ENDED} for use in asked]
    return messages


def break_off(message_id: uuid.UUID, *, now: datetime) -> None:
    """End the uses of a reply whose process is gone."""
    running = ToolUse.objects.filter(message_id=message_id, status=ToolUse.Status.RUNNING)
    running.update(status=ToolUse.Status.FAILED, result=BROKEN_OFF, ended_at=now)


def span_of(
    use: ToolUse, identity: Mapping[str, Any], *, arguments: Any, result: str, payloads: events.Payloads | None = None
) -> events.Event:
    """The step that telemetry keeps of a use. `identity` is the call's that asked for it; it redacts by itself."""
    is_quotable = payloads != "none"
    return spans.build(
        {
            "id": use.id,
            "kind": "tool",
            "name": f"{use.server}: {use.name}" if use.server else use.name,
            "span_id": uuid7().hex[-16:],
            **identity,
            "status": {"done": "success", "canceled": "canceled"}.get(use.status, "error"),
            "error_class": None if use.status in ("done", "canceled") else f"tool_{use.status}",
            "error_message": result if is_quotable and use.status in ("failed", "denied") else None,
            "started_at": use.started_at,
            "ended_at": use.ended_at,
            "arguments": arguments,
            "result": result or None,
        },
        payloads=payloads,
    )


def seen(row: ToolRow, restore: Any) -> ToolRow:
    """The row with the values of its placeholders, for its owner."""
    return replace(row, arguments=restore(row.arguments), result=restore(row.result))
