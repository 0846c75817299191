"""Conversations over REST: made, listed, read, changed and deleted by programs, each for its own person and workspace."""

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import api_keys
from accounts.models import Membership, Workspace
from chat.models import Conversation, Message
from telemetry import digest
from telemetry.models import InferenceLog
from tests.chat.browser import Browser, ended, wait_for
from tests.chat.programs import made, program_of, said
from tests.fakes.fixtures import RunningProvider
from tests.server import WebServer

FIELDS = {"id", "user_id", "title", "metadata", "created_at", "updated_at"}


@pytest.fixture
def program(server: WebServer, alice) -> Iterator[httpx.Client]:
    with program_of(alice, server) as client:
        yield client


def listed(program: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    answer = program.get("/api/v1/conversations", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_conversation_is_made_as_it_was_sent(program: httpx.Client, alice, workspace):
    sent = {"user_id": "user_123", "title": "Customer Support Chat", "metadata": {"source": "web", "deep": {"er": [1, None]}}}
    answer = program.post("/api/v1/conversations", json=sent)

    told = answer.json()
    assert answer.status_code == 201
    assert told.keys() == FIELDS
    assert {name: told[name] for name in sent} == sent
    assert told["created_at"] == told["updated_at"]
    assert told["created_at"].endswith("Z")
    row = Conversation.objects.get(id=told["id"])
    assert (row.owner, row.workspace) == (alice, workspace)


def test_nothing_need_be_sent_but_an_object(program: httpx.Client):
    told = program.post("/api/v1/conversations", json={}).json()
    assert (told["user_id"], told["title"], told["metadata"]) == (None, None, {})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": "x" * 501}, "title"),
        ({"user_id": "x" * 256}, "user_id"),
        ({"user_id": 7}, "user_id"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"a": "x" * 20_000}}, "metadata"),
    ],
    ids=["long title", "long label", "label of another type", "metadata of another type", "much metadata"],
)
def test_what_cannot_be_kept_is_refused_with_the_field(program: httpx.Client, body, field):
    answer = program.post("/api/v1/conversations", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert field in answer.text
    assert not Conversation.objects.exists()


def test_what_is_personal_is_removed_before_it_is_stored_and_users_stay_apart(program: httpx.Client):
    one = made(program, user_id="alice.liddell@example.org", title="Mail to bob@example.org", metadata={"mail": "x@example.org"})
    made(program, user_id="queen.of.hearts@example.org")

    row = Conversation.objects.get(id=one)
    kept = f"{row.end_user} {row.title} {row.metadata}"
    assert "example.org" not in kept
    assert [found["id"] for found in listed(program, user_id="alice.liddell@example.org")] == [one]


def test_the_list_is_a_plain_array_and_its_header_leads_on(program: httpx.Client):
    ids = [made(program, title=f"Chat {number}") for number in range(5)][::-1]

    assert [found["id"] for found in listed(program, limit=2, offset=1)] == ids[1:3]
    seen, address = [], "/api/v1/conversations?limit=2&user_id="
    while address:
        answer = program.get(address)
        seen += [found["id"] for found in answer.json()]
        address = answer.links.get("next", {}).get("url", "")
    assert seen == ids


def test_a_list_asks_as_often_for_twenty_as_for_ten(alice, workspace, client, transactional_db):
    token = api_keys.issue(alice, workspace, name="tests", now=timezone.now(), scopes=["chat"])[1]
    headers = {"authorization": f"Bearer {token}"}

    def query_count(limit: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            found = client.get(f"/api/v1/conversations?limit={limit}", headers=headers).json()
        assert len(found) == limit
        return len(queries)

    for _ in range(20):
        Conversation.objects.create(owner=alice, workspace=workspace)
    query_count(1)  # the key's first use is noted
    assert query_count(10) == query_count(20)


def test_the_list_is_searched_and_the_archive_is_told_apart(program: httpx.Client):
    tea, croquet = made(program, title="Tea party"), made(program, title="Croquet with flamingos")
    Conversation.objects.filter(id=tea).update(archived_at=timezone.now())

    assert [found["id"] for found in listed(program, q="flamingo")] == [croquet]
    assert [found["id"] for found in listed(program, archived=True)] == [tea]
    assert [found["id"] for found in listed(program, archived=False)] == [croquet]
    assert program.get("/api/v1/conversations", params={"cursor": "broken"}).status_code == 422
    assert program.get("/api/v1/conversations", params={"limit": 101}).status_code == 422
    assert program.get("/api/v1/conversations", params={"limit": 0}).status_code == 422


def test_a_conversation_comes_with_its_messages_by_either_id(program: httpx.Client):
    conversation = made(program)
    said(program, conversation, "Why is a raven like a writing-desk?")

    whole = program.get(f"/api/v1/conversations/{conversation}").json()
    same = program.get(f"/api/v1/conversations/c_{uuid.UUID(conversation).hex}").json()

    assert whole == same
    assert [message["role"] for message in whole["messages"]] == ["user", "assistant"]
    assert whole["title"] == "Why is a raven like a writing-desk?"


def test_messages_come_page_by_page(program: httpx.Client):
    conversation = made(program)
    for number in range(3):
        said(program, conversation, f"Question {number}")

    page = program.get(f"/api/v1/conversations/{conversation}/messages", params={"limit": 2, "offset": 4}).json()
    assert (page["total"], page["limit"], page["offset"]) == (6, 2, 4)
    assert [message["role"] for message in page["messages"]] == ["user", "assistant"]
    assert page["messages"][0]["content"] == "Question 2"


def test_title_and_metadata_are_changed_each_for_itself(program: httpx.Client):
    conversation = made(program, title="Before", metadata={"a": 1})
    address = f"/api/v1/conversations/{conversation}"

    assert program.patch(address, json={"title": "After"}).json()["metadata"] == {"a": 1}
    told = program.patch(address, json={"metadata": {"b": 2}, "title": None}).json()
    assert (told["title"], told["metadata"]) == ("After", {"b": 2})
    assert told["updated_at"] > told["created_at"]


def test_a_deleted_conversation_is_gone_and_its_log_stays_without_the_link(program: httpx.Client):
    conversation = made(program)
    said(program, conversation)
    digest.drain()

    assert program.delete(f"/api/v1/conversations/{conversation}").status_code == 204
    assert program.delete(f"/api/v1/conversations/{conversation}").status_code == 404
    assert program.get(f"/api/v1/conversations/{conversation}").status_code == 404
    assert not Conversation.objects.filter(id=conversation).exists()
    assert list(InferenceLog.objects.values_list("conversation_id", "message_id")) == [(None, None)]


def test_deleting_stops_what_is_being_written(program: httpx.Client, as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("slow", chunks=["word "] * 200, rate=20)
    sent = as_alice.send("Count", model="openai/slow")
    conversation = wait_for(lambda: Message.objects.filter(run_id=sent.run).first()).conversation_id

    assert program.delete(f"/api/v1/conversations/{conversation}").status_code == 204
    assert wait_for(lambda: fake_provider.last.closed_early_at)
    assert ended(sent.run).status == "canceled"
    assert program.get(f"/api/v1/conversations/{conversation}").status_code == 404


@pytest.mark.parametrize("given", ["00000000-0000-0000-0000-000000000000", "c_00", "nonsense", "%00"])
def test_an_unknown_id_is_not_found_wherever_it_is_asked(program: httpx.Client, given):
    base = f"/api/v1/conversations/{given}"
    answers = [
        *(program.get(base + path) for path in ("", "/messages", "/cost", "/stream?message=Hello")),
        program.patch(base, json={}),
        program.delete(base),
        program.post(f"{base}/messages", json={"message": "Hello"}),
        program.post(f"{base}/cancel", json={}),
        program.post(f"{base}/feedback", json={"feedback_type": "flag"}),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}


def test_nobody_elses_key_opens_a_conversation(program: httpx.Client, server: WebServer, alice, bob, charlie):
    """Neither somebody's of the same workspace, nor a stranger's, nor the person's own of another workspace."""
    conversation = made(program)
    elsewhere = Workspace.objects.create(name="Behind the looking-glass")
    Membership.objects.create(user=alice, workspace=elsewhere, role=Membership.Role.OWNER)
    own = api_keys.issue(alice, elsewhere, name="tests", now=timezone.now(), scopes=["chat"])[1]

    for person in (bob, charlie):
        with program_of(person, server) as other:
            assert said(other, conversation).status_code == 404
            assert other.get(f"/api/v1/conversations/{conversation}").status_code == 404
            assert listed(other) == []
    headers = {"authorization": f"Bearer {own}"}
    assert program.get(f"/api/v1/conversations/{conversation}", headers=headers).status_code == 404
    assert program.get("/api/v1/conversations", headers=headers).json() == []


def test_a_temporary_chat_is_none_of_a_programs_business(program: httpx.Client, alice, workspace):
    row = Conversation.objects.create(owner=alice, workspace=workspace, is_temporary=True)
    assert program.get(f"/api/v1/conversations/{row.id}").status_code == 404
    assert listed(program) == []


def test_a_key_without_the_scope_opens_nothing(server: WebServer, alice):
    with program_of(alice, server, scopes=["logs:read"]) as reader:
        assert reader.get("/api/v1/conversations").status_code == 403
        assert reader.post("/v1/conversations", json={}).status_code == 403
    with httpx.Client(base_url=server.url, trust_env=False) as nobody:
        assert nobody.post("/api/v1/conversations", json={}).status_code == 401
