"""A new password by mail: closed without mail, and silent about whose address is known."""

import re
import time

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry
from accounts.sessions import signed_in_user
from tests.accounts.authenticator import with_app
from tests.mail import all_sent
from tests.people import PASSWORD

URL = "/accounts/password/reset/"
NEW_PASSWORD = "another horse battery"


@pytest.fixture(autouse=True)
def _no_attempts_yet():
    cache.clear()


@pytest.fixture
def _mail(settings):
    settings.OLLIVE_SENDS_MAIL = True


def ask(client: Client, email: str):
    return client.post(URL, {"email": email})


def link_in(letter) -> str:
    [path] = re.findall(r"http://testserver(/accounts/password/reset/\S+)", letter.body)
    return path


def choose(client: Client, path: str, password: str = NEW_PASSWORD):
    form = client.get(path, follow=True).request["PATH_INFO"]
    return client.post(form, {"password1": password, "password2": password}, follow=True)


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_without_mail_it_is_closed_and_nothing_leads_there(client, alice):
    assert client.get(URL).status_code == 404
    assert ask(client, alice.email).status_code == 404
    client.force_login(alice)
    for page in (reverse("account_change_password"), reverse("account_reauthenticate")):
        assert "Forgot" not in client.get(page).content.decode()
    assert "Forgot" not in Client().get(reverse("account_login")).content.decode()
    assert all_sent() == []


@pytest.mark.usefixtures("_mail")
def test_a_letter_leads_to_a_new_password(client, alice):
    assert "Forgot your password?" in client.get(reverse("account_login")).content.decode()
    ask(client, "Alice@Example.com")
    [letter] = all_sent()
    assert (letter.to, letter.subject) == ([alice.email], "Choose a new password for Ollive")
    assert "Your password is changed" in choose(client, link_in(letter)).content.decode()
    client.post(reverse("account_login"), {"login": alice.email, "password": NEW_PASSWORD})
    assert is_in(client)


@pytest.mark.usefixtures("_mail")
def test_the_letter_names_the_public_address(client, alice, settings):
    settings.OLLIVE_PUBLIC_URL = "https://chat.example.com"
    settings.ALLOWED_HOSTS = ["*"]
    client.post(URL, {"email": alice.email}, headers={"Host": "evil.example"})
    [letter] = all_sent()
    assert "https://chat.example.com/accounts/password/reset/" in letter.body
    assert "evil.example" not in letter.body


@pytest.mark.usefixtures("_mail")
def test_it_says_the_same_of_an_unknown_address(alice):
    answers = [ask(Client(), email) for email in (alice.email, "nobody@example.com")]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert answers[0]["Location"] == answers[1]["Location"]
    assert [letter.to for letter in all_sent()] == [[alice.email]]


@pytest.mark.usefixtures("_mail")
def test_a_slow_mail_server_does_not_tell_either(client, alice, settings):
    settings.EMAIL_BACKEND = "tests.accounts.test_password_reset.SlowBackend"
    began = time.perf_counter()
    ask(client, alice.email)
    assert time.perf_counter() - began < SlowBackend.seconds


class SlowBackend:
    seconds = 2.0

    def __init__(self, **_):
        pass

    def send_messages(self, letters):
        time.sleep(self.seconds)
        return len(letters)


@pytest.mark.usefixtures("_mail")
def test_a_mail_server_that_is_away_is_in_the_log(client, alice, settings, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    assert ask(client, alice.email).status_code == 302
    all_sent()
    assert "was not sent" in caplog.text


@pytest.mark.usefixtures("_mail")
def test_a_link_works_once(client, alice):
    ask(client, alice.email)
    path = link_in(all_sent()[0])
    choose(client, path)
    assert "This link has expired" in Client().get(path, follow=True).content.decode()


@pytest.mark.usefixtures("_mail")
def test_a_link_ends_when_the_address_changes(client, alice):
    ask(client, alice.email)
    path = link_in(all_sent()[0])
    alice.email = "alice@example.org"
    alice.save()
    assert "This link has expired" in client.get(path, follow=True).content.decode()


@pytest.mark.usefixtures("_mail")
def test_a_new_password_ends_every_session(client, alice, settings):
    elsewhere = Client()
    elsewhere.force_login(alice)
    ask(client, alice.email)
    choose(client, link_in(all_sent()[0]))
    assert signed_in_user(elsewhere.cookies[settings.SESSION_COOKIE_NAME].value) is None
    assert AuditEntry.objects.get().action == "sign_in.password_changed"


@pytest.mark.usefixtures("_mail")
def test_it_confirms_that_the_address_is_theirs(client, alice):
    alice.email_confirmed = False
    alice.save()
    ask(client, alice.email)
    choose(client, link_in(all_sent()[0]))
    alice.refresh_from_db()
    assert alice.email_confirmed


@pytest.mark.usefixtures("_mail")
def test_it_does_not_get_round_the_second_step(client, alice):
    with_app(alice)
    ask(client, alice.email)
    choose(client, link_in(all_sent()[0]))
    client.post(reverse("account_login"), {"login": alice.email, "password": NEW_PASSWORD})
    assert not is_in(client)


@pytest.mark.usefixtures("_mail")
@pytest.mark.parametrize("weak", ["short", "password123", "alice@example.com"])
def test_a_weak_password_is_refused(client, alice, weak):
    ask(client, alice.email)
    choose(client, link_in(all_sent()[0]), weak)
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


@pytest.mark.usefixtures("_mail")
def test_who_is_deactivated_gets_no_letter(client, alice):
    alice.is_active = False
    alice.save()
    ask(client, alice.email)
    assert all_sent() == []


@pytest.mark.usefixtures("_mail")
def test_who_comes_through_a_provider_alone_gets_no_password(client, alice):
    alice.set_unusable_password()
    alice.save()
    SocialAccount.objects.create(user=alice, provider="oidc", uid="sub-1")
    ask(client, alice.email)
    assert all_sent() == []


@pytest.mark.usefixtures("_mail")
def test_one_address_gets_a_few_letters_a_minute(client, alice):
    answers = [ask(client, alice.email).status_code for _ in range(7)]
    assert answers[-1] == 429
    assert len(all_sent()) == 5
