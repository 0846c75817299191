"""What templates and frames are given: the same data for a whole page and for a fragment of it."""

import uuid

from django.template.loader import render_to_string
from django.utils import timezone

from chat import branches, parts
from chat.message_views import MessageView, message_view
from chat.models import Conversation, Message
from chat.originals import MASKS_KEPT, NOTHING, Held, held_for, kept_for
from telemetry.policies import Policy


def transcript(conversation: Conversation, held: Held = NOTHING) -> list[MessageView]:
    """The active branch, in order."""
    messages = branches.active(list(conversation.messages.order_by("position")))
    found = parts.of(messages)
    return [message_view(message, held, found) for message in messages]


def turn_html(prompt: Message, reply: Message, held: Held = NOTHING) -> str:
    """The two articles of a turn."""
    found = parts.of([prompt, reply])
    return render_to_string("chat/_turn.html", {"messages": [message_view(one, held, found) for one in (prompt, reply)]})


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
