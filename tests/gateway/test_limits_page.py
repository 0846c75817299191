"""The page of limits: what each person may ask, what they did in the last minute, and who may change it."""

import asyncio

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import api_keys
from accounts.entrance import Limits
from accounts.models import Membership, User, Workspace
from gateway import allowances, limits
from tests.accounts.parts import client_of, noted, part_of, told
from tests.gateway.limits import bearer
from tests.people import join

PAGE = "/settings/limits/"


def save(user, address=PAGE, **given):
    return client_of(user).post(address, {"requests": "", "tokens": "", "concurrent": "", **given}, follow=True)


def of(user):
    return reverse("gateway:person_limits", args=[part_of(user).pk])


def test_what_each_person_may_ask_is_set(alice, bob, workspace):
    assert "within five seconds" in told(save(alice, requests=60, concurrent=4))
    workspace.refresh_from_db()
    assert api_keys.limits_of(workspace) == Limits(60, None, 4)
    page = client_of(alice).get(PAGE).content.decode()
    assert page.count("60 requests a minute, 4 calls at once") == 2
    assert noted("limits.changed")[0].detail == {
        "for": "each person",
        "requests_per_minute": 60,
        "tokens_per_minute": None,
        "calls_at_once": 4,
    }
    save(alice)
    assert client_of(alice).get(PAGE).content.decode().count("· no limit<") == 2


def test_one_person_has_their_own(alice, bob):
    Workspace.objects.update(tokens_per_minute=500)
    assert 'placeholder="500"' in client_of(alice).get(of(bob)).content.decode()
    save(alice, of(bob), requests=7)
    assert "7 requests a minute, 500 tokens a minute" in client_of(alice).get(PAGE).content.decode()
    assert noted("limits.changed")[0].detail["of"] == str(bob.pk)


@pytest.mark.parametrize("given", [{"requests": 0}, {"tokens": -1}, {"concurrent": "two"}, {"requests": 10**10}], ids=str)
def test_what_is_no_limit_is_told(alice, bob, given):
    for address in (PAGE, of(bob)):
        assert save(alice, address, **given).status_code == 422
    assert not noted("limits.changed")


def test_members_and_strangers_change_nothing(alice, bob, charlie):
    assert save(bob, requests=1).status_code == 403
    assert save(bob, of(bob), requests=1).status_code == 403
    assert save(charlie, of(bob), requests=1).status_code == 404
    assert api_keys.limits_of(part_of(bob)) == Limits()


@pytest.mark.django_db(transaction=True)
def test_it_shows_the_last_minute_of_who_has_limits(alice, bob, workspace, settings):
    Membership.objects.filter(user=bob).update(requests_per_minute=50, tokens_per_minute=1000, concurrent_calls=5)

    async def ask() -> None:
        who = bearer(workspace_id=workspace.id, user_id=bob.id, person_limits=Limits(50, 1000, 5))
        for _ in range(3):
            await allowances.admit(who, tokens=20)
        await limits.aclose()

    asyncio.run(ask())
    words = " ".join(client_of(alice).get(PAGE).content.decode().split())
    assert "3 requests in the last minute · 60 tokens · 3 running" in words
    assert words.count("in the last minute") == 1  # of Alice, who has no limit, nothing is counted
    settings.REDIS_URL = "redis://127.0.0.1:1"
    page = client_of(alice).get(PAGE)
    assert page.status_code == 200
    assert "in the last minute" not in page.content.decode()


def test_the_list_is_paged_and_asks_as_much_for_ten_as_for_twenty(alice, workspace):
    Workspace.objects.update(requests_per_minute=5)
    client, counts = client_of(alice), []
    for turn in range(2):
        for number in range(10):
            join(User.objects.create(email=f"p{turn}-{number}@example.com"), workspace)
        client.get(PAGE)
        with CaptureQueriesContext(connection) as queries:
            client.get(PAGE)
        counts.append(len(queries))
    assert counts[0] == counts[1]
    for number in range(35):
        join(User.objects.create(email=f"more-{number}@example.com"), workspace)
    first = client.get(PAGE)
    rest = client.get(PAGE, {"after": first.context["next_after"]})
    seen = [standing.part.pk for page in (first, rest) for standing in page.context["standings"]]
    assert (len(seen), len(set(seen))) == (56, 56)
    assert client.get(PAGE, {"after": "x"}).status_code == 200
