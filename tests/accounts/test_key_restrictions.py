"""What a key is restricted to: its models and limits, on its page, by the command and in the admin."""

import uuid
from datetime import timedelta
from io import StringIO

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from accounts import api_keys
from accounts.entrance import Limits
from accounts.models import ApiKey, Membership, Workspace
from tests.accounts.parts import client_of, noted, part_of, told

MAKE = "/settings/api-keys/create/"


@pytest.fixture(autouse=True)
def _thirty_a_minute(settings):
    settings.RATE_LIMIT_PER_MIN = 30
    cache.clear()


def issue(user, **options):
    given = {"name": "script", "now": timezone.now(), "scopes": ["chat"], **options}
    return api_keys.issue(user, part_of(user).workspace, **given)


def make(user, **fields):
    given = {"id": uuid.uuid4(), "name": "nightly", "scopes": ["chat"], "days": "90", **fields}
    return client_of(user).post(MAKE, given)


def change(user, key, **fields):
    return client_of(user).post(reverse("api_key", args=[key.pk]), {"name": key.name, **fields}, follow=True)


def bearer(token, later=timedelta(0)):
    return api_keys.verify(token, timezone.now() + later)


def test_a_key_is_made_for_some_models_and_so_much_a_minute(alice):
    answer = make(alice, models="openai/gpt-4o-mini\nfast, anthropic/*\n", requests=60, tokens=9000, concurrent=4)
    found = bearer(answer.context["shown"]["token"])
    assert found.models == ("openai/gpt-4o-mini", "fast", "anthropic/*")
    assert found.key_limits == Limits(60, 9000, 4)
    assert '"model": "openai/gpt-4o-mini"' in answer.context["shown"]["example"]
    assert noted("key.created")[0].detail["tokens_per_minute"] == 9000
    assert "60 requests a minute, 9,000 tokens a minute, 4 calls at once" in client_of(alice).get("/settings/api-keys/").text


def test_a_key_without_limits_has_the_installations(alice, settings):
    _, token = issue(alice)
    assert bearer(token).key_limits == Limits(requests=30)
    settings.RATE_LIMIT_PER_MIN = 0
    assert bearer(token).key_limits == Limits()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"models": "two words"}, "two words is no name of a model"),
        ({"models": "\n".join(f"m{n}" for n in range(201))}, "200 models at most"),
        ({"requests": 0}, "greater than or equal to 1"),
        ({"tokens": "many"}, "Enter a whole number"),
    ],
    ids=["words", "many", "zero", "text"],
)
def test_what_cannot_be_is_told_and_kept_in_the_form(alice, fields, said):
    answer = make(alice, **fields)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert '<details class="more" open>' in answer.content.decode()
    assert not ApiKey.objects.exists()


def test_a_key_is_changed_without_a_new_token(alice):
    key, token = issue(alice, models=["fast"])
    assert "fast" in client_of(alice).get(reverse("api_key", args=[key.pk])).content.decode()
    answer = change(alice, key, name="daily", models="slow", requests=5, concurrent=1)
    assert "within five seconds" in told(answer)
    assert (bearer(token).models, bearer(token).key_limits) == (("slow",), Limits(5, None, 1))
    assert noted("key.changed")[0].detail["models"] == ["slow"]
    assert ApiKey.objects.get().name == "daily"


@pytest.mark.parametrize(
    ("had", "fields"),
    [
        (Limits(), {"requests": 31}),
        (Limits(requests=10), {"requests": 11}),
        (Limits(requests=10), {}),
        (Limits(tokens=100), {"tokens": 200}),
        (Limits(concurrent=2), {"requests": 30}),
    ],
    ids=["default", "raised", "emptied", "tokens", "forgotten"],
)
def test_who_does_not_manage_keys_makes_them_stricter_only(bob, had, fields):
    key, token = issue(bob, limits=had)
    answer = change(bob, key, **fields)
    assert answer.status_code == 422
    assert "Only those who manage keys may allow more" in answer.content.decode()
    assert bearer(token).key_limits == had | Limits(requests=30)


def test_a_member_makes_a_key_stricter(bob):
    key, token = issue(bob, models=["fast", "slow"])
    assert "Only those who manage keys may let it use more models" in change(bob, key, models="fast\nother").content.decode()
    assert "Only those who manage keys may let it use more models" in change(bob, key, models="").content.decode()
    change(bob, key, models="fast", requests=3, tokens=500)
    assert (bearer(token).models, bearer(token).key_limits) == (("fast",), Limits(3, 500))
    assert make(bob, requests=31).status_code == 422


def test_who_manages_keys_changes_everybodys(alice, bob, charlie):
    key, token = issue(bob)
    change(alice, key, requests=1000)
    assert bearer(token).key_limits == Limits(requests=1000)
    assert change(charlie, key, requests=1).status_code == 404


def test_an_ended_key_is_not_changed(alice):
    key, _ = issue(alice)
    api_keys.revoke(key, timezone.now())
    assert "has ended" in change(alice, key, requests=1).content.decode()


def test_a_person_has_their_own_limits_or_those_of_each(bob, workspace):
    _, token = issue(bob)
    Workspace.objects.update(requests_per_minute=100, tokens_per_minute=5000)
    Membership.objects.filter(user=bob).update(requests_per_minute=10)
    assert bearer(token).person_limits == Limits(10, 5000)


@pytest.mark.parametrize(("hours", "works_after_minutes"), [("0", None), ("1", 59), ("24", 23 * 60), ("720", 29 * 24 * 60)])
def test_the_token_before_works_as_long_as_was_chosen(alice, hours, works_after_minutes):
    key, old = issue(alice)
    answer = client_of(alice).post(reverse("rotate_key", args=[key.pk]), {"overlap": hours})
    new = answer.context["shown"]["token"]
    assert bearer(new)
    if works_after_minutes is None:
        assert bearer(old) is None
        assert "The token before is refused within five seconds" in answer.content.decode()
    else:
        assert bearer(old, timedelta(minutes=works_after_minutes))
        assert bearer(old, timedelta(hours=int(hours), seconds=1)) is None
    assert noted("key.rotated")[0].detail["overlap_hours"] == int(hours)


def test_an_overlap_that_is_not_offered_is_refused(alice):
    key, old = issue(alice)
    answer = client_of(alice).post(reverse("rotate_key", args=[key.pk]), {"overlap": "100000"}, follow=True)
    assert "Choose for how long" in told(answer)
    assert bearer(old)


def test_the_command_restricts_a_key(alice):
    out = StringIO()
    call_command(
        *("create_api_key", "--user", alice.email, "--name", "n", "--models", "fast,slow", "openai/*"),
        *("--requests-per-minute", "7", "--tokens-per-minute", "80", "--concurrent-calls", "2"),
        stdout=out,
        stderr=StringIO(),
    )
    found = bearer(out.getvalue().strip())
    assert (found.models, found.key_limits) == (("fast", "slow", "openai/*"), Limits(7, 80, 2))
    with pytest.raises(CommandError, match="A limit is a number"):
        call_command("create_api_key", "--user", alice.email, "--name", "n", "--requests-per-minute", "0")


def test_the_operator_changes_a_keys_limits_in_the_admin(alice, bob):
    alice.is_staff = alice.is_superuser = True
    alice.save()
    key, token = issue(bob)
    page = f"/admin/accounts/apikey/{key.pk}/change/"
    client = client_of(alice)
    assert "30 requests a minute" in client.get("/admin/accounts/apikey/").content.decode()
    given = {"allowed_models": "fast,openai/*", "requests_per_minute": "3", "tokens_per_minute": "", "concurrent_calls": ""}
    assert "is no name of a model" in client.post(page, {**given, "allowed_models": "two words"}).content.decode()
    assert client.post(page, given).status_code == 302
    assert (bearer(token).models, bearer(token).key_limits) == (("fast", "openai/*"), Limits(3))
    assert noted("key.changed")[0].actor_id == alice.id


def test_the_operator_changes_a_persons_limits_in_the_admin(alice, bob):
    alice.is_staff = alice.is_superuser = True
    alice.save()
    part = part_of(bob)
    given = {"user": bob.pk, "workspace": part.workspace_id, "role": part.role, "concurrent_calls": "2"}
    assert client_of(alice).post(f"/admin/accounts/membership/{part.pk}/change/", given).status_code == 302
    assert part_of(bob).concurrent_calls == 2
    assert noted("limits.changed")[0].detail == {"concurrent_calls": 2}
