"""When a session ends: the other browsers, and the sockets that are still open."""

import asyncio
from collections.abc import Callable

import pytest
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.sessions import sign_out_sockets, signed_in_user, socket_group
from tests.people import PASSWORD

NEW_PASSWORD = "another horse battery"


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def change_password(client: Client) -> None:
    fields = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert client.post(reverse("account_change_password"), fields).status_code == 302


async def heard_by_sockets(person: User, act: Callable[[], object]) -> list[str]:
    """The control messages that reach an open socket of the person while something happens."""
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(socket_group(person.pk), channel)
    await database_sync_to_async(act)()
    await layer.group_send(socket_group(person.pk), {"type": "end"})
    heard = []
    while (message := await asyncio.wait_for(layer.receive(channel), 10))["type"] != "end":
        heard.append(message["type"])
    await layer.flush()
    return heard


def test_a_new_password_keeps_this_browser_and_ends_the_others(alice, settings):
    here, elsewhere = signed_in(alice), signed_in(alice)
    change_password(here)
    assert signed_in_user(here.session.session_key) == alice
    assert signed_in_user(elsewhere.cookies[settings.SESSION_COOKIE_NAME].value) is None


def test_a_wrong_old_password_changes_nothing(alice):
    client = signed_in(alice)
    fields = {"oldpassword": "wrong horse battery", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    client.post(reverse("account_change_password"), fields)
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


@pytest.mark.parametrize("weak", ["short", "password123", "alice@example.com"])
def test_a_weak_password_is_refused(alice, weak):
    client = signed_in(alice)
    client.post(reverse("account_change_password"), {"oldpassword": PASSWORD, "password1": weak, "password2": weak})
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_a_session_stops_signing_in_when_its_person_is_deactivated(alice):
    key = signed_in(alice).session.session_key
    assert signed_in_user(key) == alice
    alice.is_active = False
    alice.save()
    assert signed_in_user(key) is None


def test_a_session_stops_signing_in_when_its_person_signs_out(alice):
    client = signed_in(alice)
    key = client.session.session_key
    client.post(reverse("account_logout"))
    assert signed_in_user(key) is None


@pytest.mark.django_db
@pytest.mark.parametrize("key", [None, "", "a" * 32, "../etc/passwd"])
def test_a_made_up_session_signs_nobody_in(key):
    assert signed_in_user(key) is None


@pytest.mark.django_db(transaction=True)
async def test_signing_out_reaches_the_open_sockets(alice):
    client = await database_sync_to_async(signed_in)(alice)
    assert await heard_by_sockets(alice, lambda: client.post(reverse("account_logout"))) == ["signed.out"]


@pytest.mark.django_db(transaction=True)
async def test_a_new_password_reaches_the_open_sockets(alice):
    client = await database_sync_to_async(signed_in)(alice)
    assert await heard_by_sockets(alice, lambda: change_password(client)) == ["signed.out"]


@pytest.mark.django_db(transaction=True)
async def test_signing_out_of_the_admin_reaches_the_open_sockets(dora):
    client = await database_sync_to_async(signed_in)(dora)
    assert await heard_by_sockets(dora, lambda: client.post(reverse("admin:logout"))) == ["signed.out"]


@pytest.mark.django_db(transaction=True)
async def test_the_sockets_of_others_hear_nothing(alice, bob):
    assert await heard_by_sockets(bob, lambda: sign_out_sockets(alice.pk)) == []


def test_signing_out_works_and_is_logged_while_redis_is_away(alice, settings, caplog, django_capture_on_commit_callbacks):
    client = signed_in(alice)
    settings.CHANNEL_LAYERS = {
        "default": {"BACKEND": settings.CHANNEL_LAYERS["default"]["BACKEND"], "CONFIG": {"hosts": ["redis://127.0.0.1:1"]}}
    }
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(reverse("account_logout")).status_code == 302
    assert "_auth_user_id" not in client.session
    assert "could not be told" in caplog.text
