"""Signing in with a password: who gets in, what the refused are told, and how often they may try."""

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from tests.people import PASSWORD


@pytest.fixture(autouse=True)
def _no_attempts_yet():
    cache.clear()


def sign_in(client: Client, email: str, password: str = PASSWORD, **extra):
    return client.post(reverse("account_login"), {"login": email, "password": password}, **extra)


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_it_signs_in_with_the_right_password(client, alice):
    answer = sign_in(client, alice.email)
    assert answer.status_code == 302
    assert answer["Location"] == "/"
    assert client.session["_auth_user_id"] == str(alice.pk)


def test_capitals_and_blanks_in_the_address_do_not_matter(client, alice):
    sign_in(client, "  Alice@Example.COM ")
    assert is_in(client)


def test_it_refuses_a_wrong_password(client, alice):
    answer = sign_in(client, alice.email, "wrong horse battery")
    assert answer.status_code == 200
    assert not is_in(client)


def test_it_says_the_same_of_an_unknown_address_and_a_wrong_password(client, alice):
    wrong = sign_in(client, alice.email, "wrong horse battery").context["form"].non_field_errors()
    unknown = sign_in(client, "nobody@example.com").context["form"].non_field_errors()
    assert list(wrong) == list(unknown) != []


def test_it_tells_a_deactivated_person_so_and_keeps_them_out(client, alice):
    alice.is_active = False
    alice.save()
    answer = sign_in(client, alice.email)
    assert "inactive" in str(answer.context["form"].non_field_errors())
    assert not is_in(client)


def test_a_deactivated_person_with_a_wrong_password_learns_nothing(client, alice):
    alice.is_active = False
    alice.save()
    answer = sign_in(client, alice.email, "wrong horse battery")
    assert "inactive" not in str(answer.context["form"].non_field_errors())


def test_signing_in_gives_the_session_a_new_key(client, alice, settings):
    client.cookies[settings.SESSION_COOKIE_NAME] = planted = "a" * 32
    sign_in(client, alice.email)
    assert client.session.session_key != planted


def test_it_goes_where_the_person_was_headed_but_never_to_another_site(alice):
    for wanted, reached in [("/admin/", "/admin/"), ("https://evil.example/", "/"), ("//evil.example", "/")]:
        client = Client()
        answer = client.post(reverse("account_login") + f"?next={wanted}", {"login": alice.email, "password": PASSWORD})
        assert answer["Location"] == reached


def test_it_stops_guesses_at_one_account_even_with_the_right_password(client, alice):
    for _ in range(5):
        sign_in(client, alice.email, "wrong horse battery")
    answer = sign_in(client, alice.email)
    assert "Too many failed login attempts" in str(answer.context["form"].non_field_errors())
    assert not is_in(client)


def test_guesses_at_one_account_do_not_keep_others_out(client, alice, bob):
    for _ in range(6):
        sign_in(client, alice.email, "wrong horse battery")
    sign_in(client, bob.email)
    assert is_in(client)


def test_a_forwarded_header_does_not_win_new_guesses(client, alice):
    for turn in range(30):
        sign_in(client, f"person{turn}@example.com", "wrong horse battery", headers={"X-Forwarded-For": f"10.0.0.{turn}"})
    assert sign_in(client, alice.email, headers={"X-Forwarded-For": "10.1.0.1"}).status_code == 429


def test_signing_in_often_is_not_a_failed_guess(alice):
    for _ in range(7):
        client = Client()
        sign_in(client, alice.email)
        assert is_in(client)


def test_a_form_without_its_token_is_refused(alice):
    client = Client(enforce_csrf_checks=True)
    assert sign_in(client, alice.email).status_code == 403


def test_nobody_signs_up_alone(client, db):
    assert client.get("/accounts/signup/").status_code == 404
    assert client.post("/accounts/signup/", {"email": "eve@example.com", "password1": PASSWORD}).status_code == 404


def test_only_a_post_signs_out(client, alice):
    client.force_login(alice)
    client.get(reverse("account_logout"))
    assert is_in(client)
    assert client.post(reverse("account_logout")).status_code == 302
    assert not is_in(client)


def test_the_stored_password_is_hashed_with_argon2(alice):
    assert alice.password.startswith("argon2$")
