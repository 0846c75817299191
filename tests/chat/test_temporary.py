"""Temporary chats: in no list and no search, gone a day after their last message, and the log keeps no word of them."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from chat import deletion, sweep
from chat.models import Conversation, Message, SearchEntry
from telemetry import digest
from telemetry.models import InferenceLog
from tests.chat.browser import Browser, Sent, ended, wait_for
from tests.chat.test_leaks import dump_of_database, dump_of_valkey
from tests.fakes.fixtures import RunningProvider

ASKED, ANSWERED = "wherefore quokka", "because numbat"


def send(browser: Browser, prompt: str = ASKED, *, sent: Sent | None = None, model: str = "openai/plain") -> Sent:
    """A message of a temporary chat; of the one that `sent` began, if given."""
    conversation, message = sent.conversation if sent else uuid.uuid4(), uuid.uuid4()
    fields = {"conversation": str(conversation), "message": str(message), "prompt": prompt, "model": model, "temporary": "1"}
    return Sent(browser.post("/turns/", fields), conversation, message)


def gone(conversation: Conversation) -> bool:
    return not Conversation.objects.filter(id=conversation.id).exists()


def test_it_is_in_no_list_and_no_search_and_has_no_title(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("plain", chunks=[ANSWERED])
    sent = send(as_alice)
    ended(sent.run)

    conversation = Conversation.objects.get()
    assert (conversation.is_temporary, conversation.title) == (True, "")
    assert 'id="row-news"' not in sent.response.text
    assert "mark-temporary" in sent.response.text
    for address in ("/", "/conversations/", "/archive/", "/search/?q=quokka", "/search/?q=numbat"):
        assert str(conversation.id) not in as_alice.client.get(address).text, address
    assert not SearchEntry.objects.exists()
    page = as_alice.client.get(f"/c/{conversation.id}/").text
    assert ANSWERED in page
    assert "mark-temporary" in page


def test_it_goes_on_with_what_was_said(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("plain", chunks=[ANSWERED])
    first = send(as_alice)
    ended(first.run)
    ended(as_alice.send("And then?", conversation=first.conversation).run)

    assert [said["content"] for said in fake_provider.last.body["messages"]] == [ASKED, ANSWERED, "And then?"]
    assert Conversation.objects.get().is_temporary


@pytest.mark.parametrize("action", ["pin", "archive"])
def test_it_is_neither_pinned_nor_archived(as_alice: Browser, action: str):
    sent = send(as_alice)
    ended(sent.run)
    answer = as_alice.post(f"/c/{sent.conversation}/{action}/", {"on": "1"})
    assert answer.status_code == 422
    assert "temporary chat" in answer.text


def test_a_chat_that_is_kept_does_not_become_temporary(as_alice: Browser):
    first = as_alice.send("Hello")
    ended(first.run)
    ended(send(as_alice, "And now?", sent=first).run)
    assert not Conversation.objects.get().is_temporary
    assert as_alice.post(f"/c/{first.conversation}/end/").status_code == 409


def test_it_is_purged_a_day_after_its_last_message(as_alice: Browser):
    sent = send(as_alice)
    ended(sent.run)
    conversation = Conversation.objects.get()

    assert deletion.purge(timezone.now() + timedelta(hours=23)) == 0
    assert deletion.purge(timezone.now() + timedelta(hours=24, minutes=1)) == 1
    assert gone(conversation)


def test_ending_it_deletes_it_at_once_and_for_good(as_alice: Browser):
    sent = send(as_alice)
    ended(sent.run)

    answer = as_alice.post(f"/c/{sent.conversation}/end/")

    assert answer.headers["HX-Redirect"] == "/"
    assert not Conversation.objects.exists()
    assert as_alice.post(f"/c/{sent.conversation}/undelete/").status_code == 410


def test_ending_it_while_a_reply_is_written_stops_the_reply(as_alice: Browser, fake_provider: RunningProvider):
    sent = send(as_alice, model="openai/paced-20")
    wait_for(lambda: fake_provider.open_count)

    as_alice.post(f"/c/{sent.conversation}/end/")

    assert as_alice.client.get(f"/c/{sent.conversation}/").status_code == 404
    wait_for(lambda: fake_provider.last.closed_early_at)
    assert as_alice.post(f"/c/{sent.conversation}/undelete/").status_code == 410
    deletion.purge(timezone.now() + timedelta(seconds=61))
    assert not Conversation.objects.exists()


def test_the_log_keeps_figures_and_no_word(as_alice: Browser, fake_provider: RunningProvider):
    """Also of replies that fail with a sentence that repeats the prompt, or are stopped."""
    asked = "wherefore wombat"  # Valkey holds the other tests' streams for an hour
    fake_provider.script("plain", chunks=["because bandicoot"])
    fake_provider.script("bad", status=400, error={"message": f"I will not answer {asked}."})
    first = send(as_alice, asked)
    ended(first.run)
    failed = send(as_alice, asked, sent=first, model="openai/bad")
    assert ended(failed.run).status == "failed"
    stopped = send(as_alice, f"{asked} once more", sent=first, model="openai/paced-20")
    wait_for(lambda: fake_provider.open_count)
    as_alice.stop(stopped.run)
    ended(stopped.run)
    log = dump_of_tables("telemetry_inbox")
    digest.drain()
    log += dump_of_tables("inference_log*", "payload*", "search_*", "span*", "telemetry_*", "gateway_*")

    rows = list(InferenceLog.objects.order_by("started_at"))
    assert [row.status for row in rows] == ["success", "error", "canceled"]
    assert all(row.input_tokens for row in (rows[0], rows[2]))
    assert rows[1].error_class
    assert rows[0].parameters
    assert {row.input_preview or row.output_preview or row.payload_parts or row.error_message for row in rows} == {None}
    assert [word for word in ("wombat", "bandicoot") if word in log] == []

    as_alice.post(f"/c/{first.conversation}/end/")
    everywhere = dump_of_database() + dump_of_valkey()
    assert [word for word in ("wombat", "bandicoot") if word in everywhere] == []
    assert InferenceLog.objects.filter(conversation_id=None).count() == 3


def test_a_reply_whose_process_is_gone_leaves_no_word_either(as_alice: Browser, fake_provider: RunningProvider):
    sent = send(as_alice)
    reply = ended(sent.run)
    digest.drain()
    InferenceLog.objects.all().delete()
    Message.objects.filter(id=reply.id).update(status="streaming", lease_until=timezone.now() - timedelta(minutes=1))

    sweep.sweep()
    waiting = dump_of_tables("telemetry_inbox")
    digest.drain()

    assert ended(sent.run).status == "interrupted"
    log = waiting + dump_of_tables("inference_log*", "payload*", "search_*")
    assert "quokka" not in log


def test_feedback_leaves_no_words_that_would_outlive_it(as_alice: Browser):
    sent = send(as_alice)
    reply = ended(sent.run)
    address = f"/messages/{reply.id}/feedback/"

    refused = as_alice.post(address, {"thumb": "down", "panel": "1", "comment": "Not about the quokka"})
    taken = as_alice.post(address, {"thumb": "down"})

    assert "would outlive a temporary chat" in refused.text
    assert taken.status_code == 200
    assert "quokka" not in dump_of_tables("telemetry_*", "score*")


def test_the_page_without_scripts_offers_it(alice):
    client = Client()
    client.force_login(alice)
    html = client.get("/").content.decode()
    assert 'name="temporary"' in html
    assert 'form="composer"' in html


def dump_of_tables(*patterns: str) -> str:
    return dump_of_database(*(f"--table={pattern}" for pattern in patterns))
