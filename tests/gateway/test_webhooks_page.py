"""The pages of webhooks: what an owner can do there, and what is told of each delivery."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry
from gateway import webhooks
from gateway.models import Delivery, Webhook
from tests.gateway.test_webhooks import Receiver, receiver

__all__ = ["receiver"]
pytestmark = pytest.mark.django_db
PAGE = "/settings/webhooks/"


@pytest.fixture
def as_alice(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def add(client: Client, receiver: Receiver, **fields: Any) -> Any:
    given = {"name": "on call", "url": receiver.url, "events": ["call.failed", "budget.used_up"]}
    return client.post(PAGE, given | fields)


def test_a_webhook_is_made_and_its_secret_shown_once(as_alice, receiver, workspace):
    answer = add(as_alice, receiver).content.decode()
    hook = Webhook.objects.get()
    assert (hook.workspace, hook.url, hook.events) == (workspace, receiver.url, ["call.failed", "budget.used_up"])
    [secret] = set(re.findall(r"whsec_[\w+/=]+", answer))
    assert hook.secret.reveal() == secret
    for address in (PAGE, reverse("gateway:webhook", args=[hook.pk])):
        assert secret not in as_alice.get(address).content.decode()
    [entry] = AuditEntry.objects.filter(action="webhook.changed")
    assert entry.detail["what"] == "made"
    assert "token=of-alice" not in str(entry.detail)  # an address may hold a secret


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"url": "http://10.0.0.9/"}, "private network"),
        ({"events": []}, "Choose at least one event."),
        ({"name": " "}, "This field is required."),
        ({"events": ["everything"]}, "Select a valid choice"),
    ],
    ids=["private", "no events", "no name", "unknown event"],
)
def test_what_can_not_be_is_refused_with_a_sentence(as_alice, receiver, fields, message):
    refused = add(as_alice, receiver, **fields)
    assert refused.status_code == 422
    assert message in refused.content.decode()
    assert not Webhook.objects.exists()


def test_there_is_an_end_to_how_many(as_alice, receiver, monkeypatch):
    monkeypatch.setattr(webhooks, "MOST", 1)
    add(as_alice, receiver)
    assert "at most 1 webhooks" in add(as_alice, receiver).content.decode()


def test_a_webhook_is_changed_switched_off_and_deleted(as_alice, receiver):
    add(as_alice, receiver)
    hook = Webhook.objects.get()
    address = reverse("gateway:webhook", args=[hook.pk])
    as_alice.post(address, {"name": "night shift", "url": receiver.url, "events": ["call.failed"]})
    hook.refresh_from_db()
    assert (hook.name, hook.events, hook.is_enabled) == ("night shift", ["call.failed"], False)
    assert "Off" in as_alice.get(PAGE).content.decode()
    as_alice.post(reverse("gateway:delete_webhook", args=[hook.pk]))
    assert not Webhook.objects.exists()
    assert [entry.detail["what"] for entry in AuditEntry.objects.order_by("id")] == ["made", "changed", "deleted"]


def test_a_test_tells_at_once_what_came_of_it(as_alice, receiver):
    add(as_alice, receiver)
    hook = Webhook.objects.get()
    address = reverse("gateway:test_webhook", args=[hook.pk])
    assert "It was received: 200" in as_alice.post(address, follow=True).content.decode()
    receiver.answers = [500]
    assert "The receiver answered 500." in as_alice.post(address, follow=True).content.decode()
    assert [said["type"] for said in receiver.said] == ["webhook.test", "webhook.test"]


def test_a_delivery_shows_what_was_sent_and_each_attempt_and_is_sent_again(as_alice, receiver):
    add(as_alice, receiver)
    hook = Webhook.objects.get()
    receiver.answers, receiver.says = [500], b"<script>alert(1)</script>"
    as_alice.post(reverse("gateway:test_webhook", args=[hook.pk]))
    delivery = Delivery.objects.get()
    address = reverse("gateway:delivery", args=[hook.pk, delivery.pk])
    page = as_alice.get(address).content.decode()
    assert "Hello from Ollive." in page
    assert webhooks.message_id(delivery.pk) in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page
    assert "Tries again" in page
    sent = as_alice.post(reverse("gateway:send_again", args=[hook.pk, delivery.pk]), follow=True).content.decode()
    assert "It was received: 200" in sent
    assert "Delivered" in sent


def test_a_new_secret_is_shown_once(as_alice, receiver):
    add(as_alice, receiver)
    hook = Webhook.objects.get()
    answer = as_alice.post(reverse("gateway:webhook_secret", args=[hook.pk])).content.decode()
    fresh = Webhook.objects.get().secret.reveal()
    assert fresh in answer
    assert fresh != hook.secret.reveal()


def test_a_long_list_of_deliveries_is_paged_and_costs_the_same(as_alice, receiver, workspace):
    add(as_alice, receiver)
    hook = Webhook.objects.get()
    now = timezone.now()

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            as_alice.get(reverse("gateway:webhook", args=[hook.pk]))
        return len(asked)

    def tell(numbers: range) -> None:
        webhooks.enter([(hook, webhooks.Event(workspace.id, "call.failed", f"n{number}", {})) for number in numbers], now=now)

    tell(range(10))
    few = queries()
    tell(range(10, 60))
    assert queries() == few
    seen, address = [], reverse("gateway:webhook", args=[hook.pk])
    while address:
        page = as_alice.get(address).content.decode()
        seen += re.findall(rf"/settings/webhooks/{hook.pk}/([0-9a-f-]{{36}})/\"", page)
        following = re.search(r'href="(\?before=[^"]+)"', page)
        address = reverse("gateway:webhook", args=[hook.pk]) + following[1] if following else ""
    assert len(seen) == len(set(seen)) == 60
