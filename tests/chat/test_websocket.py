"""The page's socket: who may open it, what it refuses, and when it says goodbye."""

import uuid

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from accounts.models import Session
from accounts.sessions import sign_out_sockets
from tests.chat.browser import Browser, ended
from tests.server import WebServer


def test_a_ping_is_answered(as_alice: Browser):
    with as_alice.page() as page:
        page.say({"type": "ping"})
        assert page.read() == {"v": 1, "type": "pong"}


def test_a_foreign_origin_is_refused(as_alice: Browser):
    with pytest.raises(InvalidStatus), as_alice.page(origin="https://example.org"):
        pass


def test_a_socket_without_a_session_is_told_to_sign_in(as_alice: Browser):
    Session.objects.all().delete()
    with as_alice.page() as page:
        assert page.read() == {"v": 1, "type": "bye", "reason": "signed_out"}
        with pytest.raises(ConnectionClosed) as closed:
            page.read()
    assert closed.value.rcvd.code == 4401


def test_the_session_is_checked_on_every_frame(as_alice: Browser):
    with as_alice.page() as page:
        page.say({"type": "ping"})
        page.read()
        Session.objects.all().delete()
        page.say({"type": "ping"})
        assert page.read()["type"] == "bye"


def test_a_deactivated_person_is_signed_out_by_the_control_message(as_alice: Browser, alice):
    with as_alice.page() as page:
        page.say({"type": "ping"})
        page.read()
        alice.is_active = False
        alice.save()
        sign_out_sockets(alice.id)
        assert page.read()["type"] == "bye"


@pytest.mark.parametrize(
    "frame",
    ["", "{", "[]", '"ping"', "{}", '{"type": "shout"}', '{"type": "sync", "conversation": "x"}', "x" * 20_000, b"\xff\x00"],
)
def test_a_bad_frame_closes_the_socket(as_alice: Browser, frame):
    with as_alice.page() as page, pytest.raises(ConnectionClosed):
        page.say(frame)
        page.read()


def test_a_strangers_conversation_closes_the_socket(as_alice: Browser, charlie, server: WebServer):
    sent = as_alice.send("Hello")
    ended(sent.run)
    with Browser.of(charlie, server) as stranger, stranger.page() as page, pytest.raises(ConnectionClosed) as closed:
        page.sync(sent.conversation, sent.run)
        page.read()
    assert closed.value.rcvd.code == 4400


def test_a_strangers_run_is_not_shown_in_ones_own_conversation(as_alice: Browser, charlie, server: WebServer):
    sent = as_alice.send("My secret plan")
    ended(sent.run)
    with Browser.of(charlie, server) as stranger:
        own = stranger.send("Hello")
        ended(own.run)
        with stranger.page() as page:
            page.sync(own.conversation, sent.run)
            page.say({"type": "ping"})
            page.read_until(lambda: page.others)
    assert sent.run not in page.runs or page.runs[sent.run].end is None


def test_a_bob_of_the_same_workspace_sees_nothing_either(as_alice: Browser, bob, server: WebServer):
    sent = as_alice.send("My secret plan")
    ended(sent.run)
    with Browser.of(bob, server) as colleague, colleague.page() as page, pytest.raises(ConnectionClosed):
        page.sync(sent.conversation, sent.run)
        page.read()


def test_an_unknown_conversation_closes_the_socket(as_alice: Browser):
    with as_alice.page() as page, pytest.raises(ConnectionClosed):
        page.sync(uuid.uuid4())
        page.read()


def test_the_sidebar_changes_in_every_tab(as_alice: Browser):
    with as_alice.page() as page:
        page.say({"type": "ping"})
        page.read_until(lambda: page.others)
        sent = as_alice.send("A new subject")
        page.read_until(lambda: page.html)
        ended(sent.run)
    assert "A new subject" in page.html[0]
    assert "hx-swap-oob" in page.html[0]
