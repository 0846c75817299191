"""A message as a page shows it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.safestring import SafeString, mark_safe

from chat.asides import thinking_time
from chat.files.chips import FileChip
from chat.models import Message
from chat.originals import NOTHING, Held
from chat.parts import NO_PARTS, FeedbackView, Parts, Versions
from chat.render import RENDERER_VERSION, render, render_plain
from chat.tools.uses import ToolRow, seen

SHORTEST_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message as a page shows it. Times in milliseconds, money in US dollars, None where unknown."""

    id: uuid.UUID
    conversation_id: uuid.UUID
    parent_id: uuid.UUID | None
    role: str
    status: str
    run_id: uuid.UUID | None
    text: str
    html: SafeString
    model: str
    error: str
    retryable: bool
    can_continue: bool
    created_at: datetime
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    served_model: str
    is_estimated: bool
    cost_usd: Decimal | None
    ttft_ms: int | None
    tokens_per_second: float | None
    trace_id: str
    omitted_count: int
    reasoning_html: SafeString
    reasoning_ms: int | None
    thinking_label: str
    versions: Versions | None
    tool_rows: Sequence[ToolRow]
    files: Sequence[FileChip]
    feedback: FeedbackView | None


def message_view(message: Message, held: Held = NOTHING, parts: Parts = NO_PARTS) -> MessageView:
    """`held` is what its owner may see of what was removed; whatever is relayed or stored is made without."""
    return MessageView(
        id=message.id,
        conversation_id=message.conversation_id,
        parent_id=message.parent_id,
        role=message.role,
        status=message.status,
        run_id=message.run_id,
        text=held.text_of(message),
        html=mark_safe(held.html_of(message, html_of(message))),  # noqa: S308 (the renderer's output is sanitised)
        model=message.model,
        error=message.error,
        retryable=message.status in (Message.Status.FAILED, Message.Status.INTERRUPTED),
        can_continue=message.can_continue,
        created_at=message.created_at,
        prompt_tokens=message.prompt_tokens,
        completion_tokens=message.completion_tokens,
        cached_tokens=message.cached_tokens,
        reasoning_tokens=message.reasoning_tokens,
        served_model=_other_model(message),
        is_estimated=message.usage_source in ("counted", "estimated"),
        cost_usd=message.cost_usd,
        ttft_ms=message.ttft_ms,
        tokens_per_second=_tokens_per_second(message),
        trace_id=message.trace_id,
        omitted_count=message.omitted_count,
        reasoning_html=mark_safe(held.html(reasoning_html_of(message))),  # noqa: S308 (the renderer's output is sanitised)
        reasoning_ms=message.reasoning_ms,
        thinking_label=thinking_time(message.reasoning_ms) if message.reasoning else "",
        versions=parts.versions.get(message.id),
        tool_rows=[seen(row, held.restored) for row in parts.tool_rows.get(message.id, ())],
        files=parts.files.get(message.id, ()),
        feedback=parts.feedback.get(message.id),
    )


def html_of(message: Message) -> str:
    """The message as safe HTML; a finished reply was rendered when it ended."""
    if message.role != Message.Role.ASSISTANT:
        return render_plain(message.content)
    if message.html and message.renderer_version == RENDERER_VERSION:
        return message.html
    return render(message.content)


def reasoning_html_of(message: Message) -> str:
    """The model's reasoning as safe HTML; rendered when the reply ended, or now."""
    if not message.reasoning or (message.reasoning_html and message.renderer_version == RENDERER_VERSION):
        return message.reasoning_html
    return render(message.reasoning)


def _other_model(message: Message) -> str:
    """What answered, where it is not what was asked: a dated version of the same model is."""
    asked, served = message.model.rpartition("/")[2].lower(), message.served_model.rpartition("/")[2].lower()
    return "" if not served or served.startswith(asked.partition(":")[0]) else message.served_model


def _tokens_per_second(message: Message) -> float | None:
    """Completion tokens over the time from the first one to the end; what came all at once says nothing of a speed."""
    if not message.completion_tokens or message.latency_ms is None or message.ttft_ms is None:
        return None
    seconds = (message.latency_ms - message.ttft_ms) / 1000
    return round(message.completion_tokens / seconds, 1) if seconds >= SHORTEST_SECONDS else None
