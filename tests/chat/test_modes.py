"""A workspace's mode, seen from the page: what the model is told, what is kept, and what the owner alone sees."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chat import deletion, originals
from chat.models import Conversation, Message, Original
from telemetry import digest, tallies
from telemetry.models import InferenceLog, RedactionPolicy
from tests.chat.browser import Browser, ended
from tests.fakes.fixtures import RunningProvider
from tests.server import WebServer

EMAIL = "alice.liddell@example.org"
CARD = "4111 1111 1111 1111"


@pytest.fixture
def in_mode(workspace):
    def choose(mode: str, **choices: Any) -> RedactionPolicy:
        return RedactionPolicy.objects.create(workspace=workspace, mode=mode, **choices)

    return choose


def told(provider: RunningProvider) -> list[str]:
    return [said["content"] for said in provider.last.body["messages"]]


def follow(browser: Browser, sent: Any) -> Any:
    """The reply as the person's own page shows it, to its end."""
    with browser.page() as page:
        shown = page.sync(sent.conversation, sent.run)
        page.read_until(lambda: shown.end)
    return shown


def expire() -> None:
    Original.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


def test_masked_values_stay_with_their_owner(in_mode, as_alice: Browser, fake_provider: RunningProvider):
    in_mode("mask")
    fake_provider.script("plain", chunks=["I write to [[EMA", "IL_1]] now.\n\nNot to [[EMAIL_9]]."])

    sent = as_alice.send(f"Mail {EMAIL} & pay with {CARD}")
    shown = follow(as_alice, sent)
    reply = ended(sent.run)
    page = as_alice.client.get(f"/c/{sent.conversation}/").text

    assert told(fake_provider) == ["Mail [[EMAIL_1]] & pay with [[CARD_1]]"]
    assert Message.objects.get(id=sent.message).content == "Mail [[EMAIL_1]] & pay with [[CARD_1]]"
    assert reply.content == "I write to [[EMAIL_1]] now.\n\nNot to [[EMAIL_9]]."
    for seen in (shown.html, page):
        assert EMAIL in seen
        assert "e-mail 9</span>" in seen
    assert CARD in sent.response.text
    assert CARD in page
    assert "see the real ones for 24 hours" in page


def test_values_appear_while_the_reply_is_written(in_mode, as_alice: Browser, fake_provider: RunningProvider):
    in_mode("mask")
    fake_provider.script("slow", chunks=["Dear [[EMAIL_1]],\n\n", *[f"word{n} " for n in range(30)]], rate=30)

    shown = follow(as_alice, as_alice.send(f"Mail {EMAIL}", model="openai/slow"))

    steps = [frame for frame in shown.frames if frame["type"] != "end"]
    assert EMAIL in "".join(frame["append"] + (frame["tail"] or "") for frame in steps)
    assert EMAIL in shown.end["foot"]


def test_a_value_keeps_its_placeholder_in_later_turns(in_mode, as_alice: Browser, fake_provider: RunningProvider):
    in_mode("mask")
    first = as_alice.send(f"Mail {EMAIL}")
    ended(first.run)

    ended(as_alice.send(f"Not bob@example.org but {EMAIL}", conversation=first.conversation).run)

    assert told(fake_provider)[0] == "Mail [[EMAIL_1]]"
    assert told(fake_provider)[-1] == "Not [[EMAIL_2]] but [[EMAIL_1]]"


def test_after_a_day_the_placeholders_stay_and_the_page_says_so(in_mode, as_alice: Browser, fake_provider: RunningProvider):
    in_mode("mask")
    first = as_alice.send(f"Mail {EMAIL}")
    ended(first.run)
    kept = Original.objects.get()
    assert kept.expires_at - Message.objects.get(id=first.message).created_at == timedelta(hours=24)
    expire()

    page = as_alice.client.get(f"/c/{first.conversation}/").text
    assert EMAIL not in page
    assert "e-mail 1</span>" in page
    assert "are gone" in page

    ended(as_alice.send("Now to bob@example.org", conversation=first.conversation).run)
    assert told(fake_provider)[-1] == "Now to [[EMAIL_2]]"


def test_what_has_expired_is_forgotten_by_the_clock(in_mode, as_alice: Browser):
    in_mode("mask")
    sent = as_alice.send(f"Mail {EMAIL}")
    ended(sent.run)
    assert originals.purge(timezone.now()) == 0
    expire()

    assert originals.purge(timezone.now()) == 1
    assert Original.objects.get().sealed is None
    assert "are gone" in as_alice.client.get(f"/c/{sent.conversation}/").text


def test_what_looks_like_a_placeholder_comes_back_as_it_was_typed(in_mode, as_alice: Browser, fake_provider: RunningProvider):
    in_mode("mask")
    fake_provider.script("plain", chunks=["[[TEXT_1]] and [[EMAIL_1]]"])
    sent = as_alice.send(f"I type [[EMAIL_1]] and mean {EMAIL}")

    shown = follow(as_alice, sent)

    assert told(fake_provider) == ["I type [[TEXT_1]] and mean [[EMAIL_1]]"]
    assert shown.text == f"[[EMAIL_1]] and {EMAIL}\n"


def test_a_value_is_never_put_into_an_address(in_mode, as_alice: Browser, fake_provider: RunningProvider):
    in_mode("mask")
    text = "[a](https://x.example/?m=[[EMAIL_1]]) https://x.example/[[EMAIL_1]] ![i](https://x.example/[[EMAIL_1]].png)"
    fake_provider.script("plain", chunks=[text])

    shown = follow(as_alice, as_alice.send(f"Mail {EMAIL}"))

    assert EMAIL not in shown.end["body"] + shown.end["foot"]


def test_a_refused_message_leaves_a_count_and_nothing_else(in_mode, as_alice: Browser, fake_provider: RunningProvider):
    in_mode("block")

    answer = as_alice.send(f"Mail {EMAIL} and bob@example.org, card {CARD}").response

    assert answer.status_code == 422
    assert answer.headers["HX-Retarget"] == "#composer-notice"
    assert "e-mail (×2), card number" in answer.text
    assert EMAIL not in answer.text
    assert not Conversation.objects.exists()
    assert not fake_provider.requests
    assert tallies.balance().rejected == {"blocked": 1}
    assert tallies.balance().missing == 0


def test_without_scripts_a_blocked_prompt_stays_in_the_box(in_mode, as_alice: Browser):
    in_mode("block")
    fields = {"conversation": str(uuid.uuid4()), "prompt": f"Mail {EMAIL}", "model": "openai/plain"}
    assert f"Mail {EMAIL}</textarea>" in as_alice.post("/turns/", fields, is_htmx=False).text


def test_a_harmless_message_passes_where_others_are_blocked(in_mode, as_alice: Browser, fake_provider: RunningProvider):
    in_mode("block")
    fake_provider.script("plain", chunks=[f"Ask {EMAIL}."])
    sent = as_alice.send("Who knows?")
    assert ended(sent.run).content == "Ask [[EMAIL]]."
    assert "are not sent" in as_alice.client.get(f"/c/{sent.conversation}/").text


def test_the_vault_gives_originals_to_owner_and_history(in_mode, as_alice: Browser, fake_provider: RunningProvider):
    in_mode("log_only", keeps_originals=True, vault_hours=2)
    fake_provider.script("plain", chunks=["Write to bob@", "example.org **now**."])
    first = as_alice.send(f"I am {EMAIL}")
    shown = follow(as_alice, first)
    ended(as_alice.send("Again?", conversation=first.conversation).run)

    assert told(fake_provider) == [f"I am {EMAIL}", "Write to bob@example.org **now**.", "Again?"]
    assert shown.text == "Write to bob@example.org now.\n"
    assert EMAIL in as_alice.client.get(f"/c/{first.conversation}/").text
    assert ended(first.run).content == "Write to [[EMAIL]] **now**."
    assert Original.objects.count() == 3

    expire()
    ended(as_alice.send("And now?", conversation=first.conversation).run)
    assert told(fake_provider)[0] == "I am [[EMAIL]]"
    assert EMAIL not in as_alice.client.get(f"/c/{first.conversation}/").text


def test_originals_go_with_their_conversation(in_mode, as_alice: Browser):
    in_mode("log_only", keeps_originals=True)
    sent = as_alice.send(f"I am {EMAIL}")
    ended(sent.run)
    assert Original.objects.exists()

    as_alice.post(f"/c/{sent.conversation}/delete/")
    deletion.purge(timezone.now() + deletion.UNDO_FOR)

    assert not Original.objects.exists()


def test_originals_go_with_their_owner(in_mode, as_alice: Browser, alice):
    in_mode("log_only", keeps_originals=True)
    ended(as_alice.send(f"I am {EMAIL}").run)
    alice.delete()
    assert not Original.objects.exists()


def test_nobody_else_is_shown_an_original(in_mode, as_alice: Browser, bob, server: WebServer):
    in_mode("log_only", keeps_originals=True)
    sent = as_alice.send(f"I am {EMAIL}")
    ended(sent.run)
    with Browser.of(bob, server) as other:
        assert other.client.get(f"/c/{sent.conversation}/").status_code == 404
    digest.drain()
    assert EMAIL not in str(InferenceLog.objects.values().get())


def test_by_default_nothing_is_kept(as_alice: Browser):
    sent = as_alice.send(f"I am {EMAIL}")
    ended(sent.run)
    assert not Original.objects.exists()
    assert 'class="hint privacy"' not in as_alice.client.get(f"/c/{sent.conversation}/").text


def test_a_retried_prompt_is_sent_as_the_mode_says(in_mode, as_alice: Browser, fake_provider: RunningProvider):
    in_mode("log_only", keeps_originals=True)
    fake_provider.script("plain", status=401, times=1)
    first = as_alice.send(f"I am {EMAIL}")
    ended(first.run)
    as_alice.post(f"/runs/{first.run}/retry/")
    ended(str(Message.objects.filter(role="assistant").latest("position").run_id))
    assert told(fake_provider) == [f"I am {EMAIL}"]
