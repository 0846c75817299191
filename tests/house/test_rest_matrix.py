"""The REST routes of administration, and who gets through them: a key with the scope `admin`, of who may administrate, and only
to what is the key's workspace's.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.entrance import SCOPES
from accounts.models import Membership
from tests.house.alert_rows import alert_of
from tests.house.belongings import Belongings, alias_of, belongings, budget_of, delivery_of, webhook_of
from tests.house.rest_rows import ADMINISTRATION
from tests.programs import make_token

__all__ = ["belongings"]


def ask(name: str, token: str, has: Belongings, client: Client | None = None) -> int:
    method, about = ADMINISTRATION[name]
    headers = {"authorization": f"Bearer {token}"} if token else {}
    address = reverse(f"api:{name}", args=arguments(about, has))
    return (client or Client()).generic(method, address, b"{}", content_type="application/json", headers=headers).status_code


def arguments(about: str, has: Belongings) -> list[Any]:
    """Alice's things."""
    found: dict[str, Callable[[], list[Any]]] = {
        "": list,
        "key": lambda: [has.key.pk],
        "person": lambda: [has.member.user_id],
        "invitation": lambda: [has.invitation.pk],
        "workspace": lambda: [has.conversation.workspace_id],
        "budget": lambda: [budget_of(has)],
        "webhook": lambda: [webhook_of(has)],
        "delivery": lambda: delivery_of(has),
        "model": lambda: ["nobody/nothing"],
        "alert": lambda: alert_of(has),
        "alias": lambda: ["fast"],
        "price": lambda: ["no-such-price"],
    }
    return found[about]()


@pytest.mark.django_db
def test_a_session_opens_no_route(belongings, alice):
    client = Client()
    client.force_login(alice)
    assert {name: ask(name, "", belongings, client) for name in ADMINISTRATION} == dict.fromkeys(ADMINISTRATION, 401)


@pytest.mark.django_db
def test_a_key_needs_the_scope(belongings, alice, bob):
    others = make_token(alice, scopes=[scope for scope in SCOPES if scope != "admin"])
    assert {name: ask(name, others, belongings) for name in ADMINISTRATION} == dict.fromkeys(ADMINISTRATION, 403)


@pytest.mark.django_db
def test_a_key_is_worth_what_its_person_may_do_now(belongings, alice, bob, workspace):
    """Bob was an admin when it was made."""
    part = Membership.objects.filter(user=bob)
    part.update(role="admin")
    token = make_token(bob, scopes=["admin"])
    assert ask("list_keys", token, belongings) == 200
    part.update(role="member")
    assert {name: ask(name, token, belongings) for name in ADMINISTRATION} == dict.fromkeys(ADMINISTRATION, 403)


@pytest.mark.django_db
def test_for_a_stranger_it_does_not_exist(belongings, charlie):
    alias_of(belongings)
    token = make_token(charlie, scopes=["admin"])
    about = {name: about for name, (_, about) in ADMINISTRATION.items() if about not in ("", "price")}
    found = {name: ask(name, token, belongings) for name in about}
    # What is wrong with the body is told first: it says nothing of what is there.
    assert {name: status for name, status in found.items() if status != 404} == dict.fromkeys(("put_alias",), 422)
