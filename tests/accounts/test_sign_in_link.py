"""Links that sign in once."""

import threading
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts.models import SignInLink
from accounts.sign_in_links import make_link, use_link
from ollive.logging import redact_entry
from tests.people import PASSWORD


@pytest.fixture
def link(alice) -> str:
    return make_link(alice, timezone.now())


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_opening_it_shows_a_button_and_spends_nothing(client, alice, link):
    for _ in range(3):
        answer = client.get(link)
        assert answer.status_code == 200
        assert answer.context["expired"] is False
        assert answer.context["email"] == alice.email
    assert not is_in(client)


def test_pressing_the_button_signs_in(client, alice, link):
    answer = client.post(link)
    assert answer.status_code == 302
    assert answer["Location"] == "/"
    assert client.session["_auth_user_id"] == str(alice.pk)


def test_it_works_once(client, link):
    client.post(link)
    again = Client()
    assert again.get(link).status_code == 410
    assert again.post(link).status_code == 410
    assert not is_in(again)


def test_it_expires_after_a_day(client, alice):
    link = make_link(alice, timezone.now() - timedelta(hours=24, seconds=1))
    assert client.get(link).context["expired"] is True
    assert client.post(link).status_code == 410
    assert not is_in(client)


def test_it_does_not_let_a_deactivated_person_in(client, alice, link):
    alice.is_active = False
    alice.save()
    assert client.get(link).status_code == 410
    assert client.post(link).status_code == 410
    assert not is_in(client)


def test_a_new_password_ends_it(client, alice, link):
    client.force_login(alice)
    new = "another horse battery"
    client.post("/settings/sign-in/password/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert Client().post(link).status_code == 410


def test_a_made_up_token_opens_nothing_and_names_nobody(client, alice, link):
    answer = client.get(link[:-2] + "x/")
    assert answer.status_code == 410
    assert alice.email not in answer.content.decode()


def test_it_replaces_whoever_was_signed_in(client, alice, bob, link):
    client.force_login(bob)
    before = client.session.session_key
    client.post(link)
    assert client.session["_auth_user_id"] == str(alice.pk)
    assert client.session.session_key != before


def test_the_button_needs_its_token(link):
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(link).status_code == 403


def test_the_table_does_not_hold_the_token(link):
    token = link.rstrip("/").rpartition("/")[2]
    row = SignInLink.objects.get()
    assert len(token.removeprefix("olv_link_")) == 43
    assert token not in str(vars(row))


def test_a_logged_address_does_not_let_anybody_in(client, link):
    """What the log says is what the request was, less the token."""
    entry = redact_entry(None, "info", {"message": "request_started", "request": f"GET {link}"})
    assert link not in entry["request"]
    assert client.get(entry["request"].removeprefix("GET ")).status_code == 410


def test_the_page_is_not_kept_by_caches(client, link):
    assert "no-store" in client.get(link)["Cache-Control"]


@pytest.mark.django_db(transaction=True)
def test_of_two_presses_at_once_one_signs_in(alice):
    token = make_link(alice, timezone.now()).rstrip("/").rpartition("/")[2]
    ready = threading.Barrier(4)
    entered = []

    def press():
        ready.wait(10)
        if use_link(token, timezone.now()):
            entered.append(1)
        connections.close_all()

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert entered == [1]


def test_the_command_prints_a_link_that_works(client, alice, capsys):
    call_command("sign_in_link", user="Alice@Example.com")
    printed = capsys.readouterr().out.strip()
    assert printed.startswith("http://")
    client.post(urlsplit(printed).path)
    assert is_in(client)


def test_the_command_refuses_the_unknown_and_the_deactivated(alice):
    with pytest.raises(CommandError, match="no user"):
        call_command("sign_in_link", user="nobody@example.com")
    alice.is_active = False
    alice.save()
    with pytest.raises(CommandError, match="deactivated"):
        call_command("sign_in_link", user=alice.email)
