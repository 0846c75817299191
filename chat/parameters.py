"""What models are asked with in a conversation: the installation's defaults, and the conversation's own values."""

from typing import Any

from django.conf import settings

from chat.models import Conversation


def of(conversation: Conversation) -> dict[str, Any]:
    """OpenAI-shaped parameters of a call."""
    defaults: dict[str, Any] = {"temperature": settings.DEFAULT_TEMPERATURE, "max_tokens": settings.DEFAULT_MAX_TOKENS}
    return {**defaults, **conversation.parameters}
