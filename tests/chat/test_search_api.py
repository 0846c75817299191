"""Search for programs: one's own conversations and calls, in the key's workspace."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from accounts.models import Workspace
from chat.models import Conversation, Message
from telemetry.models import InferenceLog
from tests.people import join
from tests.programs import make_token
from tests.telemetry.calls import finished, record, started

pytestmark = pytest.mark.django_db


def search(user: Any, *, scopes: tuple[str, ...] = ("chat", "logs:read"), where: str = "", **query: Any) -> Any:
    client = Client(headers={"authorization": f"Bearer {make_token(user, scopes=list(scopes))}"})
    return client.get("/api/v1/search", query | ({"in": where} if where else {}))


def said(user: Any, text: str, workspace: Any = None) -> Conversation:
    """A conversation of the person's with one message, found as messages are."""
    conversation = Conversation.objects.create(owner=user, workspace=workspace or user.workspaces.get(), title="On tides")
    Message.objects.create(conversation=conversation, role="user", content=text, status="complete")
    return conversation


def called(user: Any, text: str) -> UUID:
    inference_id = uuid4()
    workspace_id = user.workspaces.get().id
    record(
        started(inference_id, workspace_id=workspace_id, user_id=user.id, messages=[{"role": "user", "content": text}]),
        finished(inference_id, workspace_id=workspace_id, reply="Aha."),
    )
    return inference_id


def test_words_are_found_in_conversations_and_in_calls(alice):
    conversation, call = said(alice, "Why do giraffes sleep so little?"), called(alice, "Tell me of giraffes")
    found = search(alice, q="giraffes").json()
    assert [hit["conversation_id"] for hit in found["conversations"]["data"]] == [str(conversation.id)]
    assert [hit["call"]["id"] for hit in found["logs"]["data"]] == [str(call)]
    assert [piece["text"] for piece in found["logs"]["data"][0]["pieces"] if piece["is_hit"]] == ["giraffes"]
    assert [piece["text"] for piece in found["conversations"]["data"][0]["pieces"] if piece["is_hit"]] == ["giraffes"]


def test_a_key_finds_what_its_scopes_open(alice):
    said(alice, "giraffes")
    assert search(alice, q="giraffes", scopes=("chat",)).json()["logs"] is None
    assert search(alice, q="giraffes", scopes=("logs:read",)).json()["conversations"] is None
    refused = search(alice, q="giraffes", scopes=("chat",), where="logs")
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")


def test_pages_go_on_in_one_place(alice):
    for _ in range(23):
        said(alice, "giraffes")
    first = search(alice, q="giraffes", where="conversations").json()["conversations"]
    rest = search(alice, q="giraffes", cursor=first["next_cursor"], where="conversations").json()["conversations"]
    assert (len(first["data"]), len(rest["data"]), rest["next_cursor"]) == (20, 3, None)
    assert search(alice, q="giraffes", cursor=first["next_cursor"]).status_code == 422
    assert search(alice, q="giraffes", cursor="nonsense", where="conversations").status_code == 400
    assert search(alice, q="giraffes", cursor="nonsense", where="logs").status_code == 400


def test_nobody_elses_words_are_found(alice, bob, charlie):
    said(alice, "giraffes"), called(alice, "giraffes")
    for other in (bob, charlie):
        scopes = ("chat", "logs:read")
        found = search(other, q="giraffes", scopes=scopes).json()
        assert (found["conversations"]["data"], found["logs"]["data"]) == ([], [])
    assert InferenceLog.objects.count() == 1


def test_a_key_finds_nothing_of_another_workspace(alice, workspace):
    token = make_token(alice, scopes=["chat"])
    elsewhere = Workspace.objects.create(name="Looking Glass")
    join(alice, elsewhere)
    said(alice, "giraffes", elsewhere)
    answer = Client(headers={"authorization": f"Bearer {token}"}).get("/api/v1/search", {"q": "giraffes"})
    assert answer.json()["conversations"]["data"] == []


@pytest.mark.parametrize("query", [{}, {"q": ""}, {"q": "-without"}, {"q": "!!!"}, {"q": "x", "where": "nowhere"}])
def test_what_cannot_be_looked_for_is_refused(alice, query):
    assert search(alice, **query).status_code == 422


def test_a_nul_is_no_trouble(alice):
    assert search(alice, q="giraffes\0").status_code == 200
