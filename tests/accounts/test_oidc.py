"""Signing in at an OpenID Connect provider: who gets in, as whom, and what its answers are checked for."""

from collections.abc import Iterator
from datetime import timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import invitations
from accounts.models import Membership, User
from tests.accounts.authenticator import code_of, with_app
from tests.fakes.oidc import CLIENT_ID, CLIENT_SECRET, Provider, new_key, running_provider
from tests.people import PASSWORD

LOGIN = "/accounts/oidc/login/"


@pytest.fixture(autouse=True)
def provider(settings) -> Iterator[Provider]:
    cache.clear()
    with running_provider() as running:
        settings.OLLIVE_OIDC_ISSUER = running.url
        settings.OLLIVE_OIDC_CLIENT_ID, settings.OLLIVE_OIDC_CLIENT_SECRET = CLIENT_ID, CLIENT_SECRET
        settings.OLLIVE_OIDC_NAME = "Acme"
        yield running


def at_provider(url: str) -> str:
    """Where the provider sends the browser that came with this address."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        return str(connection.getresponse().headers["Location"])
    finally:
        connection.close()


def come_back(client: Client, *, wanted: str = LOGIN) -> Any:
    """There and back, as a browser goes."""
    return client.get(at_provider(client.get(wanted)["Location"]))


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def told(client: Client) -> str:
    return client.get(reverse("account_login")).content.decode()


def test_the_sign_in_page_offers_it(client, db):
    assert "Continue with Acme" in told(client)


def test_without_a_provider_there_is_neither_a_button_nor_a_door(client, db, settings):
    settings.OLLIVE_OIDC_ISSUER = ""
    assert "Continue with" not in told(client)
    assert client.get(LOGIN).status_code == 404


def test_a_known_person_gets_in_by_their_verified_address(client, provider, alice):
    provider.is_at(email="Alice@Example.com")
    assert come_back(client)["Location"] == "/"
    assert client.session["_auth_user_id"] == str(alice.pk)


def test_their_password_stays_good(client, provider, alice):
    provider.is_at(email=alice.email)
    come_back(client)
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_the_next_time_they_are_known_by_the_providers_id(provider, alice):
    provider.is_at(email=alice.email)
    come_back(Client())
    provider.is_at(email="alice.married@example.org")
    client = Client()
    come_back(client)
    assert client.session["_auth_user_id"] == str(alice.pk)
    assert SocialAccount.objects.count() == 1


def test_nothing_is_kept_of_it_but_who_they_are_there(client, provider, alice):
    provider.is_at(email=alice.email)
    come_back(client)
    assert not SocialToken.objects.exists()
    assert not EmailAddress.objects.exists()


@pytest.mark.parametrize("verified", [False, None, "false", "yes"])
def test_an_address_that_is_not_verified_opens_nothing(client, provider, alice, verified):
    provider.is_at(email=alice.email, email_verified=verified)
    assert come_back(client)["Location"] == reverse("account_login")
    assert not is_in(client)
    assert "has not verified your e-mail address" in told(client)


@pytest.mark.django_db
def test_a_stranger_is_told_to_ask(client, provider):
    provider.is_at(email="eve@example.com")
    come_back(client)
    assert not is_in(client)
    assert "There is no account for eve@example.com here" in told(client)
    assert not User.objects.filter(email="eve@example.com").exists()


def test_who_is_invited_gets_an_account_and_their_role(client, provider, alice, workspace):
    part = Membership.objects.get(user=alice)
    invitations.create(part, uuid4(), role="viewer", days=7, now=timezone.now(), email="erin@example.com")
    provider.is_at(email="erin@example.com", name="Erin  Example")
    come_back(client)
    erin = User.objects.get(email="erin@example.com")
    assert (erin.name, erin.has_usable_password()) == ("Erin Example", False)
    assert [(part.workspace, part.role) for part in erin.memberships.all()] == [(workspace, "viewer")]
    assert is_in(client)


def test_an_invitation_that_has_expired_lets_nobody_in(client, provider, alice):
    part = Membership.objects.get(user=alice)
    long_ago = timezone.now() - timedelta(days=8)
    invitations.create(part, uuid4(), role="member", days=7, now=long_ago, email="erin@example.com")
    provider.is_at(email="erin@example.com")
    come_back(client)
    assert not is_in(client)


def test_an_allowed_domain_gives_a_role_in_the_first_workspace(client, provider, workspace, charlie, settings):
    settings.OLLIVE_OIDC_ALLOWED_DOMAINS, settings.OLLIVE_OIDC_ROLE = ["example.org"], "viewer"
    provider.is_at(email="erin@example.org")
    come_back(client)
    parts = User.objects.get(email="erin@example.org").memberships.all()
    assert [(part.workspace, part.role) for part in parts] == [(workspace, "viewer")]


@pytest.mark.parametrize("address", ["erin@example.org.evil.example", "erin@sub.example.org", "example.org@evil.example"])
def test_another_domain_is_not_allowed(client, provider, workspace, settings, address):
    settings.OLLIVE_OIDC_ALLOWED_DOMAINS = ["example.org"]
    provider.is_at(email=address)
    come_back(client)
    assert not is_in(client)


def test_an_address_that_somebody_gave_themselves_is_not_taken_for_theirs(client, provider, alice):
    """Else who makes an account under another's address before them would share it with them."""
    alice.email_confirmed = False
    alice.save()
    provider.is_at(email=alice.email)
    come_back(client)
    assert not is_in(client)
    assert "never confirmed" in told(client)


def test_one_account_is_not_shared_by_two_of_the_providers_people(provider, alice):
    provider.is_at(email=alice.email)
    come_back(Client())
    provider.is_at(email=alice.email, sub="sub-2")
    client = Client()
    come_back(client)
    assert not is_in(client)
    assert "linked to someone else" in told(client)


def test_a_deactivated_person_stays_out(client, provider, alice):
    alice.is_active = False
    alice.save()
    provider.is_at(email=alice.email)
    come_back(client)
    assert not is_in(client)
    assert "not active" in told(client)


def test_the_second_step_is_asked_for(client, provider, alice):
    with_app(alice)
    provider.is_at(email=alice.email)
    assert come_back(client)["Location"] == reverse("mfa_authenticate")
    client.post(reverse("mfa_authenticate"), {"code": code_of()})
    assert is_in(client)


def test_it_goes_where_the_person_was_headed(client, provider, alice):
    provider.is_at(email=alice.email)
    assert come_back(client, wanted=f"{LOGIN}?next=/settings/profile/")["Location"] == "/settings/profile/"
    assert come_back(Client(), wanted=f"{LOGIN}?next=https://evil.example/")["Location"] == "/"


def test_a_link_that_somebody_else_made_links_nothing(provider, alice):
    """`process=connect` would tie the attacker's identity to whoever follows the link."""
    provider.is_at(email="eve@example.com")
    client = Client()
    client.force_login(alice)
    come_back(client, wanted=f"{LOGIN}?process=connect")
    assert not SocialAccount.objects.exists()


def test_who_cancels_there_is_told_so(client, db, provider):
    provider.refuses = True
    come_back(client)
    assert "You did not sign in with Acme" in told(client)


def test_the_answer_belongs_to_the_browser_that_asked(provider, alice):
    provider.is_at(email=alice.email)
    mine, theirs = Client(), Client()
    answer = at_provider(mine.get(LOGIN)["Location"])
    theirs.get(answer)
    assert not is_in(theirs)


def test_an_answer_is_good_once(provider, alice):
    provider.is_at(email=alice.email)
    client = Client()
    answer = at_provider(client.get(LOGIN)["Location"])
    client.get(answer)
    client.logout()
    client.get(answer)
    assert not is_in(client)


def test_the_way_there_carries_a_challenge_and_no_secret(client, db, provider):
    url = urlsplit(client.get(LOGIN)["Location"])
    query = parse_qs(url.query)
    assert query["code_challenge_method"] == ["S256"]
    assert query["redirect_uri"] == ["http://testserver/accounts/oidc/login/callback/"]
    assert CLIENT_SECRET not in url.query


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another-client"},
        {"iss": "http://evil.example"},
        {"exp": 1_000_000_000},
        {"iat": 1, "exp": 2},
    ],
)
def test_an_id_token_for_another_client_or_time_is_refused(client, provider, alice, claims):
    provider.is_at(email=alice.email)
    provider.id_token_claims = claims
    come_back(client)
    assert not is_in(client)
    assert "could not be reached, or its answer was not right" in told(client)


def test_an_id_token_that_another_signed_is_refused(client, provider, alice):
    provider.is_at(email=alice.email)
    provider.signing_key = new_key()
    come_back(client)
    assert not is_in(client)


def test_the_profile_must_be_of_the_same_person(client, provider, alice):
    provider.is_at()
    provider.profile = {"sub": "somebody else", "email": alice.email, "email_verified": True}
    come_back(client)
    assert not is_in(client)


def test_the_profile_is_asked_for_what_the_id_token_leaves_out(client, provider, alice):
    provider.claims = {"sub": "sub-1"}
    provider.profile = {"sub": "sub-1", "email": alice.email, "email_verified": True}
    come_back(client)
    assert is_in(client)


def test_a_provider_that_calls_itself_something_else_is_refused(client, db, provider):
    provider.issuer = "http://evil.example"
    assert client.get(LOGIN)["Location"] == reverse("account_login")
    assert "not right" in told(client)


def test_a_provider_that_is_away_is_said_so(client, db, settings):
    settings.OLLIVE_OIDC_ISSUER = "http://127.0.0.1:9"
    assert client.get(LOGIN)["Location"] == reverse("account_login")
    assert "could not be reached" in told(client)
