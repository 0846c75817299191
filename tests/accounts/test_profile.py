"""A person's name, address and clock."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.access import SESSION_KEY
from accounts.models import SignInLink, User, Workspace
from accounts.sign_in_links import make_link
from tests.mail import all_sent
from tests.people import PASSWORD, join

URL = "/settings/profile/"


@pytest.fixture(autouse=True)
def _no_attempts_yet():
    cache.clear()


@pytest.fixture
def browser(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def confirmed(browser) -> Client:
    """The password has just been typed again."""
    browser.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    return browser


def save(client: Client, **fields):
    return client.post(URL, {"name": "Alice", "email": "alice@example.com", "time_zone": "", **fields}, follow=True)


def test_settings_begin_with_the_profile(browser):
    assert browser.get("/settings/")["Location"] == URL


def test_a_name_is_kept_without_stray_blanks(browser, alice):
    assert "Saved." in save(browser, name="  Alice   Liddell ").content.decode()
    alice.refresh_from_db()
    assert alice.name == "Alice Liddell"


def test_a_name_is_shown_as_text(browser):
    assert "<b>x</b>" not in save(browser, name="<b>x</b>").content.decode()


def test_the_same_address_asks_for_no_password(browser, alice):
    answer = save(browser, email="ALICE@example.com ")
    assert answer.request["PATH_INFO"] == URL
    alice.refresh_from_db()
    assert (alice.email, alice.email_confirmed) == ("alice@example.com", True)


def test_a_new_address_asks_for_the_password_and_then_goes_on(browser, alice):
    answer = save(browser, email="Alice@Example.ORG", name="Alice L.")
    assert answer.request["PATH_INFO"] == reverse("account_reauthenticate")
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"
    where = {"password": PASSWORD, "next": URL}
    browser.post(reverse("account_reauthenticate"), where)
    alice.refresh_from_db()
    assert (alice.email, alice.name) == ("alice@example.org", "Alice L.")


def test_a_wrong_password_changes_nothing(browser, alice):
    save(browser, email="alice@example.org")
    browser.post(reverse("account_reauthenticate"), {"password": "wrong horse battery", "next": URL})
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"


def test_an_address_one_gave_oneself_counts_as_unconfirmed(confirmed, alice):
    save(confirmed, email="alice@example.org")
    alice.refresh_from_db()
    assert (alice.email, alice.email_confirmed) == ("alice@example.org", False)


def test_the_old_address_signs_in_no_more(confirmed, alice):
    EmailAddress.objects.create(user=alice, email=alice.email, primary=True, verified=True)
    link = make_link(alice, timezone.now())
    save(confirmed, email="alice@example.org")
    for email, gets_in in (("alice@example.com", False), ("alice@example.org", True)):
        client = Client()
        client.post(reverse("account_login"), {"login": email, "password": PASSWORD})
        assert ("_auth_user_id" in client.session) is gets_in
    assert not SignInLink.objects.exists()
    assert Client().get(link).status_code == 410


def test_the_address_of_another_is_refused_without_saying_whose(confirmed, alice, bob):
    answer = save(confirmed, email="Bob@example.com")
    assert answer.status_code == 422
    assert "This address cannot be used here" in answer.content.decode()
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"


def test_whether_an_address_is_taken_is_not_told_before_the_password(browser, bob):
    assert save(browser, email=bob.email).request["PATH_INFO"] == reverse("account_reauthenticate")


def test_whether_an_address_is_taken_is_told_only_a_few_times(confirmed, bob):
    pages = [save(confirmed, email=bob.email).content.decode() for _ in range(12)]
    assert "cannot be used here" in pages[0]
    assert "changed often just now" in pages[-1]
    assert "cannot be used here" not in pages[-1]


@pytest.mark.parametrize("wrong", ["", "alice", "alice@", "a@b@c.example"])
def test_what_is_no_address_is_refused_beside_its_field(browser, wrong):
    page = save(browser, email=wrong)
    assert page.status_code == 422
    assert 'aria-invalid="true"' in page.content.decode()


# --- With mail, a new address is taken when its owner follows the link ---------------------------------------------------
@pytest.fixture
def _mail(settings):
    settings.OLLIVE_SENDS_MAIL = settings.ACCOUNT_EMAIL_NOTIFICATIONS = True


@pytest.mark.usefixtures("_mail")
def test_with_mail_a_new_address_waits_for_its_link(confirmed, alice):
    save(confirmed, email="alice@example.org")
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"
    [letter] = all_sent()
    assert letter.to == ["alice@example.org"]
    [path] = re.findall(r"http://testserver(/settings/profile/email/\S+)", str(letter.body))
    assert confirmed.get(path).status_code == 200
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"  # a mail scanner opens links, too
    confirmed.post(path)
    alice.refresh_from_db()
    assert (alice.email, alice.email_confirmed) == ("alice@example.org", True)
    assert confirmed.post(path).status_code == 410


@pytest.mark.usefixtures("_mail")
def test_the_old_address_is_told(confirmed, alice):
    save(confirmed, email="alice@example.org")
    [path] = re.findall(r"http://testserver(/settings/profile/email/\S+)", str(all_sent()[0].body))
    mail.outbox.clear()
    confirmed.post(path)
    assert [letter.to for letter in all_sent()] == [["alice@example.com"]]


@pytest.mark.usefixtures("_mail")
def test_the_link_is_of_no_use_to_another(confirmed, bob):
    save(confirmed, email="alice@example.org")
    [path] = re.findall(r"http://testserver(/settings/profile/email/\S+)", str(all_sent()[0].body))
    client = Client()
    client.force_login(bob)
    assert client.post(path).status_code == 410
    assert User.objects.get(pk=bob.pk).email == "bob@example.com"


# --- The clock ---------------------------------------------------------------------------------------------------------
def test_the_browser_tells_the_zone_once(browser, alice):
    assert "js/zone.js" in browser.get("/").content.decode()
    assert browser.post(reverse("time_zone"), {"time_zone": "Europe/Rome"}).status_code == 204
    assert browser.post(reverse("time_zone"), {"time_zone": "Asia/Tokyo"}).status_code == 204
    alice.refresh_from_db()
    assert alice.time_zone == "Europe/Rome"
    assert "js/zone.js" not in browser.get("/").content.decode()


@pytest.mark.parametrize("wrong", ["", "Mars/Olympus", "../../etc/passwd", "x" * 5000])
def test_what_is_no_zone_is_refused(browser, alice, wrong):
    assert browser.post(reverse("time_zone"), {"time_zone": wrong}).status_code == 422
    alice.refresh_from_db()
    assert alice.time_zone == ""


def test_times_are_told_by_the_persons_clock(browser, alice):
    alice.time_zone = "Asia/Tokyo"
    alice.save()
    User.objects.get(pk=alice.pk).sessions.update(created_at="2026-01-31T20:00:00Z")
    assert "1 February 2026, 05:00" in browser.get(reverse("sign_in_settings")).content.decode()


def test_one_persons_clock_does_not_stay_for_the_next(browser, alice, bob):
    alice.time_zone = "Asia/Tokyo"
    alice.save()
    browser.get(reverse("sign_in_settings"))
    client = Client()
    client.force_login(bob)
    bob.sessions.update(created_at="2026-01-31T20:00:00Z")
    assert "31 January 2026, 20:00" in client.get(reverse("sign_in_settings")).content.decode()


def test_a_zone_that_this_system_does_not_know_breaks_nothing(browser, alice):
    alice.time_zone = "Mars/Olympus"
    alice.save()
    assert browser.get(URL).status_code == 200


# --- Several workspaces --------------------------------------------------------------------------------------------------
def test_one_switches_between_ones_workspaces(browser, alice):
    second = Workspace.objects.create(name="Looking-glass house")
    join(alice, second)
    answer = browser.post(reverse("switch_workspace"), {"workspace": second.pk, "next": "/settings/members/"})
    assert answer["Location"] == "/settings/members/"
    assert browser.session[SESSION_KEY] == str(second.pk)


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_switching_leads_to_no_other_site(browser, workspace, wanted):
    answer = browser.post(reverse("switch_workspace"), {"workspace": workspace.pk, "next": wanted})
    assert answer["Location"] == "/"


@pytest.mark.parametrize("which", ["charlies", "nonsense"])
def test_one_does_not_switch_to_a_workspace_of_others(browser, charlie, which):
    wanted = charlie.memberships.get().workspace_id if which == "charlies" else "nonsense"
    assert browser.post(reverse("switch_workspace"), {"workspace": wanted}).status_code == 404
    assert SESSION_KEY not in browser.session


def test_the_menu_offers_the_switch_only_where_there_is_a_choice(browser, alice, workspace):
    assert "workspace-switch" not in browser.get("/").content.decode()
    join(alice, Workspace.objects.create(name="Looking-glass house"))
    page = browser.get("/").content.decode()
    assert "workspace-switch" in page
    assert "Looking-glass house" in page


def test_more_workspaces_cost_the_chat_page_no_query(browser, alice):
    browser.get("/")
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            browser.get("/")
        counts.append(len(queries))
        for number in range(3):
            join(alice, Workspace.objects.create(name=f"Team {number}"))
    assert counts[0] == counts[1]


def test_who_is_in_no_workspace_keeps_their_own_settings(client, dora):
    client.force_login(dora)
    page = client.get(URL).content.decode()
    assert "Sign-in" in page
    assert "/settings/members/" not in page
