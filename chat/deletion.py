"""Deleting conversations: messages go with them, the logs of their calls stay without the link."""

import uuid

from django.db import transaction

from chat.models import Conversation, Message
from telemetry.conversations import unlink_conversation


def running(conversation: Conversation) -> list[uuid.UUID]:
    """The runs that write in a conversation at this moment."""
    found = conversation.messages.filter(status=Message.Status.STREAMING, run_id__isnull=False)
    return [run_id for run_id in found.values_list("run_id", flat=True) if run_id is not None]


def delete(conversation: Conversation) -> None:
    """Delete the conversation and its messages, and unlink its logs, in one transaction."""
    with transaction.atomic():
        unlink_conversation(conversation.workspace_id, conversation.id)
        conversation.delete()
