"""Closes replies whose runner is gone, with the text that people saw. Runs in each web process and by Celery's beat."""

import structlog
from django.db import connection, transaction
from django.utils import timezone

from chat import branches, frames
from chat.models import Message
from chat.relay import RelayAwayError, close_stored, stored_text
from chat.render import RENDERER_VERSION, render
from gateway import spending
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
    try:
        rest, seq = stored_text(message.run_id, message.streamed_seq)
    except RelayAwayError as error:
        log.warning("The relay is away; the reply keeps its stored text.", run_id=str(message.run_id), error=str(error))
        rest, seq = "", message.streamed_seq
    message.content += rest
    message.streamed_seq = seq
    message.status = Message.Status.INTERRUPTED
    message.ended_at = timezone.now()
    message.lease_until = None
    message.html, message.renderer_version = render(message.content), RENDERER_VERSION
    siblings = list(message.conversation.messages.order_by("position"))
    asked = [
        {"role": earlier.role, "content": earlier.content}
        for earlier in branches.path_to(message.parent_id, siblings)[message.omitted_count :]
    ]
    event, bill = abandoned_call(
        inference_id=message.inference_id,
        workspace_id=message.conversation.workspace_id,
        path=message.model,
        messages=asked,
        reply=message.content,
        ended_at=message.ended_at,
    )
    spending.settle(message.inference_id, bill)
    message.prompt_tokens = bill.usage.prompt_tokens
    message.completion_tokens = bill.usage.completion_tokens
    message.usage_source = bill.source
    message.cost_usd = bill.price.usd if bill.price else None
    message.save()
    product_events.note(
        product_events.Name.CHAT_FAILED,
        message.conversation.workspace_id,
        user_id=message.conversation.owner_id,
        conversation_id=message.conversation_id,
        detail=message.status,
    )
    with connection.cursor() as cursor:
        inbox.append([event], cursor)
    return frames.end_frame(message, run_id=message.run_id, seq=seq)


def _tell_followers(message: Message, end: str) -> None:
    assert message.run_id is not None
    try:
        close_stored(message.run_id, message.streamed_seq, end)
    except RelayAwayError as error:
        log.warning("Followers read the end from the database.", run_id=str(message.run_id), error=str(error))
