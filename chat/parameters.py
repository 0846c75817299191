"""What models are asked with: the installation's defaults, the conversation's own values, those that came with the message."""

from typing import Any

from django.conf import settings

from chat.callers import Caller
from chat.models import Conversation


def of(conversation: Conversation, caller: Caller | None = None) -> dict[str, Any]:
    """OpenAI-shaped parameters of a call."""
    defaults: dict[str, Any] = {"temperature": settings.DEFAULT_TEMPERATURE, "max_tokens": settings.DEFAULT_MAX_TOKENS}
    return {**defaults, **conversation.parameters, **(caller.parameters if caller else {})}
