"""What templates and frames are given: the same data for a whole page and for a fragment of it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from accounts.models import User
from chat import branches
from chat.access import conversations_of
from chat.models import Conversation, Message
from chat.originals import MASKS_KEPT, NOTHING, Held, held_for, kept_for
from chat.render import RENDERER_VERSION, render, render_plain
from telemetry.policies import Policy

PAGE_OF_CONVERSATIONS = 40


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message as a page shows it. Times in milliseconds, money in US dollars, None where unknown."""

    id: uuid.UUID
    role: str
    status: str
    run_id: uuid.UUID | None
    text: str
    html: SafeString
    model: str
    error: str
    retryable: bool
    created_at: datetime
    prompt_tokens: int | None
    completion_tokens: int | None
    is_estimated: bool
    cost_usd: Decimal | None
    ttft_ms: int | None
    tokens_per_second: float | None
    trace_id: str
    omitted_count: int


def message_view(message: Message, held: Held = NOTHING) -> MessageView:
    """`held` is what its owner may see of what was removed; whatever is relayed or stored is made without."""
    return MessageView(
        id=message.id,
        role=message.role,
        status=message.status,
        run_id=message.run_id,
        text=held.text_of(message),
        html=mark_safe(held.html_of(message, html_of(message))),  # noqa: S308 (the renderer's output is sanitised)
        model=message.model,
        error=message.error,
        retryable=message.status in (Message.Status.FAILED, Message.Status.INTERRUPTED),
        created_at=message.created_at,
        prompt_tokens=message.prompt_tokens,
        completion_tokens=message.completion_tokens,
        is_estimated=message.usage_source in ("counted", "estimated"),
        cost_usd=message.cost_usd,
        ttft_ms=message.ttft_ms,
        tokens_per_second=_tokens_per_second(message),
        trace_id=message.trace_id,
        omitted_count=message.omitted_count,
    )


def html_of(message: Message) -> str:
    """The message as safe HTML; a finished reply was rendered when it ended."""
    if message.role != Message.Role.ASSISTANT:
        return render_plain(message.content)
    if message.html and message.renderer_version == RENDERER_VERSION:
        return message.html
    return render(message.content)


def _tokens_per_second(message: Message) -> float | None:
    """Completion tokens over the time from the first one to the end."""
    if not message.completion_tokens or message.latency_ms is None or message.ttft_ms is None:
        return None
    seconds = (message.latency_ms - message.ttft_ms) / 1000
    return round(message.completion_tokens / seconds, 1) if seconds > 0 else None


def transcript(conversation: Conversation, held: Held = NOTHING) -> list[MessageView]:
    """The active branch, in order."""
    return [message_view(message, held) for message in branches.active(list(conversation.messages.order_by("position")))]


def turn_html(prompt: Message, reply: Message, held: Held = NOTHING) -> str:
    """The two articles of a turn."""
    return render_to_string("chat/_turn.html", {"messages": [message_view(prompt, held), message_view(reply, held)]})


def own_turn_html(reply_id: uuid.UUID) -> str:
    """The two articles of a stored turn as its owner sees them; empty when it is gone."""
    reply = Message.objects.select_related("parent").filter(id=reply_id).first()
    if reply is None or reply.parent is None:
        return ""
    return turn_html(reply.parent, reply, held_for(reply.conversation_id, now=timezone.now()))


def privacy(policy: Policy, held: Held) -> list[str]:
    """What the page says of the workspace's mode, and of what it no longer knows; nothing where everything is as usual."""
    lines = []
    if policy.mode == "mask":
        hours = round((kept_for(policy) or MASKS_KEPT).total_seconds() / 3600)
        lines.append(
            f"The model gets names such as “e-mail 1” for personal data and secrets; you see the real ones for {hours} hours."
        )
    elif policy.mode == "block":
        lines.append("Messages with personal data or secrets are not sent.")
    elif policy.vault:
        hours = round(policy.vault.total_seconds() / 3600)
        lines.append(f"What is removed from this chat is kept encrypted for {hours} hours, for you and the model alone.")
    if held.has_expired:
        lines.append("Some values in this chat were kept for a while and are gone; their names stand in their place.")
    return lines


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page of the sidebar ends: the time and id of its last conversation."""

    updated_at: datetime
    id: uuid.UUID

    def __str__(self) -> str:
        return f"{self.updated_at.isoformat()}_{self.id.hex}"

    @classmethod
    def parse(cls, text: str) -> "Cursor | None":
        """None for an empty or broken cursor: the list then starts at its top."""
        moment, _, hexadecimal = text.rpartition("_")
        try:
            updated_at = datetime.fromisoformat(moment)
            return cls(updated_at, uuid.UUID(hexadecimal)) if updated_at.tzinfo else None
        except ValueError:
            return None


def sidebar(user: User, *, before: Cursor | None = None) -> dict[str, Any]:
    """`groups` of the person's conversations by date, newest first, and the cursor `next_before` of the following page."""
    found = conversations_of(user).order_by("-updated_at", "-id").only("id", "title", "updated_at")
    if before is not None:
        found = found.extra(where=["(updated_at, id) < (%s, %s)"], params=[before.updated_at, before.id])
    rows = list(found[: PAGE_OF_CONVERSATIONS + 1])
    shown = rows[:PAGE_OF_CONVERSATIONS]
    is_more = len(rows) > len(shown)
    return {
        "groups": _by_date(shown, today=timezone.localdate()),
        "next_before": str(Cursor(shown[-1].updated_at, shown[-1].id)) if is_more else "",
    }


def sidebar_html(user: User) -> str:
    """The first page of the sidebar, to be swapped in out of band."""
    return render_to_string("chat/_sidebar.html", {**sidebar(user), "is_out_of_band": True})


def _by_date(conversations: Sequence[Conversation], *, today: date) -> list[tuple[str, list[Conversation]]]:
    groups: dict[str, list[Conversation]] = {}
    for conversation in conversations:
        groups.setdefault(_age(timezone.localdate(conversation.updated_at), today), []).append(conversation)
    return list(groups.items())


def _age(day: date, today: date) -> str:
    days = (today - day).days
    if days <= 0:
        return "Today"
    if days == 1:
        return "Yesterday"
    if days <= 7:
        return "Last 7 days"
    if days <= 30:
        return "Last 30 days"
    return f"{day:%B %Y}"
