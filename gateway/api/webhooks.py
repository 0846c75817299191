"""Webhooks of the workspace, and what each was told."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field

from accounts.access import Act
from accounts.administration import AskedPage, Body, Name, actor_of, invalid, nothing_such, page_of
from accounts.programs import needs
from gateway import deliveries, webhooks
from gateway.models import Delivery, Webhook

router = Router(tags=["Webhooks"])
Event = Literal[
    "call.finished",
    "call.failed",
    "call.canceled",
    "budget.nearly_used_up",
    "budget.used_up",
    "feedback.given",
    "alert.fired",
    "alert.no_data",
    "alert.recovered",
]


class Hook(Schema):
    """An address that is told of events. Its secret cannot be read."""

    id: UUID
    name: str
    url: str
    shape: Literal["signed", "slack"]
    events: list[str]
    is_enabled: bool
    switched_off_because: str
    failing_since: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, hook: Webhook) -> "Hook":
        return cls(**_fields(hook))


class HookWithSecret(Hook):
    """The secret is shown this once."""

    secret: str


class HookPage(Schema):
    data: list[Hook]
    next_cursor: str | None


class NewHook(Body):
    name: Name
    url: str = Field(min_length=1, max_length=webhooks.LONGEST_URL, examples=["https://example.com/hooks/ollive"])
    events: list[Event] = Field(min_length=1, max_length=len(webhooks.EVENTS))
    shape: Literal["signed", "slack"] = Field("signed", description="`slack`: a message as Slack's incoming webhooks take it.")


class HookChange(Body):
    """What is left out stays as it is."""

    name: Name | None = None
    url: str | None = Field(None, min_length=1, max_length=webhooks.LONGEST_URL)
    events: list[Event] | None = Field(None, min_length=1, max_length=len(webhooks.EVENTS))
    shape: Literal["signed", "slack"] | None = None
    is_enabled: bool | None = None


class Attempt(Schema):
    """One attempt. `status` is null where nobody answered."""

    at: datetime
    status: int | None
    ms: int
    says: str


class Told(Schema):
    """An event on its way to a webhook, with every attempt."""

    id: UUID
    event: str
    state: Literal["pending", "delivered", "failed"]
    attempts: list[Attempt]
    next_attempt_at: datetime | None
    created_at: datetime
    ended_at: datetime | None
    body: Any = Field(description="What is sent.")

    @classmethod
    def of(cls, delivery: Delivery) -> "Told":
        same = ("id", "event", "state", "attempts", "created_at", "ended_at")
        is_pending = delivery.state == Delivery.State.PENDING
        return cls(
            **{name: getattr(delivery, name) for name in same},
            next_attempt_at=delivery.available_at if is_pending else None,
            body=orjson.loads(delivery.body),
        )


class ToldPage(Schema):
    data: list[Told]
    next_cursor: str | None


class Outcome(Schema):
    """What came of an attempt that was made at once."""

    delivery_id: UUID
    is_good: bool
    status: int | None
    ms: int
    says: str


@router.get("/webhooks", auth=needs("admin"), response=HookPage, summary="List webhooks")
def list_webhooks(request: HttpRequest, asked: Query[AskedPage]) -> Any:
    """The oldest first."""
    part = actor_of(request, Act.CONFIGURE)
    page = page_of(Webhook.objects.filter(workspace_id=part.workspace_id), asked)
    return HookPage(data=[Hook.of(hook) for hook in page.rows], next_cursor=page.next_cursor)


@router.post("/webhooks", auth=needs("admin"), response={201: HookWithSecret}, summary="Add a webhook")
def add_webhook(request: HttpRequest, given: NewHook) -> Any:
    """Events are signed with its secret, as Standard Webhooks says; the secret is in this answer and nowhere else."""
    part = actor_of(request, Act.CONFIGURE)
    try:
        hook, secret = webhooks.make(part.workspace, **given.model_dump(), now=timezone.now(), by=part.user_id)
    except webhooks.InvalidWebhook as error:
        raise invalid(str(error), error.field) from None
    return Status(201, HookWithSecret(**_fields(hook), secret=secret))


@router.get("/webhooks/{uuid:webhook_id}", auth=needs("admin"), response=Hook, summary="Get a webhook")
def get_webhook(request: HttpRequest, webhook_id: UUID) -> Any:
    return Hook.of(_found(request, webhook_id))


@router.patch("/webhooks/{uuid:webhook_id}", auth=needs("admin"), response=Hook, summary="Change a webhook")
def change_webhook(request: HttpRequest, webhook_id: UUID, given: HookChange) -> Any:
    """One that is switched on again is sent what waited for it."""
    part, hook = actor_of(request, Act.CONFIGURE), _found(request, webhook_id)
    held = {name: getattr(hook, name) for name in HookChange.model_fields}
    try:
        webhooks.change(hook, **(held | given.model_dump(exclude_none=True)), now=timezone.now(), by=part.user_id)
    except webhooks.InvalidWebhook as error:
        raise invalid(str(error), error.field) from None
    return Hook.of(hook)


@router.delete("/webhooks/{uuid:webhook_id}", auth=needs("admin"), response={204: None}, summary="Delete a webhook")
def delete_hook(request: HttpRequest, webhook_id: UUID) -> Any:
    """With all that it was told."""
    part = actor_of(request, Act.CONFIGURE)
    webhooks.delete(_found(request, webhook_id), now=timezone.now(), by=part.user_id)
    return Status(204, None)


@router.post("/webhooks/{uuid:webhook_id}/secret", auth=needs("admin"), response=HookWithSecret, summary="Change the secret")
def change_secret(request: HttpRequest, webhook_id: UUID) -> Any:
    """For a day events are signed with the one before, too."""
    part, hook = actor_of(request, Act.CONFIGURE), _found(request, webhook_id)
    secret = webhooks.change_secret(hook, now=timezone.now(), by=part.user_id)
    return HookWithSecret(**_fields(hook), secret=secret)


@router.post("/webhooks/{uuid:webhook_id}/test", auth=needs("admin"), response=Outcome, summary="Send a test")
def test_hook(request: HttpRequest, webhook_id: UUID) -> Any:
    """Sends an event at once, and tells what came of it."""
    delivery, outcome = deliveries.test(_found(request, webhook_id), timezone.now())
    return _outcome(delivery, outcome)


@router.get("/webhooks/{uuid:webhook_id}/deliveries", auth=needs("admin"), response=ToldPage, summary="List deliveries")
def list_deliveries(request: HttpRequest, webhook_id: UUID, asked: Query[AskedPage]) -> Any:
    """What it was told in the last two weeks, the newest first."""
    page = page_of(Delivery.objects.filter(webhook=_found(request, webhook_id)), asked, newest_first=True)
    return ToldPage(data=[Told.of(delivery) for delivery in page.rows], next_cursor=page.next_cursor)


@router.post(
    "/webhooks/{uuid:webhook_id}/deliveries/{uuid:delivery_id}/send",
    auth=needs("admin"),
    response=Outcome,
    summary="Send a delivery again",
)
def resend(request: HttpRequest, webhook_id: UUID, delivery_id: UUID) -> Any:
    """At once, whatever was tried before; the event keeps its id."""
    found = Delivery.objects.select_related("webhook").filter(webhook=_found(request, webhook_id), pk=delivery_id).first()
    if found is None:
        raise nothing_such("delivery")
    return _outcome(found, deliveries.send_now(found, timezone.now()))


def _found(request: HttpRequest, webhook_id: UUID) -> Webhook:
    part = actor_of(request, Act.CONFIGURE)
    hook = Webhook.objects.filter(pk=webhook_id, workspace_id=part.workspace_id).first()
    if hook is None:
        raise nothing_such("webhook")
    return hook


def _fields(hook: Webhook) -> dict[str, Any]:
    return {name: getattr(hook, name) for name in Hook.model_fields}


def _outcome(delivery: Delivery, outcome: deliveries.Outcome) -> Outcome:
    return Outcome(delivery_id=delivery.pk, is_good=outcome.is_good, status=outcome.status, ms=outcome.ms, says=outcome.says)
