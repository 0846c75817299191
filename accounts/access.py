"""Who may do what in a workspace: one table, asked by every page, socket and command."""

import uuid
from enum import StrEnum
from typing import cast

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from accounts.entrance import SCOPES
from accounts.models import Membership, User, Workspace

SESSION_KEY = "workspace_id"


class Act(StrEnum):
    READ_OWN_CHATS = "read their own chats"
    CHAT = "chat"
    CONFIGURE = "change providers"
    SET_POLICY = "change the workspace's rules"
    MANAGE_MEMBERS = "manage members"
    MANAGE_KEYS = "manage other people's keys"
    SEE_AUDIT_LOG = "see the audit log"
    SEE_LOGS = "see other people's calls"
    SEE_CONTENT = "read what others said"
    MAKE_DASHBOARDS = "make dashboards"
    SHARE_DASHBOARDS = "change dashboards that everybody sees"
    SET_ALERTS = "set alerts"
    DELETE_LOGS = "delete calls"
    OWN = "change what belongs to the owner"


_Role = Membership.Role
WHO_MAY: dict[Act, frozenset[str]] = {
    Act.READ_OWN_CHATS: frozenset(_Role.values),
    Act.CHAT: frozenset({_Role.OWNER, _Role.ADMIN, _Role.MEMBER}),
    Act.CONFIGURE: frozenset({_Role.OWNER, _Role.ADMIN}),
    Act.SET_POLICY: frozenset({_Role.OWNER, _Role.ADMIN}),
    Act.MANAGE_MEMBERS: frozenset({_Role.OWNER, _Role.ADMIN}),
    Act.MANAGE_KEYS: frozenset({_Role.OWNER, _Role.ADMIN}),
    Act.SEE_AUDIT_LOG: frozenset({_Role.OWNER, _Role.ADMIN}),
    Act.SEE_LOGS: frozenset({_Role.OWNER, _Role.ADMIN}),
    Act.SEE_CONTENT: frozenset({_Role.OWNER}),
    Act.MAKE_DASHBOARDS: frozenset({_Role.OWNER, _Role.ADMIN, _Role.MEMBER}),
    Act.SHARE_DASHBOARDS: frozenset({_Role.OWNER, _Role.ADMIN}),
    Act.SET_ALERTS: frozenset({_Role.OWNER, _Role.ADMIN}),
    Act.DELETE_LOGS: frozenset({_Role.OWNER, _Role.ADMIN}),
    Act.OWN: frozenset({_Role.OWNER}),
}
# A key lets a program do no more than its person may do at this moment, whatever scopes it was given.
SCOPES_OF: dict[str, frozenset[str]] = {
    _Role.OWNER: frozenset(SCOPES),
    _Role.ADMIN: frozenset(SCOPES),
    _Role.MEMBER: frozenset({"chat", "ingest", "logs:read", "metrics"}),
    _Role.VIEWER: frozenset({"logs:read", "metrics"}),
}


def person(request: HttpRequest) -> User:
    """Who is signed in; for views that let nobody else in."""
    return cast("User", request.user)


def membership(user: User, workspace_id: uuid.UUID) -> Membership:
    """The person's part in a workspace. For a stranger the workspace does not exist: `Http404`."""
    found = Membership.objects.select_related("workspace").filter(user=user, workspace_id=workspace_id).first()
    if found is None:
        raise Http404("There is no such workspace.")
    return found


def memberships(request: HttpRequest) -> list[Membership]:
    """The signed-in person's parts, the first they joined first: one query a request, however often it is asked."""
    user = person(request)
    known: tuple[uuid.UUID, list[Membership]] | None = getattr(request, "_memberships", None)
    if known is None or known[0] != user.pk:
        mine = Membership.objects.select_related("workspace").filter(user=user).order_by("created_at", "pk")
        known = (user.pk, list(mine))
        setattr(request, "_memberships", known)  # noqa: B010 (a request has no such attribute for the type checker)
    return known[1]


def role_of(user_id: uuid.UUID, workspace_id: uuid.UUID) -> str:
    """The person's role in a workspace, for rules that go by it; `none` for who is in it no more."""
    found = Membership.objects.filter(user_id=user_id, workspace_id=workspace_id).values_list("role", flat=True).first()
    return found or "none"


def current_membership(request: HttpRequest) -> Membership:
    """The signed-in person's part in the workspace they are working in: the session's, else the first they joined."""
    mine = memberships(request)
    chosen = request.session.get(SESSION_KEY)
    found = next((part for part in mine if str(part.workspace_id) == chosen), mine[0] if mine else None)
    if found is None:
        raise PermissionDenied("You are in no workspace yet. Ask its owner to add you.")
    return found


def current_workspace(request: HttpRequest) -> Workspace:
    """The workspace that the signed-in person is working in. Raises `PermissionDenied` when they are in none."""
    return current_membership(request).workspace


def posted_membership(request: HttpRequest) -> Membership:
    """The part in the workspace that a form was made for, whatever another tab chose since. Raises `Http404`."""
    given = request.POST.get("workspace", "")
    if not given:
        return current_membership(request)
    try:
        return membership(person(request), uuid.UUID(given))
    except ValueError:
        raise Http404("There is no such workspace.") from None


def may(part: Membership, act: Act) -> bool:
    return part.role in WHO_MAY[act]


def require(part: Membership, act: Act) -> None:
    """Raise `PermissionDenied` unless the role allows it."""
    if not may(part, act):
        raise PermissionDenied(f"Your role in {part.workspace} ({part.get_role_display()}) does not let you {act}.")
