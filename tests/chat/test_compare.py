"""Comparing: one prompt for several models in one request, each reply a run of its own."""

import re
import uuid

import httpx

from chat.models import Message
from tests.chat.browser import Browser, ended
from tests.fakes.fixtures import RunningProvider


def compare(
    browser: Browser,
    models: list[str],
    *,
    prompt: str = "Hello",
    conversation: uuid.UUID | None = None,
    message: uuid.UUID | None = None,
) -> tuple[httpx.Response, list[Message]]:
    message = message or uuid.uuid4()
    fields = {"conversation": str(conversation or uuid.uuid4()), "message": str(message), "prompt": prompt, "models": models}
    answer = browser.post("/turns/", fields)
    return answer, list(Message.objects.filter(parent_id=message).order_by("slot", "position"))


def all_ended(replies: list[Message]) -> list[Message]:
    return [ended(str(reply.run_id)) for reply in replies]


def test_each_model_gets_a_run_of_its_own(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("a", chunks=["Of a."])
    fake_provider.script("b", chunks=["Of b."])

    answer, replies = compare(as_alice, ["openai/a", "openai/b"])
    first, second = all_ended(replies)

    assert (first.slot, second.slot) == (0, 1)
    assert first.compare_id == second.compare_id is not None
    assert (first.content, second.content) == ("Of a.", "Of b.")
    assert first.inference_id != second.inference_id
    assert answer.text.count('class="column ') == 2
    assert first.conversation.active_leaf_id == first.id


def test_one_bad_model_does_not_stop_the_others(as_alice: Browser):
    answer, replies = compare(as_alice, ["nobody/nothing", "openai/a"])
    bad, good = all_ended(replies)

    assert answer.status_code == 200
    assert (bad.status, good.status) == ("failed", "complete")
    assert bad.error
    assert bad.inference_id is None
    assert f"/runs/{bad.run_id}/retry/" in answer.text


def test_only_bad_models_are_refused_and_nothing_is_stored(as_alice: Browser):
    answer, _ = compare(as_alice, ["nobody/nothing", "nowhere/either"])

    assert answer.status_code == 422
    assert not Message.objects.exists()


def test_five_models_are_too_many(as_alice: Browser):
    answer, _ = compare(as_alice, [f"openai/{name}" for name in "abcde"])

    assert answer.status_code == 422
    assert "At most 4" in answer.text
    assert not Message.objects.exists()


def test_a_model_named_twice_is_asked_once(as_alice: Browser, fake_provider: RunningProvider):
    _, replies = compare(as_alice, ["openai/a", "openai/a"])
    all_ended(replies)

    assert len(replies) == 1
    assert replies[0].compare_id is None


def test_what_is_sent_twice_is_one_turn_with_the_same_replies(as_alice: Browser, fake_provider: RunningProvider):
    conversation, message = uuid.uuid4(), uuid.uuid4()
    _, first = compare(as_alice, ["openai/a", "openai/b"], conversation=conversation, message=message)
    all_ended(first)
    answer, again = compare(as_alice, ["openai/a", "openai/b"], conversation=conversation, message=message)

    assert [reply.id for reply in again] == [reply.id for reply in first]
    assert all(str(reply.id) in answer.text for reply in first)
    assert len(fake_provider.requests) == 2


def test_the_chosen_reply_is_the_one_that_the_chat_goes_on_with(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("a", chunks=["Of a."])
    fake_provider.script("b", chunks=["Of b."])
    _, replies = compare(as_alice, ["openai/a", "openai/b"])
    _, second = all_ended(replies)

    as_alice.post(f"/messages/{second.id}/show/")
    ended(as_alice.send("And?", conversation=second.conversation_id).run)
    page = as_alice.client.get(f"/c/{second.conversation_id}/").text

    assert [said["content"] for said in fake_provider.last.body["messages"]] == ["Hello", "Of b.", "And?"]
    assert 'class="columns"' not in page
    assert 'aria-label="Version 2 of 2"' in page


def test_a_failed_column_is_retried_while_another_is_written(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("a", chunks=["slow "] * 200, rate=20)
    fake_provider.script("b", status=401, times=1)
    _, (slow, failing) = compare(as_alice, ["openai/a", "openai/b"])
    failed = ended(str(failing.run_id))

    answer = as_alice.post(f"/runs/{failed.run_id}/retry/")
    again = Message.objects.get(parent_id=failed.parent_id, slot=1, status__in=["streaming", "complete"])

    assert answer.status_code == 200
    assert answer.text.count('class="column ') == 2
    assert ended(str(again.run_id)).status == "complete"
    assert failed.conversation.active_leaf_id == slow.id
    as_alice.stop(str(slow.run_id))
    ended(str(slow.run_id))


def test_a_prompt_waits_for_all_columns(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("a", chunks=["slow "] * 200, rate=20)
    _, (slow, quick) = compare(as_alice, ["openai/a", "openai/b"])
    ended(str(quick.run_id))

    assert as_alice.send("And?", conversation=slow.conversation_id).response.status_code == 409
    as_alice.stop(str(slow.run_id))
    assert ended(str(slow.run_id)).status == "canceled"
    assert as_alice.send("And?", conversation=slow.conversation_id).response.status_code == 200


def test_a_reply_is_compared_with_another_model_later(as_alice: Browser, fake_provider: RunningProvider):
    sent = as_alice.send("Hello")
    ended(sent.run)

    answer = as_alice.post(f"/runs/{sent.run}/retry/", {"model": "openai/b", "beside": "1"})
    other = Message.objects.get(model="openai/b")
    ended(str(other.run_id))

    assert answer.text.count('class="column ') == 2
    assert (other.slot, other.compare_id) == (1, sent.reply.compare_id)
    assert sent.reply.conversation.active_leaf_id == sent.reply.id
    for name in ("c", "d"):
        ended(
            re.findall(
                r'data-run="([0-9a-f-]{36})"',
                as_alice.post(f"/runs/{sent.run}/retry/", {"model": f"openai/{name}", "beside": "1"}).text,
            )[-1]
        )
    assert as_alice.post(f"/runs/{sent.run}/retry/", {"model": "openai/e", "beside": "1"}).status_code == 409


def test_a_secret_is_removed_once_for_all_of_them(as_alice: Browser, fake_provider: RunningProvider):
    _, replies = compare(as_alice, ["openai/a", "openai/b"], prompt="Mail alice.liddell@example.org")
    all_ended(replies)

    assert Message.objects.filter(role="user").count() == 1
    assert "alice.liddell" not in Message.objects.get(role="user").content
