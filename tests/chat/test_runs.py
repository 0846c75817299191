"""Runs: streamed to whoever looks, from wherever they left off; stopped from anywhere; ended once."""

import uuid

import pytest
from django.utils import timezone

from chat import deletion
from chat.models import Message
from telemetry import digest
from telemetry.models import InferenceLog
from tests.chat.browser import Browser, ended, wait_for
from tests.fakes.fixtures import RunningProvider
from tests.server import WebServer, web_server

COUNTING = [f"word{n} " for n in range(60)]
LONG = [f"word{n} " for n in range(400)]


def test_the_page_shows_what_the_provider_says(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("slow", chunks=COUNTING, rate=40)
    sent = as_alice.send("Count", model="openai/slow")

    with as_alice.page() as page:
        shown = page.sync(sent.conversation, sent.run)
        page.read_until(lambda: shown.end)

    assert shown.text.split() == "".join(COUNTING).split()
    assert shown.end["status"] == "complete"
    assert len(shown.frames) > 5
    assert [frame["seq"] for frame in shown.frames[:-1]] == sorted({frame["seq"] for frame in shown.frames[:-1]})


def test_a_page_that_left_goes_on_where_it_was(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("slow", chunks=COUNTING, rate=40)
    sent = as_alice.send("Count", model="openai/slow")
    with as_alice.page() as page:
        shown = page.sync(sent.conversation, sent.run)
        page.read_until(lambda: shown.seq >= 5)

    with as_alice.page() as page:
        page.runs[sent.run] = shown
        page.sync(sent.conversation, sent.run)
        page.read_until(lambda: shown.end)

    assert shown.text.split() == "".join(COUNTING).split()
    assert all(frame["type"] != "snapshot" for frame in shown.frames[1:])


def test_a_reloaded_page_gets_a_snapshot(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("slow", chunks=COUNTING, rate=40)
    sent = as_alice.send("Count", model="openai/slow")
    wait_for(lambda: Message.objects.get(run_id=sent.run).streamed_seq > 3)

    page_html = as_alice.client.get(f"/c/{sent.conversation}/").text
    with as_alice.page() as page:
        shown = page.sync(sent.conversation, sent.run)
        page.read_until(lambda: shown.end)

    assert "word0" in page_html
    assert shown.frames[0]["type"] == "snapshot"
    assert shown.text.split() == "".join(COUNTING).split()


def test_a_page_that_was_open_before_sees_a_turn_of_another_tab(as_alice: Browser, fake_provider: RunningProvider):
    first = as_alice.send("Hello")
    ended(first.run)
    with as_alice.page() as page:
        page.sync(first.conversation)
        page.say({"type": "ping"})
        page.read_until(lambda: page.others)

        second = as_alice.send("And again", conversation=first.conversation)
        page.read_until(lambda: page.turns)
        shown = page.sync(first.conversation, second.run)
        page.read_until(lambda: shown.end)

    assert "And again" in page.turns[0]["html"]
    assert shown.end["status"] == "complete"


def test_a_page_that_comes_back_gets_the_turns_it_missed(as_alice: Browser):
    first = as_alice.send("Hello")
    last = ended(first.run).id
    second = as_alice.send("And again", conversation=first.conversation)
    ended(second.run)

    with as_alice.page() as page:
        page.sync(first.conversation, last=last)
        page.read_until(lambda: page.turns)

    assert second.run in page.turns[0]["html"]
    assert first.run not in page.turns[0]["html"]


def test_a_second_process_follows_and_stops_a_run(
    as_alice: Browser, alice, fake_provider: RunningProvider, provider_environment: dict[str, str]
):
    fake_provider.script("slow", chunks=LONG, rate=20)
    sent = as_alice.send("Count", model="openai/slow")
    with web_server(provider_environment) as other, Browser.of(alice, other) as elsewhere, elsewhere.page() as page:
        shown = page.sync(sent.conversation, sent.run)
        page.read_until(lambda: shown.seq >= 5)
        elsewhere.stop(sent.run)
        page.read_until(lambda: shown.end, seconds=5)
    reply = ended(sent.run)

    assert reply.status == "canceled"
    assert shown.text.split() == reply.content.split()
    assert wait_for(lambda: fake_provider.last.closed_early_at)


def test_stop_keeps_the_partial_answer_and_ends_the_providers_call(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("slow", chunks=LONG, rate=20)
    sent = as_alice.send("Count", model="openai/slow")
    with as_alice.page() as one, as_alice.page() as two:
        first, second = one.sync(sent.conversation, sent.run), two.sync(sent.conversation, sent.run)
        one.read_until(lambda: first.seq >= 5)
        assert as_alice.stop(sent.run).status_code == 204
        one.read_until(lambda: first.end, seconds=5)
        two.read_until(lambda: second.end, seconds=5)
    reply = ended(sent.run)

    assert reply.status == "canceled"
    assert reply.content
    assert first.text.split() == second.text.split() == reply.content.split()
    assert wait_for(lambda: fake_provider.last.closed_early_at)
    assert (reply.usage_source, reply.completion_tokens is not None) == ("estimated", True)


def test_a_finished_run_tells_its_end_to_late_pages(as_alice: Browser, fake_provider: RunningProvider):
    sent = as_alice.send("Hello")
    reply = ended(sent.run)

    with as_alice.page() as page:
        shown = page.sync(sent.conversation, sent.run)
        page.read_until(lambda: shown.end)

    assert shown.end["body"] == reply.html


@pytest.mark.parametrize("model", ["error-401", "error-mid", "garbage", "hang-mid"])
def test_a_provider_that_fails_ends_the_reply_with_its_reason(as_alice: Browser, model: str):
    sent = as_alice.send("Hello", model=f"openai/{model}")
    if model == "hang-mid":
        wait_for(lambda: Message.objects.get(run_id=sent.run).streamed_seq > 0)
        as_alice.stop(sent.run)

    reply = ended(sent.run)

    assert reply.status == ("canceled" if model == "hang-mid" else "failed")
    assert bool(reply.error) == (model != "hang-mid")


def test_a_hiccup_before_the_first_token_is_tried_again_and_recorded(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("plain", status=500, times=1)

    reply = ended(as_alice.send("Hello").run)
    digest.drain()

    assert reply.status == "complete"
    rows = InferenceLog.objects.filter(message_id=reply.id).order_by("attempt")
    assert [(row.attempt, row.status) for row in rows] == [(1, "error"), (2, "success")]
    assert rows[0].trace_id == rows[1].trace_id == reply.trace_id


def test_what_the_provider_got_raw_is_stored_redacted(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("plain", chunks=["Write to bob", ".smith@exam", "ple.org now."])
    sent = as_alice.send("My card is 4111 1111 1111 1111, mail alice@example.org")
    reply = ended(sent.run)
    digest.drain()

    prompt = Message.objects.get(id=sent.message)
    page = as_alice.client.get(f"/c/{sent.conversation}/").text
    assert "4111 1111 1111 1111" in fake_provider.last.body["messages"][-1]["content"]
    assert prompt.content == "My card is [[CARD]], mail [[EMAIL]]"
    assert reply.content == "Write to [[EMAIL]] now."
    for text in (page, sent.response.text, str(InferenceLog.objects.values().get())):
        assert "4111 1111" not in text
        assert "bob.smith" not in text
    assert "e-mail removed" in page


def test_a_deleted_conversation_leaves_its_log_without_the_link(as_alice: Browser):
    sent = as_alice.send("Hello")
    ended(sent.run)
    digest.drain()

    as_alice.post(f"/c/{sent.conversation}/delete/")
    deletion.purge(timezone.now() + deletion.UNDO_FOR)

    row = InferenceLog.objects.get()
    assert not Message.objects.exists()
    assert (row.status, row.conversation_id, row.message_id) == ("success", None, None)


def test_deleting_while_a_reply_runs_ends_the_call_and_records_it(as_alice: Browser, fake_provider: RunningProvider):
    sent = as_alice.send("Count", model="openai/paced-20x400")
    wait_for(lambda: Message.objects.get(run_id=sent.run).streamed_seq > 0)

    as_alice.post(f"/c/{sent.conversation}/delete/")

    assert wait_for(lambda: fake_provider.last.closed_early_at)
    wait_for(lambda: digest.drain() is not None and InferenceLog.objects.exclude(status="in_progress").exists())
    deletion.purge(timezone.now() + deletion.UNDO_FOR)
    assert InferenceLog.objects.get().conversation_id is None


def test_each_run_makes_one_row_with_tokens_and_times(as_alice: Browser):
    sent = as_alice.send("Hello")
    reply = ended(sent.run)
    digest.drain()

    row = InferenceLog.objects.get()
    assert (row.id, row.status, row.source) == (reply.inference_id, "success", "chat")
    assert (row.provider, row.model, row.message_id) == ("openai", "plain", reply.id)
    assert row.usage_source == "provider"
    assert row.latency_ms >= row.ttft_ms >= 0
    assert row.cost_usd is None


def test_a_strangers_conversation_does_not_exist(as_alice: Browser, charlie, server: WebServer):
    sent = as_alice.send("Hello")
    ended(sent.run)
    with Browser.of(charlie, server) as stranger:
        assert stranger.client.get(f"/c/{sent.conversation}/").status_code == 404
        assert stranger.send("Hi", conversation=sent.conversation).response.status_code == 404
        assert stranger.stop(sent.run).status_code == 404
        assert stranger.post(f"/c/{sent.conversation}/delete/").status_code == 404
        assert stranger.send("Hi", message=sent.message).response.status_code == 409


def test_a_conversation_that_does_not_exist_is_404(as_alice: Browser):
    assert as_alice.client.get(f"/c/{uuid.uuid4()}/").status_code == 404


def test_a_call_is_logged_with_the_times_of_its_tokens(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("slow", chunks=["word "] * 10, rate=100)
    reply = ended(as_alice.send("Count", model="openai/slow").run)
    digest.drain()
    row = InferenceLog.objects.get(message_id=reply.id)
    times = row.token_times_ms or []
    assert len(times) == 10
    assert times == sorted(times)
    assert times[0] == row.ttft_ms <= times[-1] <= row.latency_ms
