"""Conversations in the administration: found, counted and deleted by ids and names; no title and no text is shown."""

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEntry, User
from chat.models import Conversation, Message
from tests.people import make_person

pytestmark = pytest.mark.django_db
LIST = "admin:chat_conversation_changelist"
SECRETS = ("Secret title", "Secret words")


@pytest.fixture(autouse=True)
def root(client, db) -> User:
    person = make_person("Root", is_staff=True, is_superuser=True)
    client.force_login(person)
    return person


def make(owner: User, workspace) -> Conversation:
    chat = Conversation.objects.create(owner=owner, workspace=workspace, title=SECRETS[0], model="openai/gpt-4o")
    for position, role in enumerate(("user", "assistant")):
        Message.objects.create(conversation=chat, role=role, content=SECRETS[1], position=position, status="complete")
    return chat


def listed(client, **query: str) -> str:
    answer = client.get(reverse(LIST), query)
    assert answer.status_code == 200
    text: str = answer.content.decode()
    return text


def test_no_page_about_a_conversation_shows_its_title_or_texts(client, alice, workspace):
    chat = make(alice, workspace)
    addresses = [reverse(f"admin:chat_conversation_{what}", args=[chat.id]) for what in ("change", "delete", "history")]
    pages = [listed(client), *(client.get(address).content.decode() for address in addresses)]
    chosen = {"action": "delete_selected", "_selected_action": [str(chat.id)]}
    pages.append(client.post(reverse(LIST), chosen).content.decode())
    client.post(reverse(LIST), chosen | {"post": "yes"})
    pages.append(client.get(reverse("admin:index")).content.decode())  # with what was done lately
    for text in pages:
        assert str(chat.id) in text
        assert not [secret for secret in SECRETS if secret in text]


def test_deleting_one_is_told_to_the_workspaces_audit_log(client, root, alice, workspace):
    chat, kept = make(alice, workspace), make(alice, workspace)
    assert "Messages: 2" in client.get(reverse("admin:chat_conversation_delete", args=[chat.id])).content.decode()
    client.post(reverse("admin:chat_conversation_delete", args=[chat.id]), {"post": "yes"})
    assert list(Conversation.objects.values_list("id", flat=True)) == [kept.id]
    entry = AuditEntry.objects.get(action="data.erased")
    assert (entry.actor_id, entry.workspace_id, entry.subject_id) == (root.id, workspace.id, str(chat.id))


def test_they_are_found_by_id_owner_and_workspace(client, alice, charlie, workspace):
    hers, his = make(alice, workspace), make(charlie, charlie.memberships.get().workspace)
    for term in (str(hers.id), "alice@", str(workspace.id)):
        shown = listed(client, q=term)
        assert str(hers.id) in shown
        assert str(his.id) not in shown
    assert "0 shown" in listed(client, q=str(uuid.uuid4()))
    assert "0 shown" in listed(client, q="Secret")
    assert "2 shown" in listed(client, used="7")


def test_the_list_asks_as_many_queries_for_twenty_rows_as_for_ten_and_counts_no_table(client, alice, workspace):
    counts: list[int] = []
    for _ in range(2):
        for _ in range(10):
            make(alice, workspace)
        with CaptureQueriesContext(connection) as queries:
            assert f"{10 * len(counts) + 10} shown" in listed(client)
        counts.append(len(queries))
        assert not [query["sql"] for query in queries if "COUNT(*)" in query["sql"]]
    assert counts[0] == counts[1]
