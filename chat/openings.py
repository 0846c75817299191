"""Opening a reply: its empty row and the started event of the call that will fill it, before anyone is asked."""

import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import Max
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from chat import parameters
from chat.history import History
from chat.models import Conversation, Message
from gateway.calls import Exchange, Origin
from gateway.protocol import ChatRequest, Target
from telemetry import inbox, product_events, wakeups
from telemetry.policies import Rules
from telemetry.product_events import Name

LEASE = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Opening:
    """A reply and what will fill it. `exchange` is None where the reply had been opened before."""

    reply: Message
    exchange: Exchange | None


def open_reply(
    prompt: Message, history: History, target: Target, *, path: str, process_id: uuid.UUID | None, rules: Rules
) -> Opening:
    """The empty reply and the started event of the call that will fill it."""
    conversation = prompt.conversation
    reply = Message(
        conversation=conversation,
        parent=prompt,
        role=Message.Role.ASSISTANT,
        status=Message.Status.STREAMING,
        position=next_position(conversation),
        run_id=uuid7(),
        runner=process_id,
        lease_until=Now() + LEASE,
        model=path,
        redaction_version=rules.version,
        omitted_count=history.omitted_count,
    )
    origin = Origin(
        workspace_id=conversation.workspace_id,
        user_id=conversation.owner_id,
        process_id=process_id,
        source="chat",
        conversation_id=conversation.id,
        message_id=reply.id,
    )
    exchange = Exchange(ChatRequest(target, history.messages, parameters.of(conversation)), origin, rules=rules)
    reply.inference_id = exchange.call.inference_id
    reply.trace_id = exchange.call.origin.trace_id
    reply.save(force_insert=True)
    Conversation.objects.filter(id=conversation.id).update(model=path, updated_at=reply.created_at)
    with connection.cursor() as cursor:
        inbox.append([exchange.call.started()], cursor)
    note(Name.CHAT_REQUESTED, conversation)
    transaction.on_commit(wakeups.wake)
    return Opening(reply, exchange)


def note(name: Name, conversation: Conversation) -> None:
    product_events.note(name, conversation.workspace_id, user_id=conversation.owner_id, conversation_id=conversation.id)


def next_position(conversation: Conversation) -> int:
    """Positions follow each other, as the conversation's row is locked."""
    return (conversation.messages.aggregate(last=Max("position"))["last"] or 0) + 1
