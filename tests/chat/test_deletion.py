"""Deleting: put away at once, brought back within a minute, gone for good after it."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from uuid_utils.compat import uuid7

from chat import deletion
from chat.models import Conversation, Message, SearchEntry
from telemetry.models import InferenceLog
from tests.chat.browser import Browser, ended, wait_for
from tests.fakes.fixtures import RunningProvider
from tests.telemetry.calls import finished, record, started


@pytest.fixture
def conversation(alice, workspace) -> Conversation:
    made = Conversation.objects.create(owner=alice, workspace=workspace, title="Secret plan", pinned_at=timezone.now())
    made.messages.create(role="user", content="tea at six", position=1)
    return made


@pytest.fixture
def client_of_alice(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def post(client: Client, conversation: Conversation, action: str, **data: str):
    return client.post(f"/c/{conversation.id}/{action}/", data, headers={"HX-Request": "true"})


def test_a_deleted_chat_is_found_at_no_door(client_of_alice, conversation):
    answer = post(client_of_alice, conversation, "delete")

    assert answer.status_code == 200
    assert "Deleted “Secret plan”" in answer.content.decode()
    assert "data-conversation" not in answer.content.decode()
    for address in (f"/c/{conversation.id}/", f"/c/{conversation.id}/older/"):
        assert client_of_alice.get(address).status_code == 404, address
    for action in ("delete", "rename", "pin", "archive", "end"):
        assert post(client_of_alice, conversation, action, title="x", on="1").status_code == 404, action
    assert "Secret plan" not in client_of_alice.get("/").content.decode()
    assert "tea" not in client_of_alice.get("/search/", {"q": "six"}).content.decode()
    assert Conversation.objects.filter(id=conversation.id).exists()


def test_nothing_can_be_sent_to_a_deleted_chat(as_alice: Browser, fake_provider: RunningProvider):
    first = as_alice.send("Hello")
    ended(first.run)
    as_alice.post(f"/c/{first.conversation}/delete/")

    assert as_alice.send("Still there?", conversation=first.conversation).response.status_code == 404
    assert as_alice.post(f"/runs/{first.run}/retry/").status_code == 404
    assert Message.objects.count() == 2


def test_undo_brings_everything_back(client_of_alice, conversation):
    post(client_of_alice, conversation, "delete")

    answer = post(client_of_alice, conversation, "undelete", open="1")

    assert answer.headers["HX-Redirect"] == f"/c/{conversation.id}/"
    html = client_of_alice.get(f"/c/{conversation.id}/").content.decode()
    assert "tea at six" in html
    conversation.refresh_from_db()
    assert (conversation.deleted_at, conversation.pinned_at is not None) == (None, True)
    assert "tea" in client_of_alice.get("/search/", {"q": "six"}).content.decode()


def test_leaving_the_page_of_a_deleted_chat_offers_undo_there(client_of_alice, conversation):
    answer = post(client_of_alice, conversation, "delete", open=str(conversation.id))
    assert answer.headers["HX-Redirect"] == f"/?deleted={conversation.id}"

    page = client_of_alice.get(answer.headers["HX-Redirect"]).content.decode()

    assert f"/c/{conversation.id}/undelete/" in page
    assert "Deleted “Secret plan”" in page
    plain = client_of_alice.post(f"/c/{conversation.id}/undelete/")
    assert plain.headers["Location"] == f"/c/{conversation.id}/"
    assert "undelete" not in client_of_alice.get("/", {"deleted": "nonsense"}).content.decode()


def test_it_is_too_late_after_a_minute(client_of_alice, conversation):
    post(client_of_alice, conversation, "delete")
    now = timezone.now()
    assert deletion.purge(now + timedelta(seconds=50)) == 0
    assert deletion.purge(now + timedelta(seconds=61)) == 1

    answer = post(client_of_alice, conversation, "undelete")

    assert answer.status_code == 410
    assert "too late" in answer.content.decode()
    assert not Conversation.objects.exists()
    assert not Message.objects.exists()
    assert not SearchEntry.objects.exists()


def test_nobody_else_brings_it_back(conversation, bob, charlie, client_of_alice):
    post(client_of_alice, conversation, "delete")
    for person in (bob, charlie):
        client = Client()
        client.force_login(person)
        assert post(client, conversation, "undelete").status_code == 410
        assert "Secret plan" not in client.get("/", {"deleted": str(conversation.id)}).content.decode()
    assert Conversation.objects.get().deleted_at is not None


@pytest.mark.django_db(transaction=True)
def test_the_log_stays_without_the_link(conversation):
    call = uuid7()
    about = {"inference_id": call, "workspace_id": conversation.workspace_id, "conversation_id": conversation.id}
    record(started(**about), finished(**about))
    assert InferenceLog.objects.get().conversation_id == conversation.id

    deletion.put_away(conversation, now=timezone.now() - timedelta(minutes=2))
    deletion.purge(timezone.now())

    assert InferenceLog.objects.get().conversation_id is None


def test_a_running_reply_is_stopped_and_stays_as_it_was(as_alice: Browser, fake_provider: RunningProvider):
    sent = as_alice.send("Count slowly", model="openai/paced-20")
    wait_for(lambda: fake_provider.open_count)

    as_alice.post(f"/c/{sent.conversation}/delete/")
    assert ended(sent.run).status == "canceled"
    as_alice.post(f"/c/{sent.conversation}/undelete/")

    assert "Stopped" in as_alice.client.get(f"/c/{sent.conversation}/").text


def test_what_is_not_deleted_is_not_purged(conversation):
    assert deletion.purge(timezone.now() + timedelta(days=900)) == 0
    assert Conversation.objects.get() == conversation


def test_another_tab_is_told_and_may_undo(as_alice: Browser):
    sent = as_alice.send("Hello")
    ended(sent.run)
    with as_alice.page() as page:
        page.say({"type": "ping"})
        page.read_until(lambda: page.others)
        page.html.clear()
        as_alice.post(f"/c/{sent.conversation}/delete/")
        page.read_until(lambda: page.html)
        assert f"/c/{sent.conversation}/undelete/" in page.html[-1]
        as_alice.post(f"/c/{sent.conversation}/undelete/")
        page.read_until(lambda: len(page.html) > 1)
    assert f"conversation-{sent.conversation}" in page.html[-1]


def test_a_strange_id_is_not_found(client_of_alice):
    nobody = Conversation(id=uuid.uuid4())
    assert post(client_of_alice, nobody, "delete").status_code == 404
    assert post(client_of_alice, nobody, "undelete").status_code == 410
