"""Webhooks: servers of a workspace that are told of what happens. Made, changed, and handed events, which others then deliver.

An event is told in the transaction in which it happens, or read from the log's feed: it is lost with neither a process nor the
receiver. It holds figures and ids, never what was said.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import orjson
from django.db import transaction
from uuid_utils.compat import uuid7

from accounts import audit
from accounts.audit import Action
from accounts.models import User, Workspace
from gateway import signatures, slack
from gateway.addresses import PrivateAddressError, clean_base_url
from gateway.models import Delivery, Webhook
from telemetry import feed

CONSUMER = "webhooks"
MOST = 20  # of a workspace
OVERLAP = timedelta(hours=24)
LONGEST_URL = 2000
OF_CALLS = ("call.finished", "call.failed", "call.canceled")
EVENTS: Mapping[str, str] = {
    "call.finished": "A call to a model succeeded",
    "call.failed": "A call failed, or its process died",
    "call.canceled": "A call was stopped, or its caller went away",
    "budget.nearly_used_up": "A budget has reached 80 %",
    "budget.used_up": "A budget is used up",
    "feedback.given": "Somebody judged a reply",
    "alert.fired": "An alert fires",
    "alert.no_data": "An alert has no data",
    "alert.recovered": "An alert has recovered",
}
TEST = "webhook.test"


class InvalidWebhook(ValueError):
    """It can't be so; the message says why, `field` what."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a workspace. Two with the same `about` are one."""

    workspace_id: UUID
    name: str
    about: str
    data: Mapping[str, Any]


def make(
    workspace: Workspace,
    *,
    name: str,
    url: str,
    events: Iterable[str],
    shape: str = Webhook.Shape.SIGNED,
    now: datetime,
    by: User | UUID | None,
) -> tuple[Webhook, str]:
    """A new webhook and its secret, which is shown this once. Raises `InvalidWebhook`."""
    secret = signatures.new_secret()
    webhook = Webhook(workspace=workspace, secret=secret, created_at=now)
    with transaction.atomic():
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
        if Webhook.objects.filter(workspace=workspace).count() >= MOST:
            raise InvalidWebhook(f"A workspace has at most {MOST} webhooks.", "name")
        _save(webhook, name=name, url=url, events=events, shape=shape)
        _note(webhook, "made", by, now)
    return webhook, secret


def change(
    webhook: Webhook,
    *,
    name: str,
    url: str,
    events: Iterable[str],
    shape: str = Webhook.Shape.SIGNED,
    is_enabled: bool,
    now: datetime,
    by: User | UUID | None,
) -> None:
    """Raises `InvalidWebhook`."""
    if is_enabled and not webhook.is_enabled:
        webhook.failing_since, webhook.switched_off_because = None, ""
    webhook.is_enabled = is_enabled
    with transaction.atomic():
        _save(webhook, name=name, url=url, events=events, shape=shape)
        _note(webhook, "changed", by, now)


def change_secret(webhook: Webhook, *, now: datetime, by: User | UUID | None) -> str:
    """A new secret, shown this once. For a day events are signed with the one before, too."""
    secret = signatures.new_secret()
    assert webhook.secret is not None
    webhook.previous_secret, webhook.previous_expires_at = webhook.secret.reveal(), now + OVERLAP
    webhook.secret = secret
    with transaction.atomic():
        webhook.save(update_fields=["secret", "previous_secret", "previous_expires_at", "updated_at"])
        _note(webhook, "given a new secret", by, now)
    return secret


def delete(webhook: Webhook, *, now: datetime, by: User | UUID | None) -> None:
    """With all that it was told."""
    with transaction.atomic():
        _note(webhook, "deleted", by, now)
        webhook.delete()


def listening(names: Sequence[str], workspace_ids: Iterable[UUID] | None = None) -> list[Webhook]:
    """The webhooks that are told of any of these events."""
    found = Webhook.objects.filter(is_enabled=True, events__overlap=list(names))
    return list(found if workspace_ids is None else found.filter(workspace_id__in=set(workspace_ids)))


def tell(events: Sequence[Event], *, now: datetime) -> None:
    """Enter events for whoever listens, in the caller's transaction. What was told is not told again."""
    if not events:
        return
    found = listening([event.name for event in events], [event.workspace_id for event in events])
    enter([(hook, event) for event in events for hook in found if hears(hook, event)], now=now)


def enter(told: Iterable[tuple[Webhook, Event]], *, now: datetime) -> list[Delivery]:
    rows = [_delivery(hook, event, now) for hook, event in told]
    return Delivery.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)


def hears(webhook: Webhook, event: Event) -> bool:
    return webhook.workspace_id == event.workspace_id and event.name in webhook.events


def clean_url(given: str) -> str:
    """The address, which may have a query. Raises `InvalidWebhook`."""
    address, mark, query = given.strip().partition("?")
    if len(given) > LONGEST_URL:
        raise InvalidWebhook(f"The address is longer than {LONGEST_URL} characters.", "url")
    if any(character.isspace() or not character.isprintable() for character in query) or "#" in given:
        raise InvalidWebhook("The address must not hold spaces, nor a part after #.", "url")
    path_ends_with_slash = "/" if address.endswith("/") else ""
    try:
        return f"{clean_base_url(address, is_trusted=False)}{path_ends_with_slash}{mark}{query}"
    except PrivateAddressError as error:
        raise InvalidWebhook(str(error), "url") from error
    except ValueError as error:
        raise InvalidWebhook(str(error), "url") from error


def _save(webhook: Webhook, *, name: str, url: str, events: Iterable[str], shape: str) -> None:
    wanted = set(events)
    webhook.name = " ".join(name.split())
    if not 1 <= len(webhook.name) <= 100:
        raise InvalidWebhook("A name has 1 to 100 characters.", "name")
    if unknown := sorted(wanted - EVENTS.keys()):
        raise InvalidWebhook(f"There is no event {unknown[0]}; there are {', '.join(EVENTS)}.", "events")
    if not wanted:
        raise InvalidWebhook("Choose at least one event.", "events")
    if shape not in Webhook.Shape.values:
        raise InvalidWebhook(f"There is no shape {shape!r}; there are {', '.join(Webhook.Shape.values)}.", "shape")
    webhook.shape = shape
    if url != webhook.url:
        webhook.url = clean_url(url)
    webhook.events = [event for event in EVENTS if event in wanted]
    webhook.save()
    if webhook.is_enabled and wanted & set(OF_CALLS):
        # The feed keeps calls for who is entered there: from the next one on, this webhook misses none.
        transaction.on_commit(partial(feed.join, CONSUMER))


def _delivery(webhook: Webhook, event: Event, now: datetime) -> Delivery:
    identity = uuid7()
    said: dict[str, Any] = {
        "id": message_id(identity),
        "type": event.name,
        "timestamp": now,
        "workspace_id": webhook.workspace_id,
        "data": event.data,
    }
    if webhook.shape == Webhook.Shape.SLACK:
        said = slack.message(EVENTS.get(event.name, "A test"), event.data)
    body = orjson.dumps(said, default=str).decode()
    return Delivery(
        id=identity, webhook=webhook, event=event.name, about=event.about[:200], body=body, available_at=now, created_at=now
    )


def message_id(delivery_id: UUID) -> str:
    return f"evt_{delivery_id.hex}"


def _note(webhook: Webhook, what: str, by: User | UUID | None, now: datetime) -> None:
    # An address may hold a token in its path or query; its host does not.
    detail = {"what": what, "host": urlsplit(webhook.url).hostname, "events": webhook.events, "is_enabled": webhook.is_enabled}
    audit.note(Action.WEBHOOK_CHANGED, by, now=now, workspace=webhook.workspace_id, subject=webhook, detail=detail)
