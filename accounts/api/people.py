"""Who is in the workspace, and the invitations to it."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_email
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field

from accounts import invitations, member_limits, members
from accounts.access import Act
from accounts.administration import AskedPage, Body, LimitFields, actor_of, invalid, nothing_such, page_of
from accounts.entrance import Refused
from accounts.models import Invitation, Membership
from accounts.programs import needs
from accounts.sign_in_links import public_address

router = Router(tags=["Administration"])
Role = Literal["owner", "admin", "member", "viewer"]
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
CONFLICT = {"responses": {"409": {"description": "A rule would be broken: a workspace needs an owner, say.", "content": PROBLEM}}}


class Person(Schema):
    """Somebody in the workspace."""

    id: UUID
    email: str
    name: str
    role: str
    is_active: bool
    limits: LimitFields
    joined_at: datetime

    @classmethod
    def of(cls, part: Membership) -> "Person":
        user = part.user
        limits = LimitFields.of(part)
        return cls(
            id=user.pk,
            email=user.email,
            name=user.name,
            role=part.role,
            is_active=user.is_active,
            limits=limits,
            joined_at=part.created_at,
        )


class PersonPage(Schema):
    data: list[Person]
    next_cursor: str | None


class PersonChange(Body):
    """What is left out stays as it is."""

    role: Role | None = None
    limits: LimitFields | None = None


class NewPerson(Body):
    email: str = Field("", max_length=254, description="Whose invitation it is; empty: whoever has the link.")
    role: Role = "member"
    days: Literal[1, 7, 30] = 7
    max_uses: int = Field(1, ge=1, le=invitations.MOST_USES, description="Of an invitation without an address.")


class OpenInvitation(Schema):
    """A link that lets somebody in."""

    id: UUID
    email: str
    role: str
    max_uses: int
    use_count: int
    created_at: datetime
    expires_at: datetime


class NewInvitation(OpenInvitation):
    """The link is shown this once."""

    url: str


class InvitationPage(Schema):
    data: list[OpenInvitation]
    next_cursor: str | None


@router.get("/admin/users", auth=needs("admin"), response=PersonPage, summary="List people")
def list_people(request: HttpRequest, asked: Query[AskedPage]) -> Any:
    """Who is in the workspace; the first to join comes first."""
    part = actor_of(request, Act.MANAGE_MEMBERS)
    found = Membership.objects.filter(workspace_id=part.workspace_id).select_related("user")
    page = page_of(found, asked, identity="user_id")
    return PersonPage(data=[Person.of(other) for other in page.rows], next_cursor=page.next_cursor)


@router.post(
    "/admin/users", auth=needs("admin"), response={201: NewInvitation}, summary="Invite a person", openapi_extra=CONFLICT
)
def invite(request: HttpRequest, given: NewPerson) -> Any:
    """An invitation to the workspace: send its link to whom it is for. Nobody is entered without their own doing."""
    part, now, email = actor_of(request, Act.MANAGE_MEMBERS), timezone.now(), given.email.strip().lower()
    try:
        if email:
            validate_email(email)
        made, path = invitations.create(
            part, uuid4(), role=given.role, days=given.days, now=now, email=email, max_uses=given.max_uses
        )
    except ValidationError:
        raise invalid("This is no e-mail address.", "email") from None
    except PermissionDenied as error:
        raise Refused(403, "forbidden", str(error)) from None
    except members.NotPossible as error:
        raise Refused(409, "conflict", str(error)) from None
    return Status(201, NewInvitation(**_fields(made), url=public_address(path)))


@router.get("/admin/users/{uuid:user_id}", auth=needs("admin"), response=Person, summary="Get a person")
def get_person(request: HttpRequest, user_id: UUID) -> Any:
    return Person.of(_other(request, user_id)[1])


@router.patch(
    "/admin/users/{uuid:user_id}", auth=needs("admin"), response=Person, summary="Change a person's part", openapi_extra=CONFLICT
)
def change_person(request: HttpRequest, user_id: UUID, given: PersonChange) -> Any:
    """Their role, or how much they may ask."""
    part, other = _other(request, user_id)
    now = timezone.now()
    try:
        if given.role is not None:
            members.change_role(part, other.pk, given.role, now=now)
        if given.limits is not None:
            member_limits.change(other, given.limits.limits(), workspace_id=part.workspace_id, by=part.user_id, now=now)
    except PermissionDenied as error:
        raise Refused(403, "forbidden", str(error)) from None
    except members.NotPossible as error:
        raise Refused(409, "conflict", str(error)) from None
    return Person.of(_other(request, user_id)[1])


@router.delete(
    "/admin/users/{uuid:user_id}", auth=needs("admin"), response={204: None}, summary="Remove a person", openapi_extra=CONFLICT
)
def remove_person(request: HttpRequest, user_id: UUID) -> Any:
    """End their part: their chats stay the workspace's, their keys end."""
    part, other = _other(request, user_id)
    try:
        members.remove(part, other.pk, now=timezone.now())
    except PermissionDenied as error:
        raise Refused(403, "forbidden", str(error)) from None
    except members.NotPossible as error:
        raise Refused(409, "conflict", str(error)) from None
    return Status(204, None)


@router.get("/admin/invitations", auth=needs("admin"), response=InvitationPage, summary="List open invitations")
def list_invitations(request: HttpRequest, asked: Query[AskedPage]) -> Any:
    part = actor_of(request, Act.MANAGE_MEMBERS)
    page = page_of(invitations.open_ones(part.workspace_id, timezone.now()), asked, newest_first=True)
    return InvitationPage(data=[OpenInvitation(**_fields(one)) for one in page.rows], next_cursor=page.next_cursor)


@router.delete(
    "/admin/invitations/{uuid:invitation_id}", auth=needs("admin"), response={204: None}, summary="Take an invitation back"
)
def revoke_invitation(request: HttpRequest, invitation_id: UUID) -> Any:
    part = actor_of(request, Act.MANAGE_MEMBERS)
    try:
        invitations.revoke(part, invitation_id, now=timezone.now())
    except Invitation.DoesNotExist:
        raise nothing_such("invitation") from None
    return Status(204, None)


def _other(request: HttpRequest, user_id: UUID) -> tuple[Membership, Membership]:
    """The part of who asks, and that of the person whom it is about."""
    part = actor_of(request, Act.MANAGE_MEMBERS)
    found = Membership.objects.select_related("user", "workspace")
    other = found.filter(workspace_id=part.workspace_id, user_id=user_id).first()
    if other is None:
        raise nothing_such("person in this workspace")
    return part, other


def _fields(made: Invitation) -> dict[str, Any]:
    names = ("id", "email", "role", "max_uses", "use_count", "created_at", "expires_at")
    return {name: getattr(made, name) for name in names}
