"""Sending: what is stored before anyone is asked, and what is refused with a sentence."""

import re
import uuid

from chat.models import Conversation, Message
from tests.chat.browser import Browser, ended
from tests.fakes.fixtures import RunningProvider


def test_it_answers_with_the_two_messages_and_then_the_reply(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("plain", chunks=["The capital ", "is **Paris**."])

    sent = as_alice.send("What is the capital of France?")
    reply = ended(sent.run)

    assert sent.response.status_code == 200
    assert "What is the capital of France?" in sent.response.text
    assert sent.response.headers["HX-Push-Url"] == f"/c/{sent.conversation}/"
    assert (reply.status, reply.content) == ("complete", "The capital is **Paris**.")
    assert "<strong>Paris</strong>" in reply.html
    assert reply.completion_tokens
    assert Conversation.objects.get().title == "What is the capital of France?"


def test_a_message_that_is_sent_twice_is_one_turn(as_alice: Browser, fake_provider: RunningProvider):
    conversation, message = uuid.uuid4(), uuid.uuid4()

    first = as_alice.send("Hello", conversation=conversation, message=message)
    second = as_alice.send("Hello", conversation=conversation, message=message)
    ended(first.run)

    assert first.run == second.run
    assert Message.objects.count() == 2
    assert len(fake_provider.requests) == 1


def test_a_second_message_waits_for_the_first_reply(as_alice: Browser):
    first = as_alice.send("Count slowly", model="openai/paced-20")

    second = as_alice.send("And now?", conversation=first.conversation)

    assert second.response.status_code == 409
    assert second.response.headers["HX-Retarget"] == "#composer-notice"
    assert "still being written" in second.response.text
    as_alice.stop(first.run)
    assert ended(first.run).status == "canceled"
    assert as_alice.send("And now?", conversation=first.conversation).response.status_code == 200


def test_the_history_goes_with_the_next_prompt(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("plain", chunks=["Bonjour."])
    first = as_alice.send("Say hello in French")
    ended(first.run)

    ended(as_alice.send("And in Spanish?", conversation=first.conversation).run)

    assert [(said["role"], said["content"]) for said in fake_provider.last.body["messages"]] == [
        ("user", "Say hello in French"),
        ("assistant", "Bonjour."),
        ("user", "And in Spanish?"),
    ]


def test_an_empty_prompt_is_refused(as_alice: Browser):
    answer = as_alice.send(" \n\t").response

    assert answer.status_code == 422
    assert "Write something first" in answer.text
    assert not Conversation.objects.exists()


def test_a_prompt_of_a_megabyte_is_refused_with_the_limit(as_alice: Browser):
    answer = as_alice.send("x" * 1_000_000).response

    assert answer.status_code == 422
    assert "100,000 is the most" in answer.text


def test_a_body_over_the_cap_is_refused(as_alice: Browser):
    answer = as_alice.send("x" * 5_000_000).response

    assert answer.status_code in (400, 413)
    assert not Message.objects.exists()


def test_bytes_that_are_not_utf8_are_refused(as_alice: Browser):
    fields = f"conversation={uuid.uuid4()}&message={uuid.uuid4()}&model=openai/plain&prompt=caf%E9"
    response = as_alice.post_raw("/turns/", fields.encode())

    assert response.status_code == 422
    assert "not valid UTF-8" in response.text


def test_a_nul_is_dropped_and_the_rest_is_kept(as_alice: Browser):
    sent = as_alice.send("be\x00fore")
    ended(sent.run)

    assert Message.objects.get(id=sent.message).content == "before"


def test_a_model_that_leads_nowhere_is_refused_with_a_sentence(as_alice: Browser):
    answer = as_alice.send("Hello", model="nobody").response

    assert answer.status_code == 422
    assert "nobody" in answer.text
    assert not Message.objects.exists()


def test_without_scripts_the_form_leads_to_the_conversation(as_alice: Browser):
    conversation = uuid.uuid4()
    fields = {"conversation": str(conversation), "prompt": "Hello", "model": "openai/plain"}

    answer = as_alice.post("/turns/", fields, is_htmx=False)

    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/c/{conversation}/"
    ended(str(Message.objects.get(role="assistant").run_id))


def test_a_failed_reply_can_be_tried_again(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("plain", status=401, times=1)
    first = as_alice.send("Hello")
    failed = ended(first.run)

    as_alice.post(f"/runs/{first.run}/retry/")
    second = Message.objects.exclude(id=failed.id).get(role="assistant")
    page = as_alice.client.get(f"/c/{first.conversation}/").text

    assert failed.status == "failed"
    assert failed.error
    assert second.parent_id == failed.parent_id
    assert ended(str(second.run_id)).status == "complete"
    assert f'id="message-{failed.id}"' not in page
    assert f'id="message-{second.id}"' in page


def test_a_chat_goes_on_with_a_model_that_was_typed(as_alice: Browser):
    sent = as_alice.send("Hello", model="openai/typed-by-hand")
    ended(sent.run)

    page = as_alice.client.get(f"/c/{sent.conversation}/").text

    assert re.search(r'<option value="openai/typed-by-hand"[^>]*\sselected', page)


def test_without_scripts_a_refused_prompt_is_given_back_in_the_page(as_alice: Browser):
    fields = {"conversation": str(uuid.uuid4()), "prompt": "Keep <this>", "model": "nobody"}

    answer = as_alice.post("/turns/", fields, is_htmx=False)

    assert answer.status_code == 422
    assert "Keep &lt;this&gt;</textarea>" in answer.text
    assert "nobody" in answer.text
