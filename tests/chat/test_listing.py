"""The list at the side and the archive: pinned ones first, then by date, page by page; renaming, pinning, archiving."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from chat import listing
from chat.models import Conversation

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def client_of_alice(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def make(alice, workspace):
    """A conversation of Alice's."""

    def make_one(title: str = "A chat", *, owner: User = alice, **fields: Any) -> Conversation:
        return Conversation.objects.create(owner=owner, workspace=workspace, title=title, **fields)

    return make_one


def post(client: Client, conversation: Conversation, action: str, **data: str):
    return client.post(f"/c/{conversation.id}/{action}/", data, headers={"HX-Request": "true"})


def titles(html: str) -> list[str]:
    return re.findall(r"data-conversation\s+title=\"([^\"]*)\"", html)


def all_pages(user: User) -> list[Conversation]:
    found: list[Conversation] = []
    before = None
    while True:
        page = listing.sidebar(user, before=before)
        found += [conversation for _, conversations in page["groups"] for conversation in conversations]
        if not page["next_before"]:
            return found
        before = listing.Cursor.parse(page["next_before"])
        assert before is not None


def test_pinned_chats_come_first_and_no_row_comes_twice(alice, make):
    made = [make(f"Chat {n}", updated_at=NOW - timedelta(days=n // 3)) for n in range(100)]
    for place, conversation in enumerate(made[::2]):
        conversation.pinned_at = NOW - timedelta(minutes=place // 2)
        conversation.save()

    found = all_pages(alice)

    assert len(found) == len({conversation.id for conversation in found}) == 100
    pinned = [conversation for conversation in found if conversation.pinned_at]
    assert found[:50] == pinned
    assert pinned == sorted(pinned, key=lambda one: (one.pinned_at, one.updated_at, one.id), reverse=True)
    rest = found[50:]
    assert rest == sorted(rest, key=lambda one: (one.updated_at, one.id), reverse=True)


def test_groups_are_named_by_their_age(alice, make):
    now = timezone.now()
    for days in (0, 1, 3, 20, 100):
        make(f"{days} days", updated_at=now - timedelta(days=days))
    make("Kept", pinned_at=now, updated_at=now - timedelta(days=400))

    groups = {label: [one.title for one in conversations] for label, conversations in listing.sidebar(alice)["groups"]}

    assert groups["Pinned"] == ["Kept"]
    assert groups["Today"] == ["0 days"]
    assert groups["Yesterday"] == ["1 days"]
    assert groups["Last 7 days"] == ["3 days"]
    assert groups["Last 30 days"] == ["20 days"]
    assert groups[f"{now - timedelta(days=100):%B %Y}"] == ["100 days"]


@pytest.mark.parametrize(
    "text", ["", "x", "_", "a_b_c", f"_2026-11-21T12:00:00_{0x5EF25BA5EE0F498B83070DB96540B3E2:x}", "2026_2026_2026"]
)
def test_a_broken_cursor_starts_at_the_top(client_of_alice, make, text):
    make("First")
    assert listing.Cursor.parse(text) is None
    answer = client_of_alice.get("/conversations/", {"before": text})
    assert titles(answer.content.decode()) == ["First"]


def test_a_chat_gets_a_title_of_its_person_that_is_redacted(client_of_alice, make):
    conversation = make("Old")

    answer = post(client_of_alice, conversation, "rename", title="  Mail of\nbob@example.com ", open=str(conversation.id))

    conversation.refresh_from_db()
    assert answer.status_code == 200
    assert (conversation.title, conversation.title_source) == ("Mail of [[EMAIL]]", "person")
    html = answer.content.decode()
    assert "Mail of (e-mail)" in titles(html)
    assert 'id="bar" hx-swap-oob="true"' in html


def test_an_empty_title_is_refused_with_a_sentence(client_of_alice, make):
    conversation = make("Old")

    answer = post(client_of_alice, conversation, "rename", title=" \n")

    conversation.refresh_from_db()
    assert answer.status_code == 422
    assert answer.headers["HX-Retarget"] == "#rename-notice"
    assert "at least one character" in answer.content.decode()
    assert conversation.title == "Old"


def test_a_long_title_is_cut(client_of_alice, make):
    conversation = make("Old")
    post(client_of_alice, conversation, "rename", title="word " * 100)
    conversation.refresh_from_db()
    assert len(conversation.title) <= 200


def test_a_chat_is_pinned_and_let_go(client_of_alice, alice, make):
    make("Newer")
    old = make("Old", updated_at=NOW - timedelta(days=900))

    assert titles(post(client_of_alice, old, "pin", on="1").content.decode()) == ["Old", "Newer"]
    post(client_of_alice, old, "pin", on="1")
    assert titles(post(client_of_alice, old, "pin", on="0").content.decode()) == ["Newer", "Old"]


def test_an_archived_chat_leaves_the_list_and_comes_back(client_of_alice, make):
    kept, shelved = make("Kept"), make("Shelved", pinned_at=NOW)

    assert titles(post(client_of_alice, shelved, "archive", on="1").content.decode()) == ["Kept"]
    archive = client_of_alice.get("/archive/").content.decode()
    assert "Shelved" in archive
    assert "Kept" not in archive
    opened = client_of_alice.get(f"/c/{shelved.id}/").content.decode()
    assert "mark-archived" in opened
    back = client_of_alice.post(f"/c/{shelved.id}/archive/", {"on": "0", "back": "archive"})
    assert back.headers["Location"] == "/archive/"
    listed = titles(client_of_alice.get("/conversations/").content.decode())
    assert sorted(listed) == ["Kept", "Shelved"]
    assert kept.pinned_at is None


def test_the_archive_is_paged_and_no_row_comes_twice(client_of_alice, make):
    for n in range(90):
        make(f"Shelved {n}", archived_at=NOW - timedelta(minutes=n // 4))

    found, address = [], "/archive/"
    while address:
        html = client_of_alice.get(address, headers={"HX-Request": "true"}).content.decode()
        found += re.findall(r"id=\"archived-([0-9a-f-]+)\"", html)
        following = re.search(r'href="([^"]*before=[^"]*)"', html)
        address = following[1].replace("&amp;", "&") if following else ""

    assert len(found) == len(set(found)) == 90


def test_the_archive_is_searched(client_of_alice, make):
    wanted = make("x", title_source="person", archived_at=NOW)
    wanted.title = "Holiday plans"
    wanted.save()
    said = make("Other", archived_at=NOW)
    said.messages.create(role="user", content="Where to spend the holidays?")
    make("Cooking", archived_at=NOW)

    html = client_of_alice.get("/archive/", {"q": "holiday*"}).content.decode()

    assert "Holiday plans" in html
    assert "Other" in html
    assert "Cooking" not in html
    assert "holds “zebra”" in client_of_alice.get("/archive/", {"q": "zebra"}).content.decode()
    assert "at least one word" in client_of_alice.get("/archive/", {"q": "-zebra"}).content.decode()


def test_the_whole_archive_is_restored_or_deleted(client_of_alice, make, bob):
    for n in range(3):
        make(f"Shelved {n}", archived_at=NOW)
    listed, others = make("Listed"), make("Bob's", owner=bob, archived_at=NOW)

    client_of_alice.post("/archive/empty/", {"do": "restore"})
    assert Conversation.objects.filter(archived_at__isnull=False).get() == others
    Conversation.objects.exclude(id__in=[listed.id, others.id]).update(archived_at=NOW)
    client_of_alice.post("/archive/empty/", {"do": "delete"})

    assert set(Conversation.objects.filter(deleted_at=None)) == {listed, others}


def test_a_viewer_changes_nothing_in_the_archive(client_of_alice, alice, make):
    make("Shelved", archived_at=NOW)
    alice.memberships.update(role="viewer")
    client_of_alice.post("/archive/empty/", {"do": "delete"})
    assert Conversation.objects.filter(deleted_at=None, archived_at__isnull=False).count() == 1


@pytest.mark.parametrize("address", ["/", "/conversations/", "/archive/"])
def test_a_list_asks_as_many_questions_for_twenty_rows_as_for_ten(
    client_of_alice, make, address, django_assert_num_queries, django_assert_max_num_queries
):
    def fill(count: int) -> None:
        for n in range(count):
            make(f"Chat {n}", pinned_at=NOW if n % 3 else None)
            make(f"Shelved {n}", archived_at=NOW)

    fill(10)
    client_of_alice.get(address)
    with django_assert_max_num_queries(30) as asked:
        client_of_alice.get(address)
    fill(10)
    with django_assert_num_queries(len(asked)):
        client_of_alice.get(address)


def test_others_chats_are_nobodys_to_change(make, bob, charlie):
    conversation = make("Secret plan")
    for person in (bob, charlie):
        client = Client()
        client.force_login(person)
        for action in ("rename", "pin", "archive", "delete", "undelete", "end"):
            assert post(client, conversation, action, title="Mine", on="1").status_code in (404, 410)
    conversation.refresh_from_db()
    assert (conversation.title, conversation.pinned_at, conversation.deleted_at) == ("Secret plan", None, None)


def test_without_scripts_the_bars_forms_lead_back(client_of_alice, make):
    conversation = make("Old")
    answer = client_of_alice.post(f"/c/{conversation.id}/pin/", {"on": "1"})
    assert answer.headers["Location"] == f"/c/{conversation.id}/"
    refused = client_of_alice.post(f"/c/{conversation.id}/rename/", {"title": ""})
    assert refused.status_code == 422
    assert "at least one character" in refused.content.decode()
