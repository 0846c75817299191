"""A workspace's administration by programs: who acts, bodies that are read strictly, and lists page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar, get_args

from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from ninja import Schema
from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, field_validator

from accounts.access import Act, require
from accounts.entrance import Bearer, Limits, Refused
from accounts.keyset import Cursor
from accounts.models import Membership
from accounts.models.limits import MOST, Limited

M = TypeVar("M", bound=models.Model)


def _said(text: str) -> str:
    """The text without spaces around and doubled ones."""
    told = " ".join(text.split())
    if not told:
        raise ValueError("it is empty")
    return told


Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_said)]


class Body(Schema):
    """What is sent. A field that does not exist would be one that does nothing."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _of_its_kind(cls, value: Any, told: ValidationInfo) -> Any:
        """Pydantic would take 0 for false, and true for 1."""
        annotation = cls.model_fields[str(told.field_name)].annotation
        is_switch = bool in {annotation, *get_args(annotation)}
        if isinstance(value, bool) != is_switch and isinstance(value, int | float) and annotation is not Any:
            raise ValueError("it is true or false" if is_switch else "it is not true or false")
        return value


class LimitFields(Body):
    """Null: none of its own."""

    requests_per_minute: int | None = Field(None, ge=1, le=MOST)
    tokens_per_minute: int | None = Field(None, ge=1, le=MOST)
    concurrent_calls: int | None = Field(None, ge=1, le=MOST)

    @classmethod
    def of(cls, limited: Limited) -> "LimitFields":
        return cls(
            requests_per_minute=limited.requests_per_minute,
            tokens_per_minute=limited.tokens_per_minute,
            concurrent_calls=limited.concurrent_calls,
        )

    def limits(self) -> Limits:
        return Limits(self.requests_per_minute, self.tokens_per_minute, self.concurrent_calls)


class AskedPage(Body):
    """Which part of a list."""

    limit: int = Field(50, ge=1, le=200)
    cursor: str = Field("", max_length=255, description="next_cursor of another page.")


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    rows: Sequence[M]
    next_cursor: str | None


def bearer_of(request: HttpRequest) -> Bearer:
    found: Bearer = request.auth  # type: ignore[attr-defined]  # `needs` put it there
    return found


def actor_of(request: HttpRequest, act: Act) -> Membership:
    """The part of whoever's key it is, in the key's workspace. Raises `Refused`."""
    bearer = bearer_of(request)
    parts = Membership.objects.select_related("user", "workspace")
    part = parts.filter(user_id=bearer.user_id, workspace_id=bearer.workspace_id).first()
    if part is None:
        raise Refused(403, "forbidden", "The person of this key is no longer in its workspace.")
    try:
        require(part, act)
    except PermissionDenied as error:
        raise Refused(403, "forbidden", str(error)) from None
    return part


def page_of(rows: QuerySet[M], asked: AskedPage, *, newest_first: bool = False, identity: str = "pk") -> Page[M]:
    """A page of rows that have `created_at` and a UUID for their identity. Raises `Refused`."""
    sign, beyond = ("-", "lt") if newest_first else ("", "gt")
    found = rows.order_by(f"{sign}created_at", f"{sign}{identity}")
    if asked.cursor:
        cursor = Cursor.parse(asked.cursor)
        if cursor is None:
            raise broken_cursor()
        after = Q(created_at=cursor.at, **{f"{identity}__{beyond}": cursor.id})
        found = found.filter(Q(**{f"created_at__{beyond}": cursor.at}) | after)
    kept = list(found[: asked.limit + 1])
    if len(kept) <= asked.limit:
        return Page(kept, None)
    last: Any = kept[asked.limit - 1]
    return Page(kept[: asked.limit], str(Cursor(last.created_at, getattr(last, identity))))


def broken_cursor() -> Refused:
    return Refused(400, "invalid_cursor", "This cursor is none of ours: take next_cursor as it came.", param="cursor")


def invalid(message: str, param: str | None = None) -> Refused:
    return Refused(422, "invalid", message, param=param)


def nothing_such(what: str) -> Refused:
    return Refused(404, "not_found", f"There is no such {what}.")
