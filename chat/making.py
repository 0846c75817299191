"""Conversations that programs make, change and delete, in the name of the person whose key they have."""

import hashlib
import hmac
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.entrance import Bearer
from accounts.programs import unauthorised
from accounts.sessions import tell_sockets
from chat import deletion, runner
from chat.models import Conversation
from telemetry import policies
from telemetry.values import shorten

TITLE_CHARACTERS = 500
LABEL_CHARACTERS = 255


def make(
    bearer: Bearer, *, now: datetime, title: str = "", end_user: str = "", metadata: Mapping[str, Any] | None = None
) -> Conversation:
    """A conversation without a message. No model is asked for a title: a program pays for what it asks for, and nothing else.

    Raises `Refused` (401) where the person or the workspace has gone since the key was looked up.
    """
    rules = policies.rules_of(bearer.workspace_id)
    redact = rules.redactor.redact
    made = Conversation(
        id=uuid.uuid4(),
        workspace_id=bearer.workspace_id,
        owner_id=bearer.user_id,
        title=shorten(redact(_line(title)).text, TITLE_CHARACTERS),
        title_source=Conversation.TitleSource.PERSON if title else Conversation.TitleSource.PROMPT,
        title_asked_at=now,
        end_user=shorten(redact(end_user).text, LABEL_CHARACTERS),
        end_user_hash=hash_of(end_user),
        metadata=rules.redactor.redact_json(dict(metadata or {})),
        redaction_version=rules.version,
        created_at=now,
        updated_at=now,
    )
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:
        raise unauthorised("This API key has ended.") from None
    tell_sockets(made.owner_id, {"type": "list.changed"})
    return made


def change(
    conversation: Conversation, *, now: datetime, title: str | None = None, metadata: Mapping[str, Any] | None = None
) -> None:
    """What is None stays as it is."""
    rules = policies.rules_of(conversation.workspace_id)
    changes: dict[str, Any] = {"updated_at": now}
    if title is not None:
        changes |= {
            "title": shorten(rules.redactor.redact(_line(title)).text, TITLE_CHARACTERS),
            "title_source": Conversation.TitleSource.PERSON,
            "redaction_version": rules.version,
        }
    if metadata is not None:
        changes["metadata"] = rules.redactor.redact_json(dict(metadata))
    for name, value in changes.items():
        setattr(conversation, name, value)
    conversation.save(update_fields=list(changes))
    tell_sockets(conversation.owner_id, {"type": "list.changed"})


def delete(conversation: Conversation, *, now: datetime) -> None:
    """Delete it for good, at once or as soon as what is being written has ended. The logs of its calls stay, without the link."""
    deletion.put_away(conversation, now=now)
    running = deletion.running(conversation)
    for run_id in running:
        async_to_sync(runner.current().stop)(run_id)
    if not running:
        deletion.delete_now(conversation)
    tell_sockets(conversation.owner_id, {"type": "list.changed"})


def hash_of(end_user: str) -> str:
    """What a label is found by: it is stored redacted, and an address that is removed from it must still tell two users apart."""
    if not end_user:
        return ""
    key = hashlib.sha256(b"chat.making" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, end_user.encode(), hashlib.sha256).hexdigest()[:32]


def _line(text: str) -> str:
    return " ".join(text.replace("\x00", "").split())
