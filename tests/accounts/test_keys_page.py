"""The page of API keys: made, shown once, rotated without a gap, revoked."""

import uuid
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import api_keys
from accounts.models import ApiKey
from tests.accounts.parts import client_of, noted, part_of, set_role, told

PAGE = "/settings/api-keys/"
MAKE = "/settings/api-keys/create/"


@pytest.fixture(autouse=True)
def _nothing_counted():
    cache.clear()


def form(**fields):
    return {"id": uuid.uuid4(), "name": "nightly", "scopes": ["ingest"], "days": "90", "payloads": "", **fields}


def issue(user, **options):
    given = {"name": "script", "now": timezone.now(), **options}
    return api_keys.issue(user, part_of(user).workspace, **given)


def rotate(client, key, **data):
    return client.post(reverse("rotate_key", args=[key.pk]), data, follow=True)


def bearer(token, now=None):
    return api_keys.verify(token, now or timezone.now())


def test_a_key_is_shown_once_and_works(alice, workspace):
    answer = client_of(alice).post(MAKE, form(payloads="preview"))
    token = answer.context["shown"]["token"]
    found = bearer(token)
    assert found is not None
    assert (found.user_id, found.workspace_id, found.scopes) == (alice.id, workspace.id, {"ingest"})
    assert found.payloads == "preview"
    assert answer.content.decode().count(token) == 4  # to read and to copy, alone and in the example
    assert "no-store" in answer["Cache-Control"]
    assert token not in client_of(alice).get(PAGE).content.decode()
    key = ApiKey.objects.get()
    assert timedelta(days=89) < key.expires_at - timezone.now() <= timedelta(days=90)
    assert noted("key.created")[0].detail["scopes"] == ["ingest"]


def test_a_key_may_have_no_end(alice):
    client_of(alice).post(MAKE, form(days=""))
    assert ApiKey.objects.get().expires_at is None


def test_sending_the_form_twice_makes_one(alice):
    client, data = client_of(alice), form()
    client.post(MAKE, data)
    again = client.post(MAKE, data)
    assert again.status_code == 422
    assert "made already" in again.content.decode()
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize(("fields", "said"), [({"name": " "}, "required"), ({"scopes": []}, "Choose at least one")])
def test_what_is_missing_is_told(alice, fields, said):
    answer = client_of(alice).post(MAKE, form(**fields))
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize(
    ("role", "offered"),
    [
        ("owner", {"chat", "ingest", "logs:read", "logs:delete", "metrics", "admin"}),
        ("member", {"chat", "ingest", "logs:read", "metrics"}),
        ("viewer", {"logs:read", "metrics"}),
    ],
)
def test_nobody_is_offered_more_than_their_role_may(alice, bob, role, offered):
    set_role(bob, role)
    client = client_of(bob)
    options = client.get(PAGE).context["form"].options
    assert {option["scope"] for option in options} == offered
    for beyond in {"admin", "ingest"} - offered:
        assert client.post(MAKE, form(scopes=[beyond])).status_code == 422
    assert not ApiKey.objects.exists()


def test_one_sees_ones_own_keys(alice, bob):
    issue(alice, name="alices")
    issue(bob, name="bobs")
    page = client_of(bob).get(PAGE, {"whose": "all"}).content.decode()
    assert "bobs" in page
    assert "alices" not in page


def test_who_manages_keys_sees_everybodys_and_revokes_them(alice, bob):
    key, token = issue(bob, name="bobs")
    client = client_of(alice)
    assert "bobs" not in client.get(PAGE).content.decode()
    assert "bobs" in client.get(PAGE, {"whose": "all"}).content.decode()
    client.post(reverse("revoke_key", args=[key.pk]))
    assert bearer(token) is None
    assert (noted("key.revoked")[0].actor_id, noted("key.revoked")[0].subject_id) == (alice.id, str(key.pk))


def test_nobody_gets_the_token_of_somebody_elses_key(alice, bob):
    key, _ = issue(bob)
    assert rotate(client_of(alice), key).status_code == 403
    assert not noted("key.rotated")


def test_a_member_does_not_touch_others_keys(alice, bob):
    key, token = issue(alice)
    client = client_of(bob)
    for name in ("rotate_key", "revoke_key"):
        assert client.post(reverse(name, args=[key.pk])).status_code == 404
    assert bearer(token)


def test_rotating_leaves_a_day_to_change_over(alice):
    key, old = issue(alice)
    answer = rotate(client_of(alice), key)
    new = answer.context["shown"]["token"]
    now = timezone.now()
    assert bearer(old).api_key_id == bearer(new).api_key_id == key.pk
    assert bearer(old, now + timedelta(hours=23)) is not None
    assert bearer(old, now + timedelta(hours=25)) is None
    assert bearer(new, now + timedelta(hours=25)) is not None
    assert noted("key.rotated")[0].subject_id == str(key.pk)


def test_rotating_again_ends_the_oldest_at_once(alice):
    key, first = issue(alice)
    client = client_of(alice)
    second = rotate(client, key).context["shown"]["token"]
    third = rotate(client, key).context["shown"]["token"]
    assert bearer(first) is None
    assert bearer(second)
    assert bearer(third)


def test_sending_the_rotation_twice_rotates_once(alice):
    key, first = issue(alice)
    client = client_of(alice)
    rotate(client, key, last_four=key.last_four)
    again = rotate(client, key, last_four=key.last_four)
    assert "rotated already" in told(again)
    assert bearer(first)
    assert len(noted("key.rotated")) == 1


def test_a_revoked_key_takes_its_tokens_with_it(alice):
    key, old = issue(alice)
    client = client_of(alice)
    new = rotate(client, key).context["shown"]["token"]
    client.post(reverse("revoke_key", args=[key.pk]))
    assert bearer(old) is None
    assert bearer(new) is None
    assert "has ended" in told(rotate(client, key))


def test_the_environments_key_is_rotated_in_the_environment(alice):
    key, token = issue(alice, name=api_keys.FROM_ENVIRONMENT)
    assert "environment" in told(rotate(client_of(alice), key))
    assert bearer(token)


def test_ended_keys_are_shown_when_asked_for(alice):
    key, _ = issue(alice, name="ended")
    api_keys.revoke(key, timezone.now())
    client = client_of(alice)
    assert "No key works at the moment" in client.get(PAGE).content.decode()
    assert "Revoked" in client.get(PAGE, {"ended": "1"}).content.decode()


def test_the_list_is_paged_and_asks_as_much_for_ten_as_for_twenty(alice):
    client, counts = client_of(alice), []
    for _ in range(2):
        for number in range(10):
            issue(alice, name=f"key {number}")
        client.get(PAGE)
        with CaptureQueriesContext(connection) as queries:
            client.get(PAGE)
        counts.append(len(queries))
    assert counts[0] == counts[1]
    for number in range(35):
        issue(alice, name=f"more {number}")
    first = client.get(PAGE)
    rest = client.get(PAGE, {"before": first.context["next_before"]})
    seen = [line["key"].pk for page in (first, rest) for line in page.context["keys"]]
    assert (len(seen), len(set(seen))) == (55, 55)
    assert rest.context["next_before"] is None
