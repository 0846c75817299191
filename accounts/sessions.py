"""Sessions beyond the cookie: whom one signs in right now, and telling a person's open sockets that it ended."""

import uuid
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from redis.exceptions import RedisError

from accounts.models import User

logger = structlog.get_logger(__name__)


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


def sign_out_sockets(user_id: uuid.UUID) -> None:
    """Tell the person's sockets to look at their session again, and close when it has ended.

    A socket checks its session on each frame it gets anyway.
    """
    tell_sockets(user_id, {"type": "signed.out"})


def signed_in_user(session_key: str | None) -> User | None:
    """Whom this session signs in at this moment, read afresh: None after a sign-out, a new password or a deactivation."""
    if not session_key:
        return None
    request = HttpRequest()
    request.session = SessionStore(session_key)
    user = get_user(request)
    return user if isinstance(user, User) else None
