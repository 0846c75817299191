"""What was removed from a conversation's texts, for its owner's eyes alone: encrypted per message, for a while.

Two kinds are kept: the values behind placeholders, where the workspace masks; whole texts, where it has a vault. Nothing of
either enters Valkey, the log, a title, a search or another person's page.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson
import structlog

from accounts.encryption import DecryptionError
from chat.models import Message, Original
from chat.render import render, render_plain
from chat.render.restore import restore_html, restore_text
from telemetry.policies import Policy
from telemetry.redaction.masking import PLACEHOLDER

MASKS_KEPT = timedelta(hours=24)
BATCH = 500

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Held:
    """What is still known of one conversation: values by placeholder, texts by message, and whether some have expired."""

    values: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[uuid.UUID, str] = field(default_factory=dict)
    has_expired: bool = False

    def __bool__(self) -> bool:
        return bool(self.values or self.texts)

    def text_of(self, message: Message) -> str:
        """The message as its owner reads it."""
        original = self.texts.get(message.id, message.content)
        return restore_text(original, self.values) if self.values else original

    def html_of(self, message: Message, html: str) -> str:
        """The message's HTML as its owner sees it; `html` is how the stored text looks."""
        original = self.texts.get(message.id)
        if original is None:
            return self.html(html)
        return render(original) if message.role == Message.Role.ASSISTANT else render_plain(original)

    def restored(self, text: str) -> str:
        return restore_text(text, self.values) if self.values else text

    def html(self, html: str) -> str:
        return restore_html(html, self.values) if self.values else html


NOTHING = Held()


def kept_for(policy: Policy) -> timedelta | None:
    """How long this policy keeps what was removed from a message; None where it doesn't."""
    if policy.mode == "mask":
        return max(MASKS_KEPT, policy.vault or MASKS_KEPT)
    return policy.vault


def sendable(held: Held, policy: Policy) -> Mapping[uuid.UUID, str]:
    """The texts of the vault that a provider may be given: none where it gets placeholders."""
    return held.texts if policy.vault and policy.mode == "log_only" else {}


def held_for(conversation_id: uuid.UUID, *, now: datetime, shown: Sequence[Message] | None = None) -> Held:
    """What is known of a conversation at this time; with `shown`, as much as these of its messages need to be read.

    The caller has made sure that the conversation's owner asks.
    """
    kept = Original.objects.filter(message__conversation_id=conversation_id).order_by("message__position")
    if shown is None:
        return _opened(kept, now)
    ids = [message.id for message in shown]
    held = _opened(kept.filter(message_id__in=ids), now)
    # A reply may name what was said long before it.
    named = {found[0] for message in shown for found in PLACEHOLDER.finditer(message.content)}
    if named <= held.values.keys():
        return held
    older = _opened(kept.exclude(message_id__in=ids), now)
    return Held({**older.values, **held.values}, held.texts, held.has_expired or older.has_expired)


def text_of(message_id: uuid.UUID | None, stored: str, *, now: datetime) -> str:
    """One message as it was before it was redacted, where that is kept; else as it is stored."""
    if message_id is None:
        return stored
    return _opened(Original.objects.filter(message_id=message_id), now).texts.get(message_id, stored)


def _opened(kept: Iterable[Original], now: datetime) -> Held:
    values: dict[str, str] = {}
    texts: dict[uuid.UUID, str] = {}
    has_expired = False
    for original in kept:
        if original.sealed is None or original.expires_at <= now:
            has_expired = True
            continue
        try:
            content = orjson.loads(original.sealed.reveal())
        except DecryptionError as error:
            log.error("What was removed from a message can not be read.", message_id=str(original.message_id), error=str(error))
            has_expired = True
            continue
        values |= content.get("values", {})
        if "text" in content:
            texts[original.message_id] = content["text"]
    return Held(values, texts, has_expired)


def keep_values(message_id: uuid.UUID, values: Mapping[str, str], *, until: datetime) -> None:
    """Keep the values behind a message's placeholders, in the caller's transaction."""
    if values:
        _keep(message_id, {"values": dict(values)}, until)


def keep_text(message_id: uuid.UUID, text: str, *, until: datetime) -> None:
    """Keep a message as it was before it was redacted, in the caller's transaction."""
    _keep(message_id, {"text": text}, until)


def purge(now: datetime) -> int:
    """Forget what has expired; the rows stay, so that pages can say so. Returns how many were emptied."""
    count = 0
    expired = Original.objects.filter(expires_at__lte=now, sealed__isnull=False).order_by("expires_at")
    while ids := list(expired.values_list("id", flat=True)[:BATCH]):
        count += Original.objects.filter(id__in=ids).update(sealed=None)
    return count


def _keep(message_id: uuid.UUID, content: Mapping[str, object], until: datetime) -> None:
    Original(message_id=message_id, sealed=orjson.dumps(content).decode(), expires_at=until).save(force_insert=True)
