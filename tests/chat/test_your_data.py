"""Your data: all chats deleted, oneself erased, and the details of what replies came to."""

import re
import uuid
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.models import AuditEntry, Membership, User
from chat import runner
from chat.models import Conversation, Message
from telemetry.models import ErasureReceipt
from tests.people import PASSWORD
from tests.telemetry.calls import finished, record, started

pytestmark = pytest.mark.django_db
HERE = "/settings/your-data/"


@pytest.fixture
def as_bob(bob) -> Client:
    client = Client()
    client.force_login(bob)
    return client


@pytest.fixture
def stopped(monkeypatch) -> list[uuid.UUID]:
    """The runs that somebody asked to stop."""
    asked: list[uuid.UUID] = []

    async def stop(run_id: uuid.UUID) -> None:
        asked.append(run_id)

    monkeypatch.setattr(runner, "_runner", SimpleNamespace(stop=stop))
    return asked


def chat_of(person: User, title: str = "Tides", **fields) -> Conversation:
    workspace = person.memberships.order_by("created_at")[0].workspace
    made = Conversation.objects.create(workspace=workspace, owner=person, title=title, **fields)
    Message.objects.create(conversation=made, role="user", content="Why?", position=1)
    return made


def test_all_chats_go_and_nobody_elses(as_bob, alice, bob, stopped):
    hers = chat_of(alice)
    chat_of(bob)
    running = chat_of(bob, archived_at=timezone.now())
    run = uuid.uuid4()
    Message.objects.create(conversation=running, role="assistant", status="streaming", run_id=run, position=2)

    page = as_bob.post(f"{HERE}delete/", {"sure": "1"}, follow=True).content.decode()

    assert "2 chats deleted." in page
    assert list(Conversation.objects.filter(deleted_at=None)) == [hers]
    assert stopped == [run]


def test_nothing_is_deleted_by_somebody_who_is_not_sure(as_bob, bob, stopped):
    chat_of(bob)
    assert "Nothing was deleted" in as_bob.post(f"{HERE}delete/", follow=True).content.decode()
    assert Conversation.objects.filter(deleted_at=None).count() == 1


def test_a_viewer_deletes_nothing(as_bob, bob, stopped):
    chat_of(bob)
    Membership.objects.filter(user=bob).update(role="viewer")
    as_bob.post(f"{HERE}delete/", {"sure": "1"})
    assert Conversation.objects.filter(deleted_at=None).count() == 1


def confirm(client: Client) -> None:
    """Type the password again."""
    answer = client.post(f"{reverse('account_reauthenticate')}?next={HERE}erase/", {"password": PASSWORD})
    assert answer.status_code == 302


def test_erasing_oneself_needs_the_password_of_the_last_minutes(as_bob, bob):
    for answer in (as_bob.get(f"{HERE}erase/"), as_bob.post(f"{HERE}erase/", {"email": bob.email})):
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("account_reauthenticate"))
    assert User.objects.filter(id=bob.id, is_active=True).exists()


@pytest.mark.django_db(transaction=True)
def test_a_person_is_erased_signed_out_and_gets_a_receipt(as_bob, bob, alice):
    chat_of(bob, title="Bob's own")
    chat_of(alice, title="What stays")
    confirm(as_bob)
    page = as_bob.get(f"{HERE}erase/").content.decode()
    assert "Conversations: 1" in page

    refused = as_bob.post(f"{HERE}erase/", {"email": "alice@example.com"})
    assert refused.status_code == 422
    assert User.objects.filter(id=bob.id).exists()
    answer = as_bob.post(f"{HERE}erase/", {"email": " BOB@example.com "})

    receipt = ErasureReceipt.objects.get()
    assert answer.status_code == 200
    assert str(receipt.id) in answer.content.decode()
    assert receipt.digest in answer.content.decode()
    assert "bob@" not in answer.content.decode()
    assert not User.objects.filter(id=bob.id).exists()
    assert [conversation.title for conversation in Conversation.objects.all()] == ["What stays"]
    assert as_bob.get("/")["Location"].startswith("/accounts/login/")
    entry = AuditEntry.objects.get(action="data.erased")
    assert (entry.actor_id, entry.subject_id) == (None, str(receipt.id))


def test_the_last_owner_is_told_what_to_do_first(alice, bob):
    client = Client()
    client.force_login(alice)
    confirm(client)
    assert "Make one of them its owner first." in client.get(f"{HERE}erase/").content.decode()
    assert client.post(f"{HERE}erase/", {"email": alice.email}).status_code == 422
    assert User.objects.filter(id=alice.id, is_active=True).exists()


def test_who_is_still_being_answered_waits(as_bob, bob):
    running = chat_of(bob)
    Message.objects.create(conversation=running, role="assistant", status="streaming", run_id=uuid.uuid4(), position=2)
    confirm(as_bob)
    answer = as_bob.post(f"{HERE}erase/", {"email": bob.email})
    assert answer.status_code == 422
    assert "still being written" in answer.content.decode()


def test_the_details_name_buckets_attempts_and_the_price(as_bob, bob, workspace):
    conversation = chat_of(bob)
    trace, first, second = "c" * 32, uuid7(), uuid7()
    reply = Message.objects.create(
        conversation=conversation, role="assistant", content="So.", trace_id=trace, inference_id=second, position=2
    )
    told = {
        "workspace_id": workspace.id,
        "trace_id": trace,
        "requested_model": "openai/gpt-4o-mini",
        "started_at": timezone.now(),
    }
    record(
        started(first, attempt=1, **told),
        finished(first, status="error", error_class="overloaded", workspace_id=workspace.id),
        started(second, attempt=2, **told),
        finished(
            second, workspace_id=workspace.id, cache_read_tokens=30, reasoning_tokens=9, served_model="gpt-4o-mini-2024-07-18"
        ),
    )
    address = reverse("chat:details", args=[reply.id])
    text = " ".join(re.sub(r"<[^>]+>", " ", as_bob.get(address).content.decode()).split())

    assert "Call 1 of 2" in text
    assert "Call 2 of 2, attempt 2" in text
    assert "(overloaded)" in text
    assert "Prompt, read from a cache 30 tokens" in text
    assert "Reasoning 9 tokens" in text
    assert "gpt-4o-mini-2024-07-18" in text
    assert "Price" in text
    assert "administration" not in text

    User.objects.filter(id=bob.id).update(is_staff=True)
    bob.user_permissions.add(Permission.objects.get(codename="view_inferencelog"))
    assert f"/admin/telemetry/inferencelog/{second}/change/" in as_bob.get(address).content.decode()


def test_details_that_are_not_there_yet_are_told_as_such(as_bob, bob):
    reply = Message.objects.create(conversation=chat_of(bob), role="assistant", content="So.", trace_id="d" * 32, position=2)
    assert "still being recorded" in as_bob.get(reverse("chat:details", args=[reply.id])).content.decode()
