"""What a model thinks before it answers: shown beside the reply, stored, found again, and never sent back."""

import pytest

from chat.models import Message
from telemetry import digest
from telemetry.models import InferenceLog
from tests.chat.browser import Browser, ended, wait_for
from tests.fakes.fixtures import RunningProvider
from tests.server import WebServer, web_server

THOUGHTS = [f"thought{n} " for n in range(30)]
SECRET = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH"


def test_thoughts_come_beside_the_reply_and_stay_with_it(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("deep", reasoning=THOUGHTS, chunks=["Four."], rate=60)
    sent = as_alice.send("Two and two?", model="openai/deep")
    with as_alice.page() as page:
        shown = page.sync(sent.conversation, sent.run)
        page.read_until(lambda: shown.end)
    reply = ended(sent.run)

    assert reply.content == "Four."
    assert reply.reasoning == "".join(THOUGHTS)
    assert reply.reasoning_ms >= 300
    assert shown.text.strip() == "Four."
    assert shown.thought_text.split() == reply.reasoning.split()
    assert shown.thought_label.startswith("Thought for")
    live = [frame["thought"]["label"] for frame in shown.frames if frame["type"] == "delta" and frame.get("thought")]
    assert live[0] is None
    assert "thought29" in as_alice.client.get(f"/c/{sent.conversation}/").text


@pytest.mark.parametrize("size", [1, 3, 100])
def test_thoughts_that_a_small_model_writes_into_its_reply_are_told_apart(
    as_alice: Browser, fake_provider: RunningProvider, size: int
):
    text = "<think>\nTwo and two.\n</think>\n\nFour."
    fake_provider.script("small", chunks=[text[at : at + size] for at in range(0, len(text), size)])
    reply = ended(as_alice.send("Two and two?", model="openai/small").run)

    assert (reply.content, reply.reasoning) == ("Four.", "Two and two.")
    digest.drain()
    row = InferenceLog.objects.get(message_id=reply.id)
    assert row.output_preview == "Four."


def test_a_thought_without_an_answer_is_a_reply_of_its_own(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("small", chunks=["<think>never ", "closed"])
    reply = ended(as_alice.send("Hm?", model="openai/small").run)
    assert (reply.status, reply.content, reply.reasoning) == ("complete", "", "never closed")


def test_thoughts_are_not_sent_back(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("deep", reasoning=["To be ", "forgotten."], chunks=["Four."])
    first = as_alice.send("Two and two?", model="openai/deep")
    ended(first.run)
    ended(as_alice.send("Sure?", model="openai/deep", conversation=first.conversation).run)
    assert "forgotten" not in str(fake_provider.last.body)
    assert "Four." in str(fake_provider.last.body)


def test_a_secret_in_a_thought_is_stored_nowhere(as_alice: Browser, fake_provider: RunningProvider, server: WebServer):
    fake_provider.script("deep", reasoning=["The key is ", SECRET[:20], SECRET[20:], " indeed."], chunks=["Done."])
    sent = as_alice.send("Think", model="openai/deep")
    with as_alice.page() as page:
        shown = page.sync(sent.conversation, sent.run)
        page.read_until(lambda: shown.end)
    reply = ended(sent.run)

    assert "The key is" in reply.reasoning
    assert SECRET not in f"{reply.reasoning}{reply.reasoning_html}{shown.frames}{server.news()}"


def test_a_reload_in_the_middle_of_a_thought_shows_all_of_it(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("deep", reasoning=THOUGHTS, chunks=["Four."], rate=15)
    sent = as_alice.send("Two and two?", model="openai/deep")
    wait_for(lambda: "thought5" in Message.objects.get(run_id=sent.run).reasoning)

    html = as_alice.client.get(f"/c/{sent.conversation}/").text
    with as_alice.page() as page:
        shown = page.sync(sent.conversation, sent.run)
        page.read_until(lambda: shown.end)

    assert "thought3" in html
    assert "Thinking…" in html
    assert shown.frames[0]["type"] == "snapshot"
    assert shown.thought_text.split() == "".join(THOUGHTS).split()


def test_a_page_that_left_goes_on_in_the_thought(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("deep", reasoning=THOUGHTS, chunks=["Four."], rate=30)
    sent = as_alice.send("Two and two?", model="openai/deep")
    with as_alice.page() as page:
        shown = page.sync(sent.conversation, sent.run)
        page.read_until(lambda: shown.seq >= 4)
    with as_alice.page() as page:
        page.runs[sent.run] = shown
        page.sync(sent.conversation, sent.run)
        page.read_until(lambda: shown.end)
    assert shown.thought_text.split() == "".join(THOUGHTS).split()


def test_a_second_process_shows_the_thought(
    as_alice: Browser, alice, fake_provider: RunningProvider, provider_environment: dict[str, str]
):
    fake_provider.script("deep", reasoning=THOUGHTS, chunks=["Four."], rate=15)
    sent = as_alice.send("Two and two?", model="openai/deep")
    with web_server(provider_environment) as other, Browser.of(alice, other) as elsewhere, elsewhere.page() as page:
        shown = page.sync(sent.conversation, sent.run)
        page.read_until(lambda: shown.end)
    assert shown.thought_text.split() == "".join(THOUGHTS).split()


def test_a_killed_process_leaves_the_thought_that_was_shown(
    own_server: WebServer, alice, fake_provider: RunningProvider, provider_environment: dict[str, str]
):
    fake_provider.script("deep", reasoning=[f"thought{n} " for n in range(400)], chunks=["Four."], rate=20)
    with Browser.of(alice, own_server) as browser:
        sent = browser.send("Two and two?", model="openai/deep")
        with browser.page() as page:
            shown = page.sync(sent.conversation, sent.run)
            page.read_until(lambda: shown.seq >= 10)
            own_server.kill()
    with web_server(provider_environment):
        reply = ended(sent.run, seconds=60)

    assert reply.status == "interrupted"
    assert reply.reasoning.split()[: len(shown.thought_text.split())] == shown.thought_text.split()
    assert reply.reasoning_ms
    assert "thought3" in reply.reasoning_html


def test_stop_in_a_thought_keeps_it(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("deep", reasoning=[f"thought{n} " for n in range(400)], chunks=["Four."], rate=20)
    sent = as_alice.send("Two and two?", model="openai/deep")
    wait_for(lambda: Message.objects.get(run_id=sent.run).reasoning)
    as_alice.stop(sent.run)
    reply = ended(sent.run)
    assert reply.status == "canceled"
    assert "thought1" in reply.reasoning
