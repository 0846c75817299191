"""The workspace of the key, and new ones."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field

from accounts import api_keys, member_limits, members
from accounts.access import Act
from accounts.administration import AskedPage, Body, LimitFields, Name, actor_of, nothing_such, page_of
from accounts.entrance import Refused, Scope
from accounts.models import Workspace
from accounts.programs import needs

router = Router(tags=["Administration"])
SEES_ALL = "accounts.view_workspace"


class WorkspaceLine(Schema):
    """A workspace. `limits` are those of each person in it who has none of their own."""

    id: UUID
    name: str
    member_count: int
    limits: LimitFields
    created_at: datetime

    @classmethod
    def of(cls, workspace: Workspace) -> "WorkspaceLine":
        return cls(**_fields(workspace))


class WorkspacePage(Schema):
    data: list[WorkspaceLine]
    next_cursor: str | None


class NewWorkspace(Body):
    name: Name
    scopes: list[Scope] = Field(["admin", "chat"], min_length=1, max_length=6, description="Of the new workspace's first key.")


class FirstKey(Schema):
    """The key that goes on in the new workspace: one opens one workspace alone. Its token is shown this once."""

    id: UUID
    name: str
    scopes: list[str]
    token: str
    expires_at: datetime | None


class FoundedWorkspace(WorkspaceLine):
    key: FirstKey


class WorkspaceChange(Body):
    """What is left out stays as it is."""

    name: Name | None = None
    limits: LimitFields | None = None


@router.get("/admin/workspaces", auth=needs("admin"), response=WorkspacePage, summary="List workspaces")
def list_workspaces(request: HttpRequest, asked: Query[AskedPage]) -> Any:
    """The key's own; for an operator who may see workspaces, those of the installation."""
    part = actor_of(request, Act.MANAGE_MEMBERS)
    found = _counted().filter(deleted_at=None)
    if not (part.user.is_staff and part.user.has_perm(SEES_ALL)):
        found = found.filter(pk=part.workspace_id)
    page = page_of(found, asked)
    return WorkspacePage(data=[WorkspaceLine.of(one) for one in page.rows], next_cursor=page.next_cursor)


@router.post("/admin/workspaces", auth=needs("admin"), response={201: FoundedWorkspace}, summary="Make a workspace")
def make_workspace(request: HttpRequest, given: NewWorkspace) -> Any:
    """The person of the key becomes its owner, and gets a key of it that works for 90 days."""
    part, now = actor_of(request, Act.MANAGE_MEMBERS), timezone.now()
    if not members.may_found(part.user):
        raise Refused(403, "forbidden", "Only owners and admins make workspaces.")
    workspace = members.found(part.user, given.name, now=now)
    key, token = api_keys.issue(
        part.user,
        workspace,
        name="automation",
        now=now,
        scopes=given.scopes,
        expires_at=now + timedelta(days=90),
        by=part.user,
    )
    first = FirstKey(id=key.pk, name=key.name, scopes=key.scopes, token=token, expires_at=key.expires_at)
    return Status(201, FoundedWorkspace(**_fields(_counted().get(pk=workspace.pk)), key=first))


@router.get("/admin/workspaces/{uuid:workspace_id}", auth=needs("admin"), response=WorkspaceLine, summary="Get a workspace")
def get_workspace(request: HttpRequest, workspace_id: UUID) -> Any:
    part = actor_of(request, Act.MANAGE_MEMBERS)
    if workspace_id != part.workspace_id and not (part.user.is_staff and part.user.has_perm(SEES_ALL)):
        raise nothing_such("workspace")
    found = _counted().filter(pk=workspace_id, deleted_at=None).first()
    if found is None:
        raise nothing_such("workspace")
    return WorkspaceLine.of(found)


@router.patch("/admin/workspaces/{uuid:workspace_id}", auth=needs("admin"), response=WorkspaceLine, summary="Change a workspace")
def change_workspace(request: HttpRequest, workspace_id: UUID, given: WorkspaceChange) -> Any:
    """The key's own: its name, or how much each person in it may ask."""
    part, now = actor_of(request, Act.SET_POLICY), timezone.now()
    if workspace_id != part.workspace_id:
        raise nothing_such("workspace")
    if given.name is not None:
        members.rename(part, given.name, now=now)
    if given.limits is not None:
        held = Workspace.objects.get(pk=workspace_id)
        member_limits.change(held, given.limits.limits(), workspace_id=workspace_id, by=part.user_id, now=now)
    return WorkspaceLine.of(_counted().get(pk=workspace_id))


def _counted() -> Any:
    return Workspace.objects.annotate(member_count=Count("memberships"))


def _fields(workspace: Any) -> dict[str, Any]:
    return {
        "id": workspace.pk,
        "name": workspace.name,
        "member_count": workspace.member_count,
        "limits": LimitFields.of(workspace),
        "created_at": workspace.created_at,
    }
