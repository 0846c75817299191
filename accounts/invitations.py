"""Links that let people join a workspace: with one role, for some days, once or a number of times, for one address or anybody.

The token is shown once; the row has its SHA-256. A link is worth what its maker may give at the moment.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F, QuerySet
from django.urls import reverse

from accounts import audit
from accounts.access import Act, require
from accounts.audit import Action
from accounts.members import NotPossible, roles_to_give
from accounts.models import Invitation, Membership, User

PREFIX = "olv_invite_"  # the redactor knows it by its beginning: an address in a log does not let anybody in
TOKEN_BYTES = 32
OPEN_LIMIT = 50
MOST_USES = 500
LIFETIMES = {1: "1 day", 7: "7 days", 30: "30 days"}
KEPT_AFTER_END = timedelta(days=30)

State = Literal["open", "used", "revoked", "expired"]


class Unusable(Exception):
    """The link lets this person in no more; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Joined:
    """What using a link came to: a part in the workspace, new or had before."""

    part: Membership
    is_new: bool


def create(
    part: Membership, invitation_id: UUID, *, role: str, days: int, now: datetime, email: str = "", max_uses: int = 1
) -> tuple[Invitation, str]:
    """An invitation and its path, which is nowhere else. Raises `PermissionDenied`, `NotPossible`."""
    require(part, Act.MANAGE_MEMBERS)
    if role not in roles_to_give(part):
        raise PermissionDenied("Only an owner invites with this role.")
    if open_ones(part.workspace_id, now).count() >= OPEN_LIMIT:
        raise NotPossible(f"There are {OPEN_LIMIT} open invitations. Revoke some first.")
    if Invitation.objects.filter(pk=invitation_id).exists():
        raise NotPossible("This invitation was made already, and its link was shown once. Revoke it and make another.")
    token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    with transaction.atomic():
        invitation = Invitation.objects.create(
            id=invitation_id,
            workspace=part.workspace,
            created_by=part.user,
            role=role,
            email=email.strip().lower(),
            token_sha256=_sha256(token),
            max_uses=1 if email else max_uses,
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
        detail = {"role": role, "uses": invitation.max_uses, "expires_at": invitation.expires_at}
        audit.note(
            Action.INVITATION_CREATED, part.user_id, now=now, workspace=part.workspace_id, subject=invitation, detail=detail
        )
    return invitation, reverse("invitation", args=[token])


def behind(token: str) -> Invitation | None:
    """The invitation that a token belongs to, in whatever state."""
    return Invitation.objects.select_related("workspace", "created_by").filter(token_sha256=_sha256(token)).first()


def state_of(invitation: Invitation, now: datetime) -> State:
    if invitation.revoked_at is not None or not _maker_may(invitation):
        return "revoked"
    if invitation.use_count >= invitation.max_uses:
        return "used"
    return "expired" if invitation.expires_at <= now else "open"


def open_ones(workspace_id: UUID, now: datetime) -> QuerySet[Invitation]:
    """Those that still let somebody in, newest first."""
    found = Invitation.objects.filter(workspace_id=workspace_id, revoked_at=None, expires_at__gt=now, use_count__lt=F("max_uses"))
    return found.select_related("created_by").order_by("-created_at", "-pk")


def accept(invitation: Invitation, user: User, *, now: datetime) -> Joined:
    """Join. Who is in already spends nothing and keeps their role. Raises `Unusable`."""
    with transaction.atomic():
        if had := _part(invitation, user):
            return Joined(had, is_new=False)
        if invitation.email and invitation.email != user.email:
            raise Unusable(f"This invitation is for {invitation.email}. Sign in with that address to use it.")
        try:
            _spend(invitation, now)
        except Unusable:
            if had := _part(invitation, user):  # the same person's other click came first
                return Joined(had, is_new=False)
            raise
        part, is_new = Membership.objects.get_or_create(
            user=user, workspace_id=invitation.workspace_id, defaults={"role": invitation.role, "created_at": now}
        )
        detail = {"role": invitation.role, "user": str(user.pk)}
        audit.note(
            Action.INVITATION_ACCEPTED, user, now=now, workspace=invitation.workspace_id, subject=invitation, detail=detail
        )
    return Joined(part, is_new)


def revoke(part: Membership, invitation_id: UUID, *, now: datetime) -> bool:
    """End a link. False when it had ended before. Raises `PermissionDenied`, `Invitation.DoesNotExist`."""
    require(part, Act.MANAGE_MEMBERS)
    invitation = Invitation.objects.get(pk=invitation_id, workspace_id=part.workspace_id)
    with transaction.atomic():
        ended = Invitation.objects.filter(pk=invitation.pk, revoked_at=None).update(revoked_at=now)
        if ended:
            audit.note(Action.INVITATION_REVOKED, part.user_id, now=now, workspace=part.workspace_id, subject=invitation)
    return bool(ended)


def purge(now: datetime) -> None:
    """Forget links, and the addresses on them, some time after they ended."""
    Invitation.objects.filter(expires_at__lt=now - KEPT_AFTER_END).delete()


def why_not(state: State) -> str:
    """What the page says of a link that lets nobody in."""
    return {
        "used": "This invitation was used already. Ask for a new one.",
        "revoked": "This invitation was taken back. Ask for a new one.",
        "expired": "This invitation has expired. Ask for a new one.",
    }.get(state, "")


def _part(invitation: Invitation, user: User) -> Membership | None:
    return Membership.objects.select_related("workspace").filter(user=user, workspace_id=invitation.workspace_id).first()


def _spend(invitation: Invitation, now: datetime) -> None:
    # The conditions stand on the row itself: of two people at once with a link for one, the second sees the first's use.
    spent = Invitation.objects.filter(pk=invitation.pk, revoked_at=None, expires_at__gt=now, use_count__lt=F("max_uses")).update(
        use_count=F("use_count") + 1
    )
    if not spent or not _maker_may(invitation):
        fresh = Invitation.objects.get(pk=invitation.pk)
        raise Unusable(why_not(state_of(fresh, now)) or why_not("revoked"))


def _maker_may(invitation: Invitation) -> bool:
    maker = Membership.objects.filter(user_id=invitation.created_by_id, workspace_id=invitation.workspace_id).first()
    return maker is not None and maker.user.is_active and invitation.role in roles_to_give(maker)


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
