"""API keys of the workspace."""

from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field

from accounts import api_keys
from accounts.access import Act
from accounts.administration import AskedPage, Body, LimitFields, Name, actor_of, invalid, nothing_such, page_of
from accounts.entrance import Refused, Scope
from accounts.models import ApiKey
from accounts.programs import needs

router = Router(tags=["Administration"])
LONGEST_DAYS = 3650
MOST_SCOPES = 6


class AskedKeys(AskedPage):
    with_ended: bool = Field(False, description="Revoked and expired ones, too.")
    user_id: UUID | None = None


class Key(Schema):
    """A key without its token, which nobody can read."""

    id: UUID
    name: str
    user_id: UUID = Field(description="The person whose key it is: it may do no more than they.")
    scopes: list[str]
    models: list[str] = Field(description="Which it may ask; empty: any.")
    limits: LimitFields
    payloads: str = Field(description="Of what is said, the log keeps: full, preview or none; empty: as the installation says.")
    last_four: str
    is_valid: bool
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")
    revoked_at: datetime | None
    previous_expires_at: datetime | None = Field(description="How long the token before the last rotation works.")

    @classmethod
    def of(cls, key: ApiKey, now: datetime) -> "Key":
        return cls(**_fields(key, now))


class KeyWithToken(Key):
    """The token is shown this once."""

    token: str


class KeyPage(Schema):
    data: list[Key]
    next_cursor: str | None


class NewKey(Body):
    name: Name
    scopes: list[Scope] = Field(default=["chat", "ingest"], min_length=1, max_length=MOST_SCOPES)
    models: list[str] = Field([], max_length=api_keys.MOST_MODELS, examples=[["openai/*", "fast"]])
    limits: LimitFields = Field(default_factory=lambda: LimitFields.model_validate({}))
    payloads: Literal["full", "preview", "none"] | None = None
    expires_in_days: int | None = Field(None, ge=1, le=LONGEST_DAYS)
    id: UUID | None = Field(None, description="Choose it yourself, and sending twice makes one key.")


class KeyChange(Body):
    """What is left out stays as it is."""

    name: Name | None = None
    models: list[str] | None = Field(None, max_length=api_keys.MOST_MODELS)
    limits: LimitFields | None = None


class Rotation(Body):
    overlap_hours: float = Field(24, ge=0, le=api_keys.LONGEST_OVERLAP.days * 24, description="How long both tokens work.")


@router.get("/admin/keys", auth=needs("admin"), response=KeyPage, summary="List keys")
def list_keys(request: HttpRequest, asked: Query[AskedKeys]) -> Any:
    """Newest first."""
    part, now = actor_of(request, Act.MANAGE_KEYS), timezone.now()
    found = ApiKey.objects.filter(workspace_id=part.workspace_id)
    if not asked.with_ended:
        found = found.filter(revoked_at=None).exclude(expires_at__lte=now)
    if asked.user_id is not None:
        found = found.filter(user_id=asked.user_id)
    page = page_of(found, asked, newest_first=True)
    return KeyPage(data=[Key.of(key, now) for key in page.rows], next_cursor=page.next_cursor)


@router.post("/admin/keys", auth=needs("admin"), response={201: KeyWithToken}, summary="Make a key")
def make_key(request: HttpRequest, given: NewKey) -> Any:
    """For the person whose key asks. The token is in this answer and nowhere else."""
    part, now = actor_of(request, Act.MANAGE_KEYS), timezone.now()
    try:
        key, token = api_keys.issue(
            part.user,
            part.workspace,
            name=given.name,
            now=now,
            scopes=given.scopes,
            payloads=given.payloads,
            models=given.models,
            limits=given.limits.limits(),
            expires_at=now + timedelta(days=given.expires_in_days) if given.expires_in_days else None,
            by=part.user,
            key_id=given.id,
        )
    except api_keys.InvalidKey as error:
        raise invalid(str(error)) from None
    return Status(201, KeyWithToken(**_fields(key, now), token=token))


@router.get("/admin/keys/{uuid:key_id}", auth=needs("admin"), response=Key, summary="Get a key")
def get_key(request: HttpRequest, key_id: UUID) -> Any:
    return Key.of(_found(request, key_id), timezone.now())


@router.patch("/admin/keys/{uuid:key_id}", auth=needs("admin"), response=Key, summary="Change a key")
def change_key(request: HttpRequest, key_id: UUID, given: KeyChange) -> Any:
    """Its name, models or limits; web processes notice within five seconds."""
    part, key, now = actor_of(request, Act.MANAGE_KEYS), _found(request, key_id), timezone.now()
    try:
        api_keys.change(
            key,
            now,
            name=given.name or key.name,
            models=key.allowed_models if given.models is None else given.models,
            limits=given.limits.limits() if given.limits else api_keys.limits_of(key),
            by=part.user,
        )
    except api_keys.InvalidKey as error:
        raise invalid(str(error)) from None
    return Key.of(key, now)


@router.post("/admin/keys/{uuid:key_id}/rotate", auth=needs("admin"), response=KeyWithToken, summary="Rotate a key")
def rotate_key(request: HttpRequest, key_id: UUID, given: Rotation) -> Any:
    """A new token for the same key. One rotates the keys of one's own person: a token is nobody else's to see."""
    part, key, now = actor_of(request, Act.MANAGE_KEYS), _found(request, key_id), timezone.now()
    if key.user_id != part.user_id:
        raise Refused(403, "forbidden", "Only the person whose key it is can rotate it. You can revoke it.")
    try:
        token = api_keys.rotate(key, now, overlap=timedelta(hours=given.overlap_hours), by=part.user)
    except api_keys.InvalidKey as error:
        raise invalid(str(error)) from None
    key.refresh_from_db()
    return KeyWithToken(**_fields(key, now), token=token)


@router.delete("/admin/keys/{uuid:key_id}", auth=needs("admin"), response={204: None}, summary="Revoke a key")
def revoke_key(request: HttpRequest, key_id: UUID) -> Any:
    """Programs that use it are refused within five seconds, and it never works again. What they recorded stays."""
    part = actor_of(request, Act.MANAGE_KEYS)
    api_keys.revoke(_found(request, key_id), timezone.now(), by=part.user)
    return Status(204, None)


def _found(request: HttpRequest, key_id: UUID) -> ApiKey:
    part = actor_of(request, Act.MANAGE_KEYS)
    key = ApiKey.objects.filter(pk=key_id, workspace_id=part.workspace_id).first()
    if key is None:
        raise nothing_such("key")
    return key


def _fields(key: ApiKey, now: datetime) -> dict[str, Any]:
    same = ("id", "name", "user_id", "scopes", "payloads", "last_four", "created_at", "expires_at", "last_used_at", "revoked_at")
    is_changing = key.previous_expires_at is not None and key.previous_expires_at > now
    return {
        **{name: getattr(key, name) for name in same},
        "models": key.allowed_models,
        "limits": LimitFields.of(key),
        "is_valid": api_keys.is_valid(key, now),
        "previous_expires_at": key.previous_expires_at if is_changing else None,
    }
