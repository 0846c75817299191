"""Conversations, messages and feedback as programs read them: the shapes of the service that docs/rest.md names, key by key."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chat import asking, naming
from chat.models import Conversation, Feedback, Message
from chat.render.restore import restore_text


def conversation(row: Conversation) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "user_id": row.end_user or None,
        "title": row.title or None,
        "metadata": row.metadata,
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
    }


def message(row: Message, values: Mapping[str, str]) -> dict[str, Any]:
    """`values` are what may be put back for placeholders. Money is a number, or null where no price is known."""
    provider, model = _asked(row)
    fault = asking.fault_of(row)
    return {
        "id": str(row.id),
        "conversation_id": str(row.conversation_id),
        "role": row.role,
        "content": text(row, values),
        "provider": provider,
        "model": model,
        **usage(row),
        "cost_usd": None if row.cost_usd is None else float(row.cost_usd),
        "latency_ms": row.latency_ms,
        "time_to_first_token_ms": row.ttft_ms,
        "trace_id": row.trace_id or None,
        "span_id": row.span_id or None,
        "metadata": {"finish_reason": row.finish_reason} if row.finish_reason else row.metadata,
        "error": fault.message if fault else None,
        "created_at": moment(row.created_at),
    }


def answer(row: Message, values: Mapping[str, str]) -> dict[str, Any]:
    """What sending a message is answered with."""
    told = message(row, values)
    return {
        "message": told,
        "conversation_id": told["conversation_id"],
        "usage": {name: count or 0 for name, count in usage(row).items()},
        "cost_usd": told["cost_usd"],
    }


def text(row: Message, values: Mapping[str, str]) -> str:
    """What the message says, with values back in the places that are kept for them."""
    return restore_text(row.content, values) if values else row.content


def usage(row: Message) -> dict[str, int | None]:
    """Null where nobody counted."""
    counts = (row.prompt_tokens, row.completion_tokens)
    total = None if None in counts else sum(count or 0 for count in counts)
    return {"prompt_tokens": counts[0], "completion_tokens": counts[1], "total_tokens": total}


def feedback(row: Feedback) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "conversation_id": str(row.conversation_id),
        "message_id": str(row.message_id) if row.message_id else None,
        "user_id": row.end_user or None,
        "feedback_type": row.kind,
        "rating": row.rating,
        "comment": row.comment or None,
        "metadata": row.metadata,
        "created_at": moment(row.created_at),
    }


def moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _asked(row: Message) -> tuple[str | None, str | None]:
    """Provider and model as the program named them, else as the path of the model that answered has them."""
    if row.role != Message.Role.ASSISTANT:
        return None, None
    provider, model = naming.provider_and_model(row.model)
    return row.asked_provider or provider, row.asked_model or model
