"""Who is in a workspace with which role, and the rules of changing it: a workspace always has an owner.

An owner manages everybody, an admin members and viewers. Every change holds the workspace's row, so that two owners who step
down at once do not leave it without one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction

from accounts import audit
from accounts.access import Act, require
from accounts.audit import Action
from accounts.models import ApiKey, Invitation, Membership, User, Workspace
from accounts.sessions import tell_sockets

Role = Membership.Role
GIVEN_BY: dict[str, tuple[Role, ...]] = {
    Role.OWNER: (Role.OWNER, Role.ADMIN, Role.MEMBER, Role.VIEWER),
    Role.ADMIN: (Role.MEMBER, Role.VIEWER),
}
TOLD_OF: dict[str, str] = {
    Role.OWNER: "Everything, including members, roles and deleting the workspace.",
    Role.ADMIN: "Providers, models, tools, budgets, keys and privacy, and who is a member or viewer.",
    Role.MEMBER: "Own chats, own API keys and own logs.",
    Role.VIEWER: "Reads own chats and the dashboards; changes nothing.",
}


class NotPossible(Exception):
    """The change would break a rule; the message is for the person."""


def roles_to_give(part: Membership) -> tuple[Role, ...]:
    """The roles that this person may give to others, also by invitation."""
    return GIVEN_BY.get(part.role, ())


def may_manage(part: Membership, other: Membership) -> bool:
    """Whether the person may change or end the other's part."""
    return part.workspace_id == other.workspace_id and other.role in roles_to_give(part)


def change_role(part: Membership, other_id: int, role: str, *, now: datetime) -> Membership:
    """Give another role, to oneself too. Raises `PermissionDenied`, `NotPossible`, `Membership.DoesNotExist`."""
    with _held(part) as mine:
        other = _other(mine, other_id)
        if other.pk != mine.pk and not may_manage(mine, other):
            raise PermissionDenied(f"Only an owner changes the role of {_article(other)}.")
        if role not in roles_to_give(mine):
            raise PermissionDenied("Only an owner gives this role.")
        if role == other.role:
            return other
        if other.role == Role.OWNER:
            _keep_an_owner(other)
        before, other.role = other.role, role
        other.save(update_fields=["role"])
        _end_invitations_beyond(other, now)
        _note(Action.ROLE_CHANGED, mine, other, now=now, detail={"from": before, "to": role})
        return other


def transfer(part: Membership, other_id: int, *, now: datetime) -> Membership:
    """Make somebody else an owner, and the owner who does it an admin."""
    with _held(part) as mine:
        require(mine, Act.OWN)
        other = _other(mine, other_id)
        if other.pk == mine.pk:
            raise NotPossible("You are the owner already.")
        Membership.objects.filter(pk=other.pk).update(role=Role.OWNER)
        Membership.objects.filter(pk=mine.pk).update(role=Role.ADMIN)
        mine.role, other.role = Role.ADMIN, Role.OWNER
        _end_invitations_beyond(mine, now)
        _note(Action.OWNERSHIP_TRANSFERRED, mine, other, now=now)
        return other


def remove(part: Membership, other_id: int, *, now: datetime) -> Membership:
    """End somebody's part: their chats stay the workspace's, their keys end, their open pages are told."""
    with _held(part) as mine:
        other = _other(mine, other_id)
        if other.pk == mine.pk:
            raise NotPossible("To go yourself, leave the workspace.")
        if not may_manage(mine, other):
            raise PermissionDenied(f"Only an owner removes {_article(other)}.")
        _end(other, now)
        _note(Action.MEMBER_REMOVED, mine, other, now=now, detail={"role": other.role})
        return other


def leave(part: Membership, *, now: datetime) -> None:
    """Go. The last owner can't."""
    with _held(part) as mine:
        if mine.role == Role.OWNER:
            _keep_an_owner(mine)
        _end(mine, now)
        _note(Action.MEMBER_LEFT, mine, mine, now=now, detail={"role": mine.role})


def found(user: User, name: str, *, now: datetime) -> Workspace:
    """A new workspace, of which the person is the owner."""
    with transaction.atomic():
        workspace = Workspace.objects.create(name=name, created_at=now)
        Membership.objects.create(user=user, workspace=workspace, role=Role.OWNER, created_at=now)
        audit.note(Action.WORKSPACE_CREATED, user, now=now, workspace=workspace, subject=workspace)
    return workspace


def may_found(user: User) -> bool:
    """Members don't: in a workspace of their own no budget would hold them."""
    return user.is_staff or Membership.objects.filter(user=user, role__in=(Role.OWNER, Role.ADMIN)).exists()


def rename(part: Membership, name: str, *, now: datetime) -> None:
    require(part, Act.SET_POLICY)
    with transaction.atomic():
        if Workspace.objects.filter(pk=part.workspace_id).exclude(name=name).update(name=name):
            audit.note(Action.WORKSPACE_RENAMED, part.user_id, now=now, workspace=part.workspace_id, subject=part.workspace)


def tell_part_ended(user_id: UUID) -> None:
    """Tell the person's open pages that they are no longer in a workspace. Call it on commit."""
    tell_sockets(user_id, {"type": "part.ended"})


@contextmanager
def _held(part: Membership) -> Iterator[Membership]:
    """The actor's part as it is now, while nobody else changes the workspace's members."""
    with transaction.atomic():
        Workspace.objects.select_for_update(no_key=True).get(pk=part.workspace_id)
        mine = Membership.objects.select_related("user", "workspace").filter(pk=part.pk).first()
        if mine is None:
            raise PermissionDenied("You are no longer in this workspace.")
        yield mine


def _other(mine: Membership, other_id: int) -> Membership:
    return Membership.objects.select_related("user", "workspace").get(pk=other_id, workspace_id=mine.workspace_id)


def _keep_an_owner(owner: Membership) -> None:
    others = Membership.objects.filter(workspace_id=owner.workspace_id).exclude(pk=owner.pk)
    if others.filter(role=Role.OWNER).exists():
        return
    if others.exists():
        raise NotPossible(f"{owner.workspace} needs an owner: make somebody else its owner first.")
    raise NotPossible(f"You are the only one in {owner.workspace}: delete the workspace, if it is no longer needed.")


def _end(part: Membership, now: datetime) -> None:
    part_id = part.pk
    part.delete()
    part.pk = part_id
    ApiKey.objects.filter(user_id=part.user_id, workspace_id=part.workspace_id, revoked_at=None).update(revoked_at=now)
    Invitation.objects.filter(created_by_id=part.user_id, workspace_id=part.workspace_id, revoked_at=None).update(revoked_at=now)
    transaction.on_commit(partial(tell_part_ended, part.user_id))


def _end_invitations_beyond(part: Membership, now: datetime) -> None:
    """Links to roles that their maker may no longer give."""
    theirs = Invitation.objects.filter(created_by_id=part.user_id, workspace_id=part.workspace_id, revoked_at=None)
    theirs.exclude(role__in=roles_to_give(part)).update(revoked_at=now)


def _note(action: Action, mine: Membership, other: Membership, *, now: datetime, detail: dict[str, str] | None = None) -> None:
    audit.note(action, mine.user_id, now=now, workspace=mine.workspace_id, subject=other.user, detail=detail)


def _article(other: Membership) -> str:
    return f"an {other.role}" if other.role in {Role.OWNER, Role.ADMIN} else f"a {other.role}"
