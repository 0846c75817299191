"""Sessions beyond the cookie: whom one signs in right now, which a person has, and telling their sockets that one ended."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from redis.exceptions import RedisError

from accounts.models import Session, User
from accounts.session_store import SEEN_EVERY

logger = structlog.get_logger(__name__)
SHOWN = 50  # of a person's sessions, the latest seen


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A browser that is signed in. `token` names it in a page: the key itself would let its reader in."""

    token: str
    device: str
    created_at: datetime
    last_seen_at: datetime
    is_current: bool
    is_active: bool  # seen as late as anything is noted


def socket_group(user_id: uuid.UUID) -> str:
    """The channel-layer group of all sockets of one person."""
    return f"user.{user_id.hex}"


def tell_sockets(user_id: uuid.UUID, message: dict[str, Any]) -> None:
    """Send a rare control message to all sockets of a person. Call it on commit.

    Without Redis the message is lost, and logged: nothing may depend on its arrival.
    """
    layer = get_channel_layer()
    assert layer is not None
    try:
        async_to_sync(layer.group_send)(socket_group(user_id), message)
    except (RedisError, OSError) as error:
        logger.warning("Open sockets could not be told", kind=message["type"], user_id=str(user_id), error=str(error))


async def hear(layer: Any, action: Literal["group_add", "group_discard"], user_id: uuid.UUID, channel: str) -> None:
    """Let a socket hear its person's control messages, or no more. With Redis away the page works on without them."""
    try:
        await getattr(layer, action)(socket_group(user_id), channel)
    except (RedisError, OSError) as error:
        logger.warning("Control messages do not reach this socket", action=action, error=str(error))


def sign_out_sockets(user_id: uuid.UUID) -> None:
    """Tell the person's sockets to look at their session again, and close when it has ended.

    A socket checks its session on each frame it gets anyway.
    """
    tell_sockets(user_id, {"type": "signed.out"})


def signed_in_user(session_key: str | None) -> User | None:
    """Whom this session signs in at this moment, read afresh: None after a sign-out, a new password or a deactivation."""
    if not session_key:
        return None
    row = Session.objects.select_related("user").filter(session_key=session_key, expire_date__gt=timezone.now()).first()
    if row is None or row.user is None or not row.user.is_active:
        return None
    data, valid = row.get_decoded(), row.user.get_session_auth_hash()
    is_theirs = data.get(SESSION_KEY) == str(row.user.pk) and constant_time_compare(data.get(HASH_SESSION_KEY, ""), valid)
    return row.user if is_theirs else None


def open_sessions(user: User, current_key: str | None, now: datetime) -> list[OpenSession]:
    """The person's sessions that still sign them in: this one first, then the latest seen."""
    valid = user.get_session_auth_hash()
    rows = Session.objects.filter(user=user, expire_date__gt=now).order_by("-last_seen_at")[:SHOWN]
    found = [
        OpenSession(
            token=_token(row.session_key),
            device=row.device,
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            is_current=row.session_key == current_key,
            is_active=now - row.last_seen_at < SEEN_EVERY,
        )
        for row in rows
        if constant_time_compare(row.get_decoded().get(HASH_SESSION_KEY, ""), valid)
    ]
    return sorted(found, key=lambda session: not session.is_current)


def end_session(user: User, token: str) -> bool:
    """End the one session that a page named; False when the person has no such session."""
    keys = Session.objects.filter(user=user).values_list("session_key", flat=True)
    key = next((key for key in keys if constant_time_compare(_token(key), token)), None)
    if key is None:
        return False
    return _end(user, [key]) > 0


def end_other_sessions(user: User, current_key: str | None) -> int:
    """End every session but this one; how many there were."""
    keys = list(Session.objects.filter(user=user).exclude(session_key=current_key or "").values_list("session_key", flat=True))
    return _end(user, keys)


def _end(user: User, keys: list[str]) -> int:
    count, _ = Session.objects.filter(user=user, session_key__in=keys).delete()
    transaction.on_commit(partial(sign_out_sockets, user.pk))
    return count


def _token(session_key: str) -> str:
    return salted_hmac("accounts.sessions", session_key, algorithm="sha256").hexdigest()[:32]
