"""May this person see this row? Pages, sockets and commands all ask here; for a stranger it does not exist."""

import uuid

from django.http import Http404

from accounts.models import User
from chat.models import Conversation, Message


def conversation_of(user: User, conversation_id: uuid.UUID) -> Conversation:
    """The person's own conversation. Raises `Http404`."""
    found = Conversation.objects.filter(id=conversation_id, owner=user).first()
    if found is None:
        raise Http404("There is no such conversation.")
    return found


def reply_of(user: User, run_id: uuid.UUID) -> Message:
    """The reply that a run of the person's own writes. Raises `Http404`."""
    found = Message.objects.select_related("conversation").filter(run_id=run_id, conversation__owner=user).first()
    if found is None:
        raise Http404("There is no such reply.")
    return found
