"""How one chat is set: what is taken, what is stored, and what models are asked with."""

import uuid

import pytest
from django.test import Client
from django.urls import reverse

from chat.chat_settings import InvalidSettingError, read
from chat.history import Asked, fit
from chat.models import Conversation, Message
from gateway import catalogue
from gateway.protocol import Target
from tests.chat.browser import Browser, ended
from tests.fakes.fixtures import RunningProvider

EMAIL = "alice.liddell@example.org"
TARGET = Target(provider="openai", model="fake", adapter="direct")


def save(user, conversation: Conversation, **fields):
    client = Client()
    client.force_login(user)
    return client.post(reverse("chat:chat_settings", args=[conversation.id]), fields)


@pytest.fixture
def conversation(alice, workspace) -> Conversation:
    return Conversation.objects.create(owner=alice, workspace=workspace, parameters={"kept_by_others": 1})


def test_it_is_stored_and_the_rest_stays(alice, conversation):
    answer = save(
        alice,
        conversation,
        system_prompt=" Be brief. ",
        temperature="0.2",
        top_p="1",
        max_tokens="50",
        stop="END\n\nSTOP",
        seed="7",
    )
    assert answer.json() == {"system_prompt": "Be brief.", "is_changed": False, "is_default": False}
    conversation.refresh_from_db()
    assert conversation.system_prompt == "Be brief."
    assert conversation.parameters == {
        "kept_by_others": 1,
        "temperature": 0.2,
        "top_p": 1.0,
        "max_tokens": 50,
        "stop": ["END", "STOP"],
        "seed": 7,
    }
    assert save(alice, conversation).json()["is_default"]
    conversation.refresh_from_db()
    assert (conversation.system_prompt, conversation.parameters) == ("", {"kept_by_others": 1})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", "2.1"),
        ("temperature", "-0.1"),
        ("temperature", "warm"),
        ("temperature", "nan"),
        ("top_p", "1.5"),
        ("max_tokens", "0"),
        ("max_tokens", "1.5"),
        ("max_tokens", "1e9"),
        ("seed", "-1"),
        ("stop", "a\nb\nc\nd\ne"),
        ("stop", "x" * 101),
        ("system_prompt", "x" * 20_001),
    ],
)
def test_what_is_out_of_range_is_told_with_its_field(alice, conversation, name, value):
    answer = save(alice, conversation, **{name: value})
    assert answer.status_code == 422
    assert answer.json()["field"] == name
    with pytest.raises(InvalidSettingError):
        read({name: value})


def test_what_is_removed_is_not_stored_and_that_is_said(alice, conversation):
    answer = save(alice, conversation, system_prompt=f"Sign as {EMAIL}", stop=EMAIL)
    assert answer.json()["is_changed"]
    conversation.refresh_from_db()
    assert EMAIL not in f"{conversation.system_prompt}{conversation.parameters}"


def test_a_new_chat_takes_them_with_its_first_message(as_alice: Browser, fake_provider: RunningProvider):
    conversation = uuid.uuid4()
    fields = {"conversation": str(conversation), "prompt": "Hello", "model": "openai/plain"}
    refused = as_alice.post("/turns/", fields | {"temperature": "9"})
    assert refused.status_code == 422
    assert "Temperature is a number from 0 to 2" in refused.text
    assert not Conversation.objects.exists()

    as_alice.post("/turns/", fields | {"temperature": "0", "max_tokens": "17", "system_prompt": "Be a hatter."})
    ended(str(Message.objects.get(role="assistant").run_id))
    body = fake_provider.last.body
    assert body["messages"][0] == {"role": "system", "content": "Be a hatter."}
    assert (body["temperature"], body["max_tokens"]) == (0, 17)
    # Later turns do not change them by the way.
    sent = as_alice.send("And now?", conversation=conversation)
    ended(sent.run)
    assert fake_provider.last.body["messages"][0]["content"] == "Be a hatter."


def test_instructions_stay_when_older_turns_are_left_out(monkeypatch):
    monkeypatch.setattr(catalogue, "context_window", lambda _target: 400)
    stored = [
        Message(role="user" if n % 2 == 0 else "assistant", content=f"turn {n} " + "tea " * 60, position=n) for n in range(20)
    ]
    history = fit(stored, Asked("And now?", instructions="Be brief."), TARGET)
    assert history.messages[0] == {"role": "system", "content": "Be brief."}
    assert history.messages[-1] == {"role": "user", "content": "And now?"}
    assert history.messages[1]["role"] == "user"
    assert history.omitted_count == 20 - (len(history.messages) - 2) > 0
    longer = fit(stored, Asked("And now?", instructions="Be brief. " * 30), TARGET)
    assert longer.omitted_count > history.omitted_count
