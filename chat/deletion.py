"""Deleting conversations: put away first, so that it can be undone; a little later for good.

Messages go with them, the logs of their calls stay without the link. What a temporary chat held goes by itself.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

import redis
import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from chat import relay
from chat.files import store
from chat.models import Conversation, Message
from telemetry.conversations import unlink_conversation

UNDO_FOR = timedelta(seconds=60)  # the page offers it for a shorter time
TEMPORARY_FOR = timedelta(hours=24)
BATCH = 200

log = structlog.get_logger(__name__)


def running(conversation: Conversation) -> list[uuid.UUID]:
    """The runs that write in a conversation at this moment."""
    found = conversation.messages.filter(status=Message.Status.STREAMING, run_id__isnull=False)
    return [run_id for run_id in found.values_list("run_id", flat=True) if run_id is not None]


def put_away(conversation: Conversation, *, now: datetime) -> None:
    """From here on nobody finds it; only `bring_back` does."""
    Conversation.objects.filter(id=conversation.id, deleted_at=None).update(deleted_at=now)


def bring_back(conversation: Conversation) -> bool:
    """Undo `put_away`; False when it is too late."""
    return bool(Conversation.objects.filter(id=conversation.id, deleted_at__isnull=False).update(deleted_at=None))


def delete(conversation: Conversation) -> None:
    """Delete the conversation and its messages for good, and unlink its logs, in one transaction."""
    with transaction.atomic():
        unlink_conversation(conversation.workspace_id, conversation.id)
        files = store.of_messages(conversation.messages.all())
        conversation.delete()
        store.let_go(files)


def purge(now: datetime) -> int:
    """Delete for good what was put away, and the temporary chats whose time is over. Returns how many went.

    Any number of processes may purge at once: a row is taken by one of them.
    """
    is_over = Q(deleted_at__lte=now - UNDO_FOR) | Q(is_temporary=True, updated_at__lte=now - TEMPORARY_FOR)
    ids = Conversation.objects.filter(is_over).values_list("id", flat=True)[:BATCH]
    count = 0
    for conversation_id in list(ids):
        with transaction.atomic():
            taken = Conversation.objects.select_for_update(skip_locked=True, of=("self",)).filter(is_over, id=conversation_id)
            conversation = taken.first()
            if conversation is None:
                continue  # taken by another process, or brought back a moment ago
            runs = _runs(conversation)
            delete(conversation)
        forget_streams(runs)
        count += 1
    return count


def delete_now(conversation: Conversation) -> None:
    """Delete for good, with what Valkey still holds of it."""
    runs = _runs(conversation)
    delete(conversation)
    forget_streams(runs)


def _runs(conversation: Conversation) -> list[uuid.UUID]:
    return [run_id for run_id in conversation.messages.values_list("run_id", flat=True) if run_id]


def forget_streams(runs: Sequence[uuid.UUID]) -> None:
    """Delete what Valkey still holds of replies' texts; by itself it forgets them within the hour."""
    if not runs:
        return
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as client:
            client.delete(*(relay.key(run_id) for run_id in runs))
    except (redis.RedisError, OSError) as error:
        log.warning("the streams of deleted replies expire by themselves", error=type(error).__name__)
