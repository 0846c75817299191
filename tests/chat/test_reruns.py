"""Running a recorded call again on another model: beside its reply in the chat, or in a new chat made of what was recorded."""

import uuid
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry
from chat.models import Conversation, Message
from telemetry import digest
from telemetry.models import InferenceLog
from tests.chat.browser import Browser, ended
from tests.fakes.fixtures import RunningProvider
from tests.telemetry.calls import finished, record, started

SYSTEM = {"role": "system", "content": "Answer like a sailor."}
HISTORY = [
    {"role": "user", "content": "Ahoy"},
    {"role": "assistant", "content": "Aye"},
    {"role": "user", "content": "Why tides?"},
]


def recorded(user: Any, messages: list[dict[str, Any]] | None = None, **end: Any) -> uuid.UUID:
    """A program's call, as an SDK tells of it."""
    inference_id = uuid.uuid4()
    own = {"workspace_id": user.workspaces.get().id}
    told = {"user_id": user.id, "source": "sdk", "parameters": {"temperature": 0.2}, "messages": messages or [SYSTEM, *HISTORY]}
    record(started(inference_id, **own, **told), finished(inference_id, **own, **end))
    return inference_id


def page_of(user: Any, path: str) -> str:
    client = Client()
    client.force_login(user)
    return client.get(path).content.decode()


def newest_reply() -> Message:
    newest = Message.objects.filter(role="assistant").latest("created_at")
    return ended(str(newest.run_id))


def test_a_call_of_a_chat_is_answered_by_another_model_beside_its_reply(as_alice: Browser, alice, fake_provider: RunningProvider):
    fake_provider.script("a", chunks=["Of a."])
    fake_provider.script("b", chunks=["Of b."])
    as_alice.post(
        "/turns/", {"conversation": str(uuid.uuid4()), "message": str(uuid.uuid4()), "prompt": "Why?", "model": "openai/a"}
    )
    first = newest_reply()
    digest.drain()
    page = page_of(alice, f"/logs/{first.inference_id}/")
    assert f'href="/logs/{first.inference_id}/rerun/"' in page

    answer = as_alice.post(f"/logs/{first.inference_id}/rerun/", {"model": "openai/b"})

    second = newest_reply()
    assert answer.status_code in (200, 302)
    assert (second.content, second.parent_id, second.model) == ("Of b.", first.parent_id, "openai/b")
    first.refresh_from_db()
    assert second.compare_id == first.compare_id is not None


def test_a_programs_call_becomes_a_chat_with_its_instructions_and_history(as_alice, alice, fake_provider: RunningProvider):
    fake_provider.script("b", chunks=["The moon, matey."])
    inference_id = recorded(alice, reply="The moon pulls the water.")
    form = {"model": "openai/b", "conversation": str(uuid.uuid4())}

    as_alice.post(f"/logs/{inference_id}/rerun/", form)
    new = newest_reply()
    as_alice.post(f"/logs/{inference_id}/rerun/", form)

    chat = Conversation.objects.get()
    assert (str(chat.id), chat.system_prompt, chat.parameters) == (form["conversation"], SYSTEM["content"], {"temperature": 0.2})
    *talk, old, last = chat.messages.order_by("position")
    assert [message.content for message in talk] == [said["content"] for said in HISTORY]
    assert (old.content, old.completion_tokens, last.id) == ("The moon pulls the water.", None, new.id)
    assert (new.content, new.compare_id) == ("The moon, matey.", old.compare_id)
    digest.drain()
    assert new.inference_id
    assert InferenceLog.objects.get(id=new.inference_id).prompt_tokens is not None


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([{"role": "user", "content": "Look"}, {"role": "tool", "content": "42"}], "use of tools"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}], "pictures or files"),
        (HISTORY[:2], "does not end with a person"),
    ],
    ids=["tools", "pictures", "no prompt"],
)
def test_what_no_chat_can_hold_whole_is_refused_with_the_reason(as_alice, alice, messages, why):
    inference_id = recorded(alice, messages)
    assert why in page_of(alice, f"/logs/{inference_id}/rerun/")
    answer = as_alice.post(f"/logs/{inference_id}/rerun/", {"model": "openai/b"})
    assert answer.status_code == 409
    assert not Conversation.objects.exists()


def test_a_model_that_leads_nowhere_leaves_no_chat_behind(as_alice, alice):
    answer = as_alice.post(f"/logs/{recorded(alice)}/rerun/", {"model": "nobody/nothing"})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert not Conversation.objects.exists()


def test_what_another_said_comes_into_the_owners_chat_and_that_is_noted(as_alice, alice, bob, charlie, server):
    inference_id = recorded(bob)
    assert "Why tides?" not in page_of(alice, f"/logs/{inference_id}/rerun/")
    assert not AuditEntry.objects.filter(action="content.seen").exists()
    as_alice.post(f"/logs/{inference_id}/rerun/", {"model": "openai/b"})
    newest_reply()
    assert Conversation.objects.get().owner == alice
    assert AuditEntry.objects.get(action="content.seen").detail["calls"] == [str(inference_id)]
    hers = recorded(alice)
    for other in (bob, charlie):
        with Browser.of(other, server) as browser:
            assert browser.post(f"/logs/{hers}/rerun/", {"model": "openai/b"}).status_code == 404
