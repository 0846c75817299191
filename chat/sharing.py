"""Share links: a snapshot of the shown branch, readable by whoever has the address until its owner revokes it.

The snapshot holds the texts as they are stored, redacted: what a vault keeps and the values behind placeholders never enter it.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Min, QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString, mark_safe

from accounts import audit
from accounts.access import Act, may
from accounts.audit import Action
from accounts.models import Membership, User
from chat import access, parts, trees
from chat.models import Conversation, Message, Share
from chat.render import RENDERER_VERSION, render, render_plain
from telemetry import policies

TOKEN_BYTES = 24
MAX_CHARACTERS = 4_000_000


class ShareError(Exception):
    """A conversation that cannot be shared; the message says why."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a reader sees beside the words."""

    shows_models: bool = True
    shows_costs: bool = False
    shows_name: bool = False


@dataclass(frozen=True, slots=True)
class SharedMessage:
    """A message as a reader of the link sees it."""

    role: str
    html: SafeString
    model: str
    created_at: datetime | None
    files: Sequence[str]
    is_partial: bool
    completion_tokens: int | None
    prompt_tokens: int | None
    cost_usd: Decimal | None
    is_estimated: bool


def of(conversation: Conversation) -> Share | None:
    """The conversation's link, if it has one."""
    return Share.objects.filter(conversation=conversation).first()


def make(conversation: Conversation, choices: Choices, *, by: User, now: datetime) -> Share:
    """Make the conversation's link, or bring the one it has up to date. Raises `ShareError`."""
    if conversation.is_temporary:
        raise ShareError("A temporary chat is kept nowhere, so it cannot be shared.")
    messages = _snapshot(conversation)
    if not messages:
        raise ShareError("There is nothing to share yet: send a message first.")
    if sum(len(message["text"]) for message in messages) > MAX_CHARACTERS:
        raise ShareError("This chat is too long for a link. Export it instead.")
    with transaction.atomic():
        Conversation.objects.select_for_update().get(id=conversation.id)  # two clicks make one link
        share = of(conversation)
        is_new = share is None
        if share is None:
            token = secrets.token_urlsafe(TOKEN_BYTES)
            share = Share(conversation=conversation, token=token, token_hash=Share.hash_of(token), created_at=now)
        share.workspace_id, share.owner = conversation.workspace_id, by
        share.title, share.messages = conversation.title, messages
        share.redaction_version = _oldest_redaction(conversation)
        share.renderer_version, share.updated_at = RENDERER_VERSION, now
        share.shows_models, share.shows_costs, share.shows_name = (
            choices.shows_models,
            choices.shows_costs,
            choices.shows_name,
        )
        share.save()
        if is_new:
            audit.note(Action.SHARE_CREATED, by, now=now, workspace=share.workspace_id, subject=share)
    return share


def revoke(share: Share, *, by: User, now: datetime) -> None:
    """End the link. Nothing of the snapshot stays, and its address is as unknown as any other."""
    with transaction.atomic():
        audit.note(Action.SHARE_REVOKED, by, now=now, workspace=share.workspace_id, subject=share)
        share.delete()


def shares_of(user: User) -> QuerySet[Share]:
    """The person's links that can be read at this moment, newest first."""
    mine = access.conversations_of(user).values("id")
    return Share.objects.filter(owner=user, conversation__in=mine).order_by("-updated_at", "-id").defer("messages")


def read(token: str, reader: User | None) -> Share | None:
    """What is behind an address; None when there is nothing, or nothing for this reader.

    A link works while its conversation exists and its owner is in the workspace; where links are not public, for its members.
    """
    found = (
        Share.objects.select_related("conversation", "owner", "workspace")
        .filter(token_hash=Share.hash_of(token), conversation__deleted_at=None, owner__is_active=True)
        .first()
    )
    if found is None or not Membership.objects.filter(user_id=found.owner_id, workspace_id=found.workspace_id).exists():
        return None
    if settings.OLLIVE_PUBLIC_SHARING:
        return found
    is_member = reader is not None and Membership.objects.filter(user=reader, workspace_id=found.workspace_id).exists()
    return found if is_member else None


def shown(share: Share) -> Iterator[SharedMessage]:
    """The messages, with what the owner chose to show; rendered anew where the renderer has changed since."""
    is_fresh = share.renderer_version == RENDERER_VERSION
    for message in share.messages:
        html = message["html"] if is_fresh else _html(message["role"], message["text"])
        cost = message.get("cost_usd")
        has_costs = share.shows_costs
        yield SharedMessage(
            role=message["role"],
            html=mark_safe(html),  # noqa: S308  (the renderer's output is sanitised)
            model=message["model"] if share.shows_models else "",
            created_at=parse_datetime(message["created_at"]),
            files=message["files"],
            is_partial=message["is_partial"],
            completion_tokens=message.get("completion_tokens") if has_costs else None,
            prompt_tokens=message.get("prompt_tokens") if has_costs else None,
            cost_usd=Decimal(cost) if has_costs and cost is not None else None,
            is_estimated=bool(message.get("is_estimated")),
        )


def continue_in(share: Share, part: Membership, *, now: datetime) -> Conversation:
    """A conversation of the reader's own that begins with the snapshot, redacted by the rules of their workspace.

    Raises `ShareError` where they may not chat.
    """
    if not may(part, Act.CHAT):
        raise ShareError("Your role in this workspace does not let you chat.")
    rules = policies.rules_of(part.workspace_id)
    redact = rules.redactor.redact
    with transaction.atomic():
        made = Conversation.objects.create(
            workspace_id=part.workspace_id,
            owner_id=part.user_id,
            title=redact(share.title).text,
            title_source=Conversation.TitleSource.MODEL,
            title_asked_at=now,
            redaction_version=rules.version,
            updated_at=now,
        )
        parent: Message | None = None
        for position, message in enumerate(share.messages, start=1):
            parent = Message.objects.create(
                conversation=made,
                parent=parent,
                role=message["role"],
                content=redact(message["text"]).text,
                model=message["model"] if share.shows_models else "",
                status=Message.Status.CANCELED if message["is_partial"] else Message.Status.COMPLETE,
                redaction_version=rules.version,
                position=position,
            )
    return made


def reredacted(share: Share, redact: Any) -> list[dict[str, Any]]:
    """The snapshot with its texts redacted again."""
    changed = []
    for message in share.messages:
        text = redact(message["text"]).text
        files = [redact(name).text for name in message["files"]]
        html = message["html"] if text == message["text"] else _html(message["role"], text)
        changed.append({**message, "text": text, "html": html, "files": files})
    return changed


def _oldest_redaction(conversation: Conversation) -> int:
    oldest = conversation.messages.aggregate(oldest=Min("redaction_version"))["oldest"]
    return min(conversation.redaction_version, oldest or 0)


def _snapshot(conversation: Conversation) -> list[dict[str, Any]]:
    tree = trees.read(conversation.id)
    messages = trees.load(tree.branch(conversation.active_leaf_id))
    files = parts.of(messages, tree).files
    wanted = [message for message in messages if message.role != Message.Role.SYSTEM]
    return [
        _taken(message, [chip.name for chip in files.get(message.id, ())])
        for message in wanted
        if message.status != Message.Status.STREAMING and (message.content or files.get(message.id))
    ]


def _taken(message: Message, files: Sequence[str]) -> dict[str, Any]:
    is_reply = message.role == Message.Role.ASSISTANT
    return {
        "role": message.role,
        "text": message.content,
        "html": _html(message.role, message.content),
        "model": message.model if is_reply else "",
        "created_at": message.created_at.isoformat(),
        "files": list(files),
        "is_partial": is_reply and message.status != Message.Status.COMPLETE,
        "prompt_tokens": message.prompt_tokens,
        "completion_tokens": message.completion_tokens,
        "cost_usd": None if message.cost_usd is None else str(message.cost_usd),
        "is_estimated": message.usage_source in ("counted", "estimated"),
    }


def _html(role: str, text: str) -> str:
    return render(text) if role == Message.Role.ASSISTANT else render_plain(text)
