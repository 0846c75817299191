"""Closes replies whose runner is gone, with the text that people saw. Runs in each web process and by Celery's beat."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from django.db import connection, transaction
from django.utils import timezone

from chat import branches, frames
from chat.models import Message
from chat.relay import RelayAwayError, close_stored, stored_frames
from chat.render import RENDERER_VERSION, render
from chat.tools import uses
from gateway import catalogue, spending
from gateway.calls import abandoned_call
from telemetry import inbox, product_events, wakeups

log = structlog.get_logger(__name__)

LOCK = 7_301_551
BATCH = 50

# A lease may lapse while the database itself is away, so its holder gets the time to renew it once it is back.
EXPIRED = """
SELECT id FROM chat_message
WHERE status = 'streaming' AND lease_until < now() - interval '5 seconds'
  AND pg_postmaster_start_time() < now() - interval '12 seconds'
ORDER BY lease_until LIMIT %s FOR UPDATE SKIP LOCKED
"""


def sweep() -> int:
    """Close expired runs as interrupted; one process at a time. Returns how many were closed."""
    closed: list[tuple[Message, str]] = []
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            if not cursor.fetchone()[0]:
                return 0
            cursor.execute(EXPIRED, [BATCH])
            ids = [row[0] for row in cursor.fetchall()]
        expired = Message.objects.select_related("conversation").filter(id__in=ids)
        closed.extend((message, _close(message)) for message in expired)
        if closed:
            transaction.on_commit(wakeups.wake)
    for message, end in closed:
        _tell_followers(message, end)
    return len(closed)


def _close(message: Message) -> str:
    """Fold what the relay still holds into the row, and record the call's end."""
    assert message.run_id is not None
    assert message.inference_id is not None
    _fold(message)
    message.status = Message.Status.INTERRUPTED
    message.ended_at = timezone.now()
    message.lease_until = None
    message.html, message.renderer_version = render(message.content), RENDERER_VERSION
    message.reasoning_html = render(message.reasoning) if message.reasoning else ""
    siblings = list(message.conversation.messages.order_by("position"))
    asked = [
        {"role": earlier.role, "content": earlier.content}
        for earlier in branches.path_to(message.parent_id, siblings)[message.omitted_count :]
    ]
    begun = message.continued_length  # what an earlier call wrote is asked with, and not billed again
    if begun:
        asked += [{"role": "assistant", "content": message.content[:begun]}]
    used = uses.uses_of([message]).get(message.id, [])
    # While tools run, the call that asked for them is recorded already, and no other has begun.
    if all(use.inference_id != message.inference_id for use in used):
        _end_call(message, [*asked, *uses.told(used)])
    uses.break_off(message.id, now=message.ended_at)
    message.save()
    product_events.note(
        product_events.Name.CHAT_FAILED,
        message.conversation.workspace_id,
        user_id=message.conversation.owner_id,
        conversation_id=message.conversation_id,
        detail=message.status,
    )
    return frames.end_frame(message, run_id=message.run_id, seq=message.streamed_seq)


def _end_call(message: Message, asked: Sequence[Mapping[str, Any]]) -> None:
    """Record the end of the call that was being made, and add what it used to what the reply's earlier calls did."""
    assert message.inference_id is not None
    assert message.ended_at is not None
    event, bill = abandoned_call(
        inference_id=message.inference_id,
        workspace_id=message.conversation.workspace_id,
        path=catalogue.full_path(message.model, message.conversation.workspace_id),
        messages=asked,
        reply=message.content[message.continued_length :],
        ended_at=message.ended_at,
        payloads="none" if message.conversation.is_temporary else None,
    )
    spending.settle(message.inference_id, bill)
    is_first = message.prompt_tokens is None
    is_priced = bill.price is not None and (is_first or message.cost_usd is not None)
    message.cost_usd = (message.cost_usd or 0) + bill.price.usd if is_priced and bill.price else None
    message.prompt_tokens = (message.prompt_tokens or 0) + bill.usage.prompt_tokens
    message.completion_tokens = (message.completion_tokens or 0) + bill.usage.completion_tokens
    message.usage_source = bill.source
    with connection.cursor() as cursor:
        inbox.append([event], cursor)


def _fold(message: Message) -> None:
    """Take what was shown and not stored yet."""
    assert message.run_id is not None
    try:
        rest = stored_frames(message.run_id, message.streamed_seq)
    except RelayAwayError as error:
        log.warning("The relay is away; the reply keeps its stored text.", run_id=str(message.run_id), error=str(error))
        return
    thoughts = [frame.aside.thought for frame in rest if frame.aside and frame.aside.thought]
    message.content += "".join(frame.text for frame in rest)
    message.reasoning += "".join(thought.text for thought in thoughts)
    message.reasoning_ms = max([message.reasoning_ms or 0, *(thought.ms for thought in thoughts)]) or None
    message.streamed_seq += len(rest)


def _tell_followers(message: Message, end: str) -> None:
    assert message.run_id is not None
    try:
        close_stored(message.run_id, message.streamed_seq, end)
    except RelayAwayError as error:
        log.warning("Followers read the end from the database.", run_id=str(message.run_id), error=str(error))
