"""The second step: setting it up, being asked for it at every door, and getting in without the phone."""

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.encryption import make_key
from accounts.models import AuditEntry
from accounts.rotation import keys_in_use, models_with_secrets, rotate
from accounts.sign_in_links import make_link
from tests.accounts.authenticator import SECRET, code_of, with_app, wrong_code
from tests.people import PASSWORD


@pytest.fixture(autouse=True)
def _no_attempts_yet():
    cache.clear()


def password(client: Client, person, **extra):
    return client.post(reverse("account_login"), {"login": person.email, "password": PASSWORD}, **extra)


def code(client: Client, value: str):
    return client.post(reverse("mfa_authenticate"), {"code": value})


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def confirmed(person) -> Client:
    """Signed in, and the password just typed again."""
    client = Client()
    client.force_login(person)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    return client


def set_up(person) -> Client:
    client = confirmed(person)
    page = client.get(reverse("mfa_activate_totp")).content.decode()
    secret = re.search(r"<code aria-labelledby=\"key-label\">(\w+)</code>", page)
    assert secret
    answer = client.post(reverse("mfa_activate_totp"), {"code": code_of(secret[1])})
    assert answer["Location"] == reverse("mfa_view_recovery_codes")
    return client


def test_setting_it_up_asks_for_the_password_first(client, alice):
    client.force_login(alice)
    answer = client.get(reverse("mfa_activate_totp"))
    assert answer["Location"].startswith(reverse("account_reauthenticate"))


def test_the_square_is_a_picture_in_the_page(alice):
    page = confirmed(alice).get(reverse("mfa_activate_totp")).content.decode()
    assert 'src="data:image/svg+xml;base64,' in page


def test_a_code_of_the_app_turns_it_on_and_shows_ten_recovery_codes(alice):
    page = set_up(alice).get(reverse("mfa_view_recovery_codes")).content.decode()
    assert len(re.findall(r"<code>\d{8}</code>", page)) == 10
    assert set(Authenticator.objects.values_list("type", flat=True)) == {"totp", "recovery_codes"}


def test_a_wrong_code_turns_nothing_on(alice):
    client = confirmed(alice)
    client.get(reverse("mfa_activate_totp"))
    assert "Incorrect code" in client.post(reverse("mfa_activate_totp"), {"code": "12"}).content.decode()
    assert not Authenticator.objects.exists()


def test_turning_it_on_and_off_is_in_the_audit_log(alice, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        client = set_up(alice)
    client.post(reverse("mfa_deactivate_totp"))
    noted = list(AuditEntry.objects.order_by("id").values_list("action", "actor_id"))
    assert noted == [("sign_in.mfa_on", alice.pk), ("sign_in.mfa_off", alice.pk)]


def test_the_password_alone_lets_nobody_in(client, alice):
    with_app(alice)
    assert password(client, alice)["Location"] == reverse("mfa_authenticate")
    assert not is_in(client)
    assert client.get(reverse("chat:home"))["Location"].startswith(reverse("account_login"))


def test_password_and_code_let_in(client, alice):
    with_app(alice)
    password(client, alice)
    assert code(client, code_of())["Location"] == "/"
    assert is_in(client)


def test_it_goes_where_the_person_was_headed(client, alice):
    with_app(alice)
    password(client, alice, QUERY_STRING="next=/settings/profile/")
    assert code(client, code_of())["Location"] == "/settings/profile/"


def test_a_code_that_has_just_changed_is_still_good(client, alice):
    with_app(alice)
    password(client, alice)
    code(client, code_of(periods_ago=1))
    assert is_in(client)


def test_an_old_code_is_not(client, alice):
    with_app(alice)
    password(client, alice)
    code(client, code_of(periods_ago=3))
    assert not is_in(client)


def test_a_code_lets_in_once(alice):
    with_app(alice)
    used = code_of()
    first, second = Client(), Client()
    for browser in (first, second):
        password(browser, alice)
        code(browser, used)
    assert (is_in(first), is_in(second)) == (True, False)


def test_a_code_is_still_used_up_after_allauth_has_forgotten_it(alice):
    with_app(alice)
    used = code_of()
    first, second = Client(), Client()
    password(first, alice)
    code(first, used)
    cache.delete(f"allauth.mfa.totp.used?user={alice.pk}&code={used}")  # as half a minute later, while the code is taken
    password(second, alice)
    code(second, used)
    assert not is_in(second)


def test_guesses_at_the_code_are_stopped_even_with_the_right_one(client, alice):
    with_app(alice)
    password(client, alice)
    for _ in range(5):
        code(client, wrong_code())
    answer = code(client, code_of())
    assert "Too many failed login attempts" in answer.content.decode()
    assert not is_in(client)


def test_a_recovery_code_lets_in_once(alice):
    with_app(alice)
    [first, *_] = RecoveryCodes.activate(alice).get_unused_codes()
    browsers = Client(), Client()
    for browser in browsers:
        password(browser, alice)
        code(browser, first)
    assert [is_in(browser) for browser in browsers] == [True, False]


def test_a_sign_in_link_asks_for_the_code_too(client, alice):
    with_app(alice)
    answer = client.post(make_link(alice, timezone.now()))
    assert answer["Location"] == reverse("mfa_authenticate")
    assert not is_in(client)


def test_the_admin_is_behind_the_same_door(client, dora):
    with_app(dora)
    client.get(reverse("admin:index"), follow=True)
    client.post(reverse("account_login") + "?next=/admin/", {"login": dora.email, "password": PASSWORD})
    assert client.get(reverse("admin:index")).status_code == 302
    assert code(client, code_of())["Location"] == "/admin/"
    assert client.get(reverse("admin:index")).status_code == 200


def test_someone_else_than_the_first_may_sign_in_instead(client, alice):
    with_app(alice)
    password(client, alice)
    assert "Sign in as somebody else" in client.get(reverse("mfa_authenticate")).content.decode()
    client.post(reverse("account_logout"), {"next": reverse("account_login")})
    assert client.get(reverse("mfa_authenticate"))["Location"] == reverse("account_login")


def test_removing_it_asks_who_it_is_and_takes_the_codes_along(alice):
    client = set_up(alice)
    client.post(reverse("mfa_deactivate_totp"))
    assert not Authenticator.objects.exists()
    browser = Client()
    password(browser, alice)
    assert is_in(browser)


def test_the_key_lies_encrypted_and_can_be_rotated(alice, settings):
    old, new = make_key(), make_key()
    settings.OLLIVE_ENCRYPTION_KEYS = f"old:{old}"
    row = with_app(alice)
    RecoveryCodes.activate(alice)
    assert SECRET not in str(Authenticator.objects.get(pk=row.pk).data)
    settings.OLLIVE_ENCRYPTION_KEYS = f"new:{new},old:{old}"
    assert keys_in_use(models_with_secrets())["old"] == 2
    assert rotate(models_with_secrets()).rotated_count == 2
    assert keys_in_use(models_with_secrets())["old"] == 0
    settings.OLLIVE_ENCRYPTION_KEYS = f"new:{new}"
    client = Client()
    password(client, alice)
    code(client, code_of())
    assert is_in(client)


def test_an_operator_removes_it_for_who_lost_the_phone(client, dora, alice):
    dora.is_superuser = True
    dora.save()
    with_app(alice)
    client.force_login(dora)
    action = {"action": "remove_second_step", "_selected_action": [str(alice.pk)]}
    client.post(reverse("admin:accounts_user_changelist"), action)
    assert not Authenticator.objects.exists()
    assert AuditEntry.objects.get().subject_id == str(alice.pk)


@pytest.mark.parametrize("name", ["mfa_edit_webauthn", "mfa_remove_webauthn"])
def test_nobody_touches_the_passkey_of_another(name, alice, bob):
    theirs = Authenticator.objects.create(user=alice, type="webauthn", data={"name": "Laptop", "credential": {}})
    client = confirmed(bob)
    assert client.get(reverse(name, args=[theirs.pk])).status_code == 404
    assert client.post(reverse(name, args=[theirs.pk]), {"name": "mine"}).status_code == 404
    assert Authenticator.objects.filter(pk=theirs.pk).exists()


def test_a_made_up_passkey_lets_nobody_in(client, alice):
    client.get(reverse("mfa_login_webauthn"), headers={"Accept": "application/json"})
    made_up = '{"id": "AA", "rawId": "AA", "type": "public-key", "response": {"userHandle": "AA"}}'
    client.post(reverse("mfa_login_webauthn"), {"credential": made_up})
    assert not is_in(client)
