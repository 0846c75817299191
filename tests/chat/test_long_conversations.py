"""Long chats: the end of the branch first, the rest as one scrolls up; the number of queries does not grow with the length."""

import re
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from chat import contexts, trees
from chat.models import Conversation
from tests.chat.seeds import long_chat

SHOWN = re.compile(r'<article id="message-([0-9a-f-]{36})"')


@pytest.fixture
def client_of_alice(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def opened(client: Client, address: str) -> tuple[list[str], int, str]:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        page = client.get(address).content.decode()
    return SHOWN.findall(page), len(queries), page


def test_a_chat_opens_with_its_last_fifty_messages(client_of_alice, alice, workspace):
    chat = long_chat(workspace, alice, message_count=130)
    newest = chat.messages.order_by("-position").first()

    shown, _, page = opened(client_of_alice, f"/c/{chat.id}/")

    assert len(shown) == 50
    assert shown[-1] == str(newest.id)
    assert "Earlier messages" in page


def test_a_short_chat_is_shown_whole(client_of_alice, alice, workspace):
    chat = long_chat(workspace, alice, message_count=50)
    shown, _, page = opened(client_of_alice, f"/c/{chat.id}/")

    assert len(shown) == 50
    assert "Earlier messages" not in page


def test_older_messages_come_without_gap_or_repetition(client_of_alice, alice, workspace):
    chat = long_chat(workspace, alice, message_count=130, branch_every=5)
    branch = [str(node.id) for node in trees.read(chat.id).branch(None)]
    shown, _, page = opened(client_of_alice, f"/c/{chat.id}/")
    while "data-older" in page:
        older, _, page = opened(client_of_alice, unescape(re.search(r'data-older="([^"]+)"', page)[1]))
        shown = older + shown

    assert shown == branch


def test_the_link_without_scripts_shows_what_is_further_up(client_of_alice, alice, workspace):
    chat = long_chat(workspace, alice, message_count=130)
    shown, _, page = opened(client_of_alice, f"/c/{chat.id}/")
    more, _, _ = opened(client_of_alice, re.search(r'older-messages"\s+href="([^"#]+)', page)[1])

    assert len(more) == 100
    assert more[-50:] == shown


def test_a_message_far_up_or_on_another_branch_is_among_those_shown(client_of_alice, alice, workspace):
    chat = long_chat(workspace, alice, message_count=130, branch_every=5)
    tree = trees.read(chat.id)
    on_branch = {node.id for node in tree.branch(None)}
    hidden = next(node for node in tree.nodes if node.id not in on_branch)

    for node in (tree.nodes[2], hidden):
        shown, _, _ = opened(client_of_alice, f"/c/{chat.id}/?at={node.id}")
        assert str(node.id) in shown


def test_of_very_many_messages_the_middle_comes_later(client_of_alice, alice, workspace):
    chat = long_chat(workspace, alice, message_count=300)
    branch = [str(node.id) for node in trees.read(chat.id).branch(None)]

    shown, _, page = opened(client_of_alice, f"/c/{chat.id}/?at={branch[6]}")
    assert branch[6] in shown
    assert shown[-1] == branch[-1]
    assert len(shown) == 70
    assert "228 more messages" in page

    above, below = shown[:50], shown[50:]
    address = re.findall(r'data-older="([^"]+after=[^"]+)"', page)[0]
    while address:
        more, _, page = opened(client_of_alice, unescape(address))
        below = more + below
        found = re.search(r'data-older="([^"]+)"', page)
        address = found[1] if found else ""
    assert above + below == branch[2:]


@pytest.mark.parametrize("at", ["no-uuid", "82a4f1cb-c306-4f85-a419-7bd4cd02b899"])
def test_an_address_of_a_message_that_is_not_there_opens_the_chat(client_of_alice, alice, workspace, at):
    chat = long_chat(workspace, alice, message_count=20)
    assert len(opened(client_of_alice, f"/c/{chat.id}/?at={at}")[0]) == 20


def test_the_queries_do_not_grow_with_the_chat(client_of_alice, alice, workspace):
    counts = set()
    for message_count in (20, 40, 300):
        chat = long_chat(workspace, alice, message_count=message_count, branch_every=4)
        client_of_alice.get(f"/c/{chat.id}/")
        counts.add(opened(client_of_alice, f"/c/{chat.id}/")[1])

    assert len(counts) == 1


def test_only_what_is_shown_is_read(alice, workspace):
    chat = long_chat(workspace, alice, message_count=200)
    far_up = chat.messages.order_by("position")[3].id.hex
    with CaptureQueriesContext(connection) as queries:
        contexts.transcript(chat)
    texts = [query["sql"] for query in queries.captured_queries if '"chat_message"."content"' in query["sql"]]

    assert len(texts) == 1
    assert far_up not in texts[0]
    assert chat.messages.order_by("-position")[3].id.hex in texts[0]


def test_what_a_model_cannot_take_is_not_read(alice, workspace):
    chat = long_chat(workspace, alice, message_count=300)
    branch = trees.read(chat.id).branch(None)

    few = trees.said(branch, window=1000)

    assert len(few) < 150
    assert few == trees.said(branch, window=None)[-len(few) :]
    assert len(trees.said(branch, window=10_000_000)) == 300


def test_the_first_message_of_an_empty_chat_is_no_page_of_its_own(alice, workspace):
    empty = Conversation.objects.create(workspace=workspace, owner=alice)
    assert contexts.transcript(empty).rows == []
