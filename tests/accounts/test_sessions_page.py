"""The browsers that a person is signed in with: seen, and ended, and with them their open pages."""

import re
from datetime import timedelta

import pytest
from channels.db import database_sync_to_async
from django.contrib.sessions.backends.base import SessionBase
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.devices import device_of
from accounts.models import AuditEntry, Session
from accounts.sessions import open_sessions, signed_in_user
from tests.accounts.test_sessions import heard_by_sockets
from tests.people import PASSWORD

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/604.1"
)
EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0"
ANDROID = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36"


@pytest.fixture(autouse=True)
def _no_attempts_yet():
    cache.clear()


def on(person, user_agent: str = FIREFOX) -> Client:
    """A browser in which the person has just signed in."""
    client = Client(headers={"User-Agent": user_agent})
    assert client.post(reverse("account_login"), {"login": person.email, "password": PASSWORD}).status_code == 302
    return client


def page(client: Client) -> str:
    return client.get(reverse("sign_in_settings")).content.decode()


def session_of(client: Client) -> SessionBase:
    return client.session


def tokens(client: Client) -> list[str]:
    return re.findall(r"/settings/sign-in/sessions/(\w+)/end/", page(client))


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        (FIREFOX, "Firefox on Linux"),
        (IPHONE, "Safari on iPhone"),
        (EDGE, "Edge on Windows"),
        (ANDROID, "Chrome on Android"),
        ("curl/8.5.0", "curl"),
        ("", "An unknown device"),
        ("\x00<script>", "An unknown device"),
    ],
)
def test_a_browser_is_named_as_a_person_would(user_agent, device):
    assert device_of(user_agent) == device


def test_it_lists_the_devices_and_marks_this_one(alice):
    here = on(alice, FIREFOX)
    on(alice, IPHONE)
    html = page(here)
    assert "Firefox on Linux" in html
    assert "Safari on iPhone" in html
    assert html.count("This device") == 1
    assert len(tokens(here)) == 1


def test_no_page_holds_a_key_that_signs_in(alice):
    here, phone = on(alice), on(alice, IPHONE)
    html = page(here)
    assert str(session_of(phone).session_key) not in html
    assert str(session_of(here).session_key) not in html


def test_no_address_is_kept(alice):
    on(alice)
    row = Session.objects.get(user=alice)
    assert "127.0.0.1" not in str(row.__dict__) + str(row.get_decoded())


def test_one_ends_another_and_stays_in(alice):
    here, phone = on(alice), on(alice, IPHONE)
    here.post(reverse("end_session", args=tokens(here)))
    assert signed_in_user(session_of(here).session_key) == alice
    assert phone.get("/settings/profile/").status_code == 302
    assert AuditEntry.objects.get().action == "sign_in.sessions_ended"


def test_one_ends_all_others(alice):
    here = on(alice)
    others = [on(alice, agent) for agent in (IPHONE, EDGE)]
    answer = here.post(reverse("end_sessions"), follow=True)
    assert "signed out everywhere else" in answer.content.decode()
    assert [other.get("/settings/profile/").status_code for other in others] == [302, 302]
    assert here.get("/settings/profile/").status_code == 200


def test_the_session_of_another_person_is_not_there(alice, bob):
    here, theirs = on(alice), on(bob)
    [token] = [session.token for session in open_sessions(bob, None, timezone.now())]
    assert here.post(reverse("end_session", args=[token])).status_code == 404
    assert theirs.get("/settings/profile/").status_code == 200


def test_sessions_that_sign_nobody_in_are_not_listed(alice):
    here, phone, old = on(alice), on(alice, IPHONE), on(alice, EDGE)
    Session.objects.filter(session_key=session_of(old).session_key).update(expire_date=timezone.now() - timedelta(days=1))
    new = "another horse battery"
    phone.post(reverse("account_change_password"), {"oldpassword": PASSWORD, "password1": new, "password2": new})
    listed = open_sessions(type(alice).objects.get(pk=alice.pk), None, timezone.now())
    assert [session.device for session in listed] == ["Safari on iPhone"]
    assert here.get("/settings/profile/").status_code == 302


def test_being_there_is_noted_each_five_minutes_and_costs_nothing_between(alice):
    here = on(alice)
    here.get("/settings/profile/")
    key = session_of(here).session_key
    for minutes, updates in ((1, 0), (6, 1)):
        Session.objects.filter(session_key=key).update(last_seen_at=timezone.now() - timedelta(minutes=minutes))
        with CaptureQueriesContext(connection) as queries:
            here.get("/settings/profile/")
        assert len([query for query in queries if query["sql"].startswith('UPDATE "accounts_session"')]) == updates
    assert timezone.now() - Session.objects.get(session_key=key).last_seen_at < timedelta(minutes=1)


def test_what_a_page_stores_in_the_session_leaves_its_description_alone(alice):
    here = on(alice)
    began = Session.objects.get(user=alice).created_at
    here.get(reverse("account_reauthenticate"))
    here.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    row = Session.objects.get(user=alice)
    assert (row.device, row.created_at) == ("Firefox on Linux", began)


def test_an_anonymous_session_belongs_to_nobody(client, alice):
    session = client.session
    session["x"] = 1
    session.save()
    assert Session.objects.get().user is None
    assert open_sessions(alice, None, timezone.now()) == []


def test_many_sessions_cost_no_more_queries_than_few(alice):
    here = on(alice)
    counts = []
    for _ in range(2):
        for _ in range(10):
            Client().force_login(alice)
        with CaptureQueriesContext(connection) as queries:
            page(here)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.django_db(transaction=True)
async def test_ending_a_session_reaches_its_open_sockets(alice):
    here = await database_sync_to_async(on)(alice)
    await database_sync_to_async(on)(alice, IPHONE)
    [token] = await database_sync_to_async(tokens)(here)
    assert await heard_by_sockets(alice, lambda: here.post(reverse("end_session", args=[token]))) == ["signed.out"]


@pytest.mark.django_db(transaction=True)
async def test_ending_the_others_reaches_their_open_sockets(alice):
    here = await database_sync_to_async(on)(alice)
    await database_sync_to_async(on)(alice, IPHONE)
    assert await heard_by_sockets(alice, lambda: here.post(reverse("end_sessions"))) == ["signed.out"]
