"""The audit log: each act is noted in the transaction that does it, and chained to the one before by its digest.

An entry holds ids and settings, never a name, an address or anything that was said: names are looked up when the log is read,
so erasing a person leaves the chain whole and takes their name from it (ADR 0018).
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson
import structlog
from django.db import connection, models, transaction

from accounts.models import AuditEntry, User, Workspace

START = "0" * 64
_LOCK = 0x0111_0E02  # any number of our own, for the advisory lock
READ_AT_ONCE = 2000

log = structlog.get_logger(__name__)


class Action(StrEnum):
    """What is noted, and how the page calls it."""

    label: str

    def __new__(cls, value: str, label: str) -> "Action":
        action = str.__new__(cls, value)
        action._value_ = value
        action.label = label
        return action

    SIGN_IN_LINK_USED = "sign_in.link_used", "Signed in by link"
    PASSWORD_CHANGED = "sign_in.password_changed", "Changed a password"
    MFA_TURNED_ON = "sign_in.mfa_on", "Turned two-step sign-in on"
    MFA_TURNED_OFF = "sign_in.mfa_off", "Turned two-step sign-in off"
    RECOVERY_CODES_MADE = "sign_in.recovery_codes_made", "Made recovery codes"
    SESSIONS_ENDED = "sign_in.sessions_ended", "Signed other devices out"
    IDENTITY_LINKED = "sign_in.identity_linked", "Linked a sign-in provider"
    IDENTITY_UNLINKED = "sign_in.identity_unlinked", "Unlinked a sign-in provider"

    WORKSPACE_CREATED = "workspace.created", "Created the workspace"
    WORKSPACE_RENAMED = "workspace.renamed", "Renamed the workspace"
    WORKSPACE_DELETED = "workspace.deleted", "Deleted the workspace"
    INVITATION_CREATED = "invitation.created", "Made an invitation"
    INVITATION_ACCEPTED = "invitation.accepted", "Joined by invitation"
    INVITATION_REVOKED = "invitation.revoked", "Revoked an invitation"
    MEMBER_ADDED = "member.added", "Added a member"
    ROLE_CHANGED = "member.role_changed", "Changed a role"
    MEMBER_REMOVED = "member.removed", "Removed a member"
    MEMBER_LEFT = "member.left", "Left the workspace"
    OWNERSHIP_TRANSFERRED = "member.ownership_transferred", "Handed the workspace over"

    KEY_CREATED = "key.created", "Created an API key"
    KEY_CHANGED = "key.changed", "Changed an API key"
    KEY_ROTATED = "key.rotated", "Rotated an API key"
    KEY_REVOKED = "key.revoked", "Revoked an API key"

    POLICY_CHANGED = "policy.changed", "Changed the privacy rules"
    RETENTION_CHANGED = "policy.retention_changed", "Changed how long logs are kept"
    RULE_CREATED = "rule.created", "Added a redaction rule"
    RULE_SWITCHED_ON = "rule.switched_on", "Switched a redaction rule on"
    RULE_SWITCHED_OFF = "rule.switched_off", "Switched a redaction rule off"
    RULE_DELETED = "rule.deleted", "Deleted a redaction rule"

    PROVIDER_CREATED = "provider.created", "Added a provider"
    PROVIDER_CHANGED = "provider.changed", "Changed a provider"
    PROVIDER_DELETED = "provider.deleted", "Deleted a provider"
    MODELS_CHANGED = "models.changed", "Changed the models"
    TOOLS_CHANGED = "tools.changed", "Changed the tools"
    BUDGET_CHANGED = "budget.changed", "Changed a budget"
    WEBHOOK_CHANGED = "webhook.changed", "Changed a webhook"
    ALERT_CHANGED = "alert.changed", "Changed an alert"
    LIMITS_CHANGED = "limits.changed", "Changed limits"
    DATASET_CHANGED = "dataset.changed", "Changed the datasets"

    SHARE_CREATED = "share.created", "Shared a chat"
    SHARE_REVOKED = "share.revoked", "Ended the sharing of a chat"
    DATA_EXPORTED = "data.exported", "Exported data"
    DATA_ERASED = "data.erased", "Erased a person's data"
    CALLS_DELETED = "calls.deleted", "Deleted calls"
    CALLS_REDACTED = "calls.redacted", "Redacted calls again"
    CONTENT_SEEN = "content.seen", "Looked at someone's content"


@dataclass(frozen=True, slots=True)
class Fault:
    """The first entry that is not as it was written, and in what way."""

    entry_id: int
    problem: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check of the chain came to. `head` is the last entry's digest: kept elsewhere, it tells later of a rewritten log."""

    entry_count: int
    head_id: int
    head: str
    fault: Fault | None = None


def note(
    action: Action,
    actor: User | UUID | None,
    *,
    now: datetime,
    workspace: Workspace | UUID | None = None,
    subject: models.Model | None = None,
    detail: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Note an act in the caller's transaction, as its last step: from here to its end nobody else can note anything.

    `actor` is None for a command, `workspace` for what belongs to none. `detail` holds settings, roles and counts: no secret, no
    name or address of a person, nothing that was said.
    """
    with transaction.atomic():
        _hold_chain()
        last_id, previous = _head()
        entry = AuditEntry(
            id=last_id + 1,
            at=now.astimezone(UTC),
            action=action.value,
            actor_id=_id(actor),
            workspace_id=_id(workspace),
            subject_kind=(subject._meta.model_name or "") if subject else "",
            subject_id=str(subject.pk) if subject else "",
            detail=orjson.loads(orjson.dumps(detail or {}, default=str, option=orjson.OPT_NON_STR_KEYS)),
            previous=previous,
        )
        entry.digest = digest_of(entry)
        entry.save(force_insert=True)
        # Logs that are collected elsewhere pin the chain: whoever rewrites the table can't rewrite them.
        transaction.on_commit(lambda: log.info("audited", entry=entry.id, action=entry.action, digest=entry.digest))
    return entry


def digest_of(entry: AuditEntry) -> str:
    """SHA-256 of the digest before and of everything that the entry says."""
    said = {
        "id": entry.id,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "action": entry.action,
        "actor": str(entry.actor_id or ""),
        "workspace": str(entry.workspace_id or ""),
        "subject": [entry.subject_kind, entry.subject_id],
        "detail": entry.detail,
    }
    return hashlib.sha256(entry.previous.encode() + orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


def verify(*, expected: Mapping[int, str] | None = None) -> Verified:
    """Walk the whole chain. `expected` are digests by entry id that somebody kept elsewhere."""
    wanted = dict(expected or {})
    count, last_id, head = 0, 0, START
    for entry in _entries():
        problem = _problem(entry, last_id, head)
        if not problem and wanted.pop(entry.id, entry.digest) != entry.digest:
            problem = "has another digest than the one that was kept"
        if problem:
            return Verified(count, last_id, head, Fault(entry.id, problem))
        count, last_id, head = count + 1, entry.id, entry.digest
    if wanted:
        return Verified(count, last_id, head, Fault(min(wanted), "is missing"))
    return Verified(count, last_id, head)


def _problem(entry: AuditEntry, last_id: int, head: str) -> str:
    if entry.id != last_id + 1:
        return f"follows {last_id}: entries are missing"
    if entry.previous != head:
        return "is not chained to the entry before"
    return "" if digest_of(entry) == entry.digest else "was changed"


def _entries() -> Iterator[AuditEntry]:
    last_id = 0
    while batch := list(AuditEntry.objects.filter(id__gt=last_id).order_by("id")[:READ_AT_ONCE]):
        yield from batch
        last_id = batch[-1].id


def _hold_chain() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _head() -> tuple[int, str]:
    return AuditEntry.objects.order_by("-id").values_list("id", "digest").first() or (0, START)


def _id(thing: User | Workspace | UUID | None) -> UUID | None:
    return thing if thing is None or isinstance(thing, UUID) else thing.pk
