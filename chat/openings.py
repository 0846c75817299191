"""Opening a reply: its empty row and the started event of the call that will fill it, before anyone is asked."""

import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone
from uuid_utils.compat import uuid7

from chat import parameters
from chat.callers import Caller
from chat.choices import Choice
from chat.history import History
from chat.models import Conversation, Message
from chat.telling import Told
from chat.tools import offers
from chat.tools.steps import Toolbox, declared
from chat.tools.uses import uses_of
from gateway import efforts, spending
from gateway.calls import Origin
from gateway.exchanges import Exchange
from gateway.protocol import ChatRequest, ProviderError, Target
from gateway.routing import Route
from telemetry import inbox, product_events, wakeups
from telemetry.events import Payloads
from telemetry.policies import Rules
from telemetry.product_events import Name

LEASE = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Opening:
    """A reply and what will fill it. `exchange` is None where the reply had been opened before, or has failed already."""

    reply: Message
    exchange: Exchange | None
    toolbox: Toolbox = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reply comes to stand: beside which others, and after which beginning."""

    position: int
    slot: int = 0
    compare_id: uuid.UUID | None = None
    continues: Message | None = None
    is_shown: bool = True  # its branch becomes the one that is shown


def open_choice(
    prompt: Message,
    choice: Choice,
    told: Told,
    *,
    process_id: uuid.UUID | None,
    rules: Rules,
    place: Place,
    effort: str = "",
) -> Opening:
    """The reply of one of the models that were asked for."""
    if choice.target is None:
        assert choice.refusal is not None
        return _open_refused(prompt, choice.refusal, path=choice.path, place=place)
    takes_tools = efforts.takes_tools(choice.target, prompt.conversation.workspace_id)
    history = told.fitted(choice.target, uses_of(told.stored) if takes_tools else {})
    return open_reply(
        prompt,
        history,
        choice.target,
        path=choice.path,
        process_id=process_id,
        rules=rules,
        place=place,
        effort=effort,
        caller=told.caller,
        route=choice.route,
    )


def open_reply(
    prompt: Message,
    history: History,
    target: Target,
    *,
    path: str,
    process_id: uuid.UUID | None,
    rules: Rules,
    place: Place,
    effort: str = "",
    caller: Caller | None = None,
    route: Route | None = None,
) -> Opening:
    """The empty reply and the started event of the call that will fill it."""
    conversation = prompt.conversation
    effort = efforts.taken(effort, target, conversation.workspace_id)
    toolbox = offers.toolbox(conversation, target)
    reply = Message(
        **_placed(prompt, place),
        status=Message.Status.STREAMING,
        run_id=uuid7(),
        runner=process_id,
        lease_until=Now() + LEASE,
        model=path,
        redaction_version=rules.version,
        omitted_count=history.omitted_count,
        reasoning_effort=effort,
        asked_provider=caller.provider if caller else "",
        asked_model=caller.model if caller else "",
    )
    origin = _origin(conversation, reply, process_id, caller)
    asked = {**parameters.of(conversation, caller), **({"reasoning_effort": effort} if effort else {}), **declared(toolbox)}
    exchange = Exchange(ChatRequest(target, history.messages, asked), origin, rules=rules, route=route)
    reply.inference_id = exchange.call.inference_id
    reply.trace_id, reply.span_id = exchange.call.origin.trace_id, exchange.call.span_id
    reply.save(force_insert=True)
    _touch(conversation, reply, place)
    spending.reserve(exchange.call, now=timezone.now())
    with connection.cursor() as cursor:
        inbox.append([exchange.call.started()], cursor)
    note(Name.CHAT_REQUESTED, conversation)
    transaction.on_commit(wakeups.wake)
    return Opening(reply, exchange, toolbox)


def _origin(conversation: Conversation, reply: Message, process_id: uuid.UUID | None, caller: Caller | None) -> Origin:
    return Origin(
        workspace_id=conversation.workspace_id,
        user_id=conversation.owner_id,
        process_id=process_id,
        source="chat",
        conversation_id=conversation.id,
        message_id=reply.id,
        payloads=_kept(conversation, caller),
        trace_id=caller.trace_id if caller else "",
        api_key_id=caller.api_key_id if caller else None,
        requested_model=caller.model if caller else "",
        end_user=(caller.end_user or conversation.end_user or None) if caller else None,
        metadata=caller.metadata if caller else {},
    )


def _kept(conversation: Conversation, caller: Caller | None) -> Payloads | None:
    """How much of what is said the log keeps: a key may let it keep less than the installation does."""
    return "none" if conversation.is_temporary else caller.payloads if caller else None


def _open_refused(prompt: Message, refusal: ProviderError, *, path: str, place: Place) -> Opening:
    """A reply that failed before anyone was asked, beside others that did not: it can be tried again."""
    reply = Message(
        **_placed(prompt, place),
        status=Message.Status.FAILED,
        run_id=uuid7(),
        model=path,
        error_code=refusal.code,
        error=refusal.message,
        ended_at=prompt.created_at,
    )
    reply.save(force_insert=True)
    _touch(prompt.conversation, reply, place)
    return Opening(reply, None)


def _placed(prompt: Message, place: Place) -> dict[str, Any]:
    """What goes on with a broken reply starts with its text, as if its first frame had been stored already."""
    begun = place.continues.content if place.continues else ""
    return {
        "conversation": prompt.conversation,
        "parent": prompt,
        "role": Message.Role.ASSISTANT,
        "position": place.position,
        "slot": place.slot,
        "compare_id": place.compare_id,
        "continues": place.continues,
        "content": begun,
        "continued_length": len(begun),
        "streamed_seq": 1 if begun else 0,
    }


def _touch(conversation: Conversation, reply: Message, place: Place) -> None:
    changes: dict[str, Any] = {"updated_at": reply.created_at}
    if place.is_shown:
        changes |= {"model": reply.model, "active_leaf": reply}
    Conversation.objects.filter(id=conversation.id).update(**changes)


def note(name: Name, conversation: Conversation) -> None:
    product_events.note(name, conversation.workspace_id, user_id=conversation.owner_id, conversation_id=conversation.id)
