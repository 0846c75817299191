"""Searching in one's own chats: what is found, in which order, how it is shown, and where a hit leads."""

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat import search, snippets
from chat.models import Conversation, Message, SearchEntry
from tests.chat.browser import Browser, ended
from tests.fakes.fixtures import RunningProvider

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def client_of_alice(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def say(alice, workspace):
    """A message in a conversation of its own, or in a given one."""

    def say_one(text: str, *, conversation: Conversation | None = None, owner=alice, age: timedelta = timedelta(), **fields):
        conversation = conversation or Conversation.objects.create(owner=owner, workspace=workspace, title="A chat", **fields)
        return conversation.messages.create(role="user", content=text, created_at=NOW - age)

    return say_one


def found(user, typed: str) -> list[str]:
    contents = {message.id: message.content for message in Message.objects.all()}
    hits = search.find(user, typed, now=NOW).hits
    return [contents[hit.message_id] if hit.message_id else f"title: {hit.title}" for hit in hits]


@pytest.mark.parametrize(
    ("typed", "is_found"),
    [
        ("giraffe", True),
        ("GIRAFFES", True),
        ("gira", True),
        ("giraffes tall", True),
        ("tall -giraffes", False),
        ('"very tall"', True),
        ('"tall very"', False),
        ('"gira"', False),
        ("elephants", False),
        ("Größe", True),
        ("grö", True),
        ("高い", True),
        ("src models", True),
        ("in's", False),
    ],
)
def test_words_are_found_as_they_are_written(alice, say, typed, is_found):
    say("Giraffes are very tall. Ihre Größe! 高いキリン. See src/models/animal.py")
    assert bool(found(alice, typed)) == is_found


@pytest.mark.parametrize("typed", ["'", "\\", "a'b\\", ":*", "& | !", "<->", "%s", "\x00word", "(", "o:x"])
def test_signs_break_nothing(client_of_alice, say, typed):
    say("A word")
    assert client_of_alice.get("/search/", {"q": typed}).status_code == 200


def test_a_search_for_nothing_is_explained(client_of_alice):
    assert "at least one word" in client_of_alice.get("/search/", {"q": "-word"}).content.decode()
    assert "at most 20 words" in client_of_alice.get("/search/", {"q": "word " * 30}).content.decode()
    assert "holds “zebra”" in client_of_alice.get("/search/", {"q": "zebra"}).content.decode()
    empty = client_of_alice.get("/search/", {"q": " "}, headers={"HX-Request": "true"}).content.decode()
    assert empty.strip() == ""


def test_whole_words_come_before_beginnings_and_newer_before_older(alice, say):
    say("A cat sat here", age=timedelta(days=300))
    say("A cat sat here too", age=timedelta(days=2))
    say("A catalogue of seats", age=timedelta(days=2))
    assert found(alice, "cat") == ["A cat sat here too", "A catalogue of seats", "A cat sat here"]


def test_a_given_title_is_found_and_the_first_words_are_not_twice(alice, say, workspace):
    say("Nothing to see", title_source="person", age=timedelta(days=1))
    named = Conversation.objects.get()
    named.title = "Holiday plans"
    named.save()
    first = say("Holiday by the sea")
    Conversation.objects.filter(id=first.conversation_id).update(title="Holiday by the sea")

    assert found(alice, "holiday") == ["title: Holiday plans", "Holiday by the sea"]
    named.title = "Work"
    named.save()
    assert found(alice, "holiday") == ["Holiday by the sea"]


def test_only_ones_own_chats_are_searched(alice, bob, charlie, say):
    say("Alice's secret")
    say("Bob's secret", owner=bob)
    assert found(alice, "secret") == ["Alice's secret"]
    assert found(charlie, "secret") == []
    alice.memberships.all().delete()
    assert found(alice, "secret") == []


def test_archived_chats_are_found_and_marked_others_are_not_found(client_of_alice, alice, say):
    say("secret one", archived_at=NOW)
    say("secret two", deleted_at=NOW)
    say("secret three", is_temporary=True)
    assert found(alice, "secret") == ["secret one"]
    assert "mark-archived" in client_of_alice.get("/search/", {"q": "secret"}).content.decode()


def test_what_is_redacted_anew_is_no_longer_found(alice, say):
    message = say("Call the heffalump")
    Message.objects.filter(id=message.id).update(content="Call the [[CODE_NAME]]")
    assert found(alice, "heffalump") == []
    assert found(alice, "call") == ["Call the [[CODE_NAME]]"]


def test_a_reply_is_indexed_at_its_end(as_alice: Browser, alice, fake_provider: RunningProvider):
    fake_provider.script("plain", chunks=["The **quokka** ", "is a marsupial."])
    sent = as_alice.send("Tell me about it")
    reply = ended(sent.run)

    html = as_alice.client.get("/search/", params={"q": "quokka"}).text

    assert f"/c/{sent.conversation}/?at={reply.id}#message-{reply.id}" in html
    assert re.search(r"The <mark>quokka</mark> is a marsupial", html)


def test_a_text_that_is_still_being_written_is_not_indexed(alice, say):
    prompt = say("Ask")
    reply = Message.objects.create(conversation=prompt.conversation, parent=prompt, role="assistant", status="streaming")
    Message.objects.filter(id=reply.id).update(content="half a zebra")
    assert found(alice, "zebra") == []
    Message.objects.filter(id=reply.id).update(status="complete", content="a whole zebra")
    assert found(alice, "zebra") == ["a whole zebra"]


def test_a_hit_leads_to_its_message_in_another_branch(client_of_alice, say):
    prompt = say("Which one?")
    conversation = prompt.conversation
    first = conversation.messages.create(role="assistant", parent=prompt, content="The aardvark", position=2)
    other = conversation.messages.create(role="assistant", parent=prompt, content="The zebra", position=3)
    conversation.active_leaf = other
    conversation.save()
    assert "aardvark" not in client_of_alice.get(f"/c/{conversation.id}/").content.decode()

    html = client_of_alice.get("/search/", {"q": "aardvark"}).content.decode()
    address = re.search(r'href="(/c/[^"]*)#', html)
    assert address
    page = client_of_alice.get(address[1]).content.decode()

    assert f'id="message-{first.id}"' in page
    assert f'id="message-{other.id}"' not in page


def test_hits_are_paged_and_none_comes_twice(client_of_alice, say):
    for n in range(55):
        say(f"A word, the {n}th", age=timedelta(hours=n // 3))

    hits, address = [], "/search/?q=word"
    while address:
        html = client_of_alice.get(address, headers={"HX-Request": "true"}).content.decode()
        hits += re.findall(r"#message-([0-9a-f-]+)", html)
        following = re.search(r'href="(/search/[^"]*after=[^"]*)"', html)
        address = following[1].replace("&amp;", "&") if following else ""

    assert len(hits) == len(set(hits)) == 55


@pytest.mark.parametrize("text", ["", "x", "1_2_3", "nan_nan_nan", "1e400_1_" + "0" * 32, "1_inf_" + "0" * 32])
def test_a_broken_cursor_starts_with_the_best(client_of_alice, say, text):
    say("A word")
    assert search.Cursor.parse(text) is None
    assert "<mark>" in client_of_alice.get("/search/", {"q": "word", "after": text}).content.decode()


def test_it_asks_as_many_questions_for_twenty_hits_as_for_ten(client_of_alice, say, django_assert_num_queries):
    for n in range(10):
        say(f"word {n}")
    client_of_alice.get("/search/", {"q": "word"})
    with CaptureQueriesContext(connection) as asked:
        client_of_alice.get("/search/", {"q": "word"})
    for n in range(10):
        say(f"word {n} more")
    with django_assert_num_queries(len(asked)):
        client_of_alice.get("/search/", {"q": "word"})


def test_what_a_snippet_marks_can_not_be_markup(client_of_alice, say):
    say("Look: <script>alert(1)</script> and <b>word</b>")
    html = client_of_alice.get("/search/", {"q": "script"}).content.decode()
    assert "<script>alert" not in html
    assert "&lt;<mark>script</mark>&gt;" in html


@pytest.mark.parametrize(
    ("text", "typed", "expected"),
    [
        ("One two three", "two", "One [two] three"),
        ("Two, **TWO** and twofold", "two", "[Two], [TWO] and [twofold]"),
        ("Two and twofold", '"two"', "[Two] and twofold"),
        ("x " * 100 + "needle " + "y " * 200, "needle", None),
        ("nothing here", "gone", "nothing here"),
        ("# Heading\n\nand `code`", "code", "Heading and [code]"),
        ("a.b*c", "a.b*c", "[a.b*c]"),
    ],
)
def test_a_snippet_shows_the_words_around_the_first_one(text, typed, expected):
    pieces = snippets.cut(text, snippets.marker(search._terms(typed)))
    shown = "".join(f"[{piece.text}]" if piece.is_marked else piece.text for piece in pieces)
    if expected is not None:
        assert shown == expected
    else:
        assert "[needle]" in shown
        assert shown.startswith("…")
        assert shown.endswith("…")
        assert len(shown) < 240


WORDS = "the quick brown fox jumps over a lazy dog while seven wizards brew odd potions for jumbo kings".split()


READ_ALL = "SELECT count(*) FROM chat_message WHERE to_tsvector('simple', content) @@ 'fox'::tsquery"


def timed(work) -> float:
    """Seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def test_ten_thousand_messages_are_searched_in_time(alice, workspace):
    """It takes 2 to 25 ms on an idle machine; a busy one is held against reading every message."""
    conversations = Conversation.objects.bulk_create(
        [Conversation(owner=alice, workspace=workspace, title=f"Chat {n}") for n in range(200)]
    )
    texts = [" ".join(WORDS[(n * 7 + k * k) % len(WORDS)] + (str(k) if k % 5 else "") for k in range(120)) for n in range(100)]
    now = timezone.now()
    Message.objects.bulk_create(
        [
            Message(conversation=conversations[n % 200], role="user", content=f"{texts[n % 100]} unique{n}", created_at=now)
            for n in range(10_000)
        ],
        batch_size=2_000,
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE chat_search_entry, chat_conversation")
    assert SearchEntry.objects.count() == 10_000

    took = {}
    for typed in ("unique777", "fox", "fox wizards", "unique"):
        assert search.find(alice, typed, now=now).hits
        took[typed] = min(timed(lambda: search.find(alice, typed, now=now)) for _ in range(5))  # noqa: B023
    with connection.cursor() as cursor:
        reading = timed(lambda: cursor.execute(READ_ALL))
    assert max(took.values()) < reading / 4, (took, reading)
