"""What people do is counted where it happens, once, and by nobody's name outside."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from telemetry import product_events
from telemetry.models import ProductEvent
from tests.chat.browser import Browser, ended, wait_for
from tests.fakes.fixtures import RunningProvider


def names() -> list[str]:
    return list(ProductEvent.objects.order_by("id").values_list("name", flat=True))


def test_a_turn_is_noted_from_its_request_to_its_success(as_alice: Browser, alice):
    sent = as_alice.send("Hello")
    ended(sent.run)
    again = as_alice.send("Again", conversation=sent.conversation)
    ended(again.run)
    wait_for(lambda: len(names()) == 5)
    assert sorted(names()) == ["chat_requested"] * 2 + ["chat_succeeded"] * 2 + ["conversation_created"]
    event = ProductEvent.objects.filter(name="chat_succeeded").first()
    assert (event.user_id, str(event.conversation_id)) == (alice.id, str(sent.conversation))


def test_a_reply_that_fails_is_noted_as_failed(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("broken", status=401)
    sent = as_alice.send("Hello", model="openai/broken")
    assert ended(sent.run).status == "failed"
    wait_for(lambda: "chat_failed" in names())
    assert "chat_succeeded" not in names()


def test_a_turn_that_is_refused_did_not_happen(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("slow", chunks=["word "] * 100, rate=20)
    sent = as_alice.send("Hello", model="openai/slow")
    refused = as_alice.send("Too soon", conversation=sent.conversation)
    assert refused.response.status_code == 409
    assert sorted(names()) == ["chat_requested", "conversation_created"]


@pytest.mark.django_db
def test_a_failed_sign_in_is_noted_without_a_name(alice):
    Client().post("/accounts/login/", {"login": alice.email, "password": "not this one"})
    event = ProductEvent.objects.get()
    assert (event.name, event.user_id, event.workspace_id) == ("auth_failed", None, None)


@pytest.mark.django_db
def test_a_user_leaves_the_workspace_under_another_name(alice, bob, settings):
    assert product_events.pseudonym(alice.id) == product_events.pseudonym(alice.id) != product_events.pseudonym(bob.id)
    assert str(alice.id) not in product_events.pseudonym(alice.id)
    before = product_events.pseudonym(alice.id)
    settings.SECRET_KEY = "another"
    assert product_events.pseudonym(alice.id) != before


@pytest.mark.django_db
def test_a_forgotten_users_events_are_counted_and_nobodys(alice, workspace):
    product_events.note(product_events.Name.RATE_LIMITED, workspace.id, user_id=alice.id, conversation_id=uuid.uuid4())
    assert product_events.forget_user(alice.id) == 1
    event = ProductEvent.objects.get()
    assert (event.workspace_id, event.user_id, event.conversation_id) == (workspace.id, None, None)


@pytest.mark.django_db
def test_old_events_are_deleted():
    for _ in range(3):
        product_events.note(product_events.Name.AUTH_FAILED, None)
    old = ProductEvent.objects.order_by("id").first()
    ProductEvent.objects.filter(id=old.id).update(happened_at=timezone.now() - timedelta(days=401))
    assert product_events.prune(timezone.now()) == 1
    assert ProductEvent.objects.count() == 2
