"""Invitation links: made once, used as often as they say, by whom they are for."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.core import mail
from django.core.cache import cache
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import invitations
from accounts.models import Invitation, Membership, User
from accounts.tasks import purge
from ollive.logging import redact_entry
from telemetry.redaction import redactor_for
from tests.accounts.parts import client_of, noted, part_of, role_of, set_role
from tests.people import PASSWORD, make_person

INVITE = "/settings/members/invite/"


@pytest.fixture(autouse=True)
def _nothing_counted():
    cache.clear()


class BrokenMailer(BaseEmailBackend):
    """Nobody listens at the mail server."""

    def send_messages(self, email_messages):
        raise ConnectionRefusedError


def make(user, *, role="member", days=7, now=None, **options) -> str:
    """The path of a new link."""
    return invitations.create(part_of(user), uuid.uuid4(), role=role, days=days, now=now or timezone.now(), **options)[1]


def form(**fields):
    return {"id": uuid.uuid4(), "role": "member", "days": 7, "max_uses": 1, "email": "", **fields}


def account(**fields):
    return {"name": "Eve", "email": "eve@example.com", "password": PASSWORD, **fields}


@pytest.fixture
def eve(db) -> User:
    return make_person("Eve")


def test_the_link_is_shown_once_and_stored_as_a_fingerprint(alice):
    answer = client_of(alice).post(INVITE, form())
    link = answer.context["shown"]["link"]
    token = link.rstrip("/").rpartition("/")[2]
    assert token.startswith("olv_invite_")
    assert link in answer.content.decode()
    assert token not in str(list(Invitation.objects.values()))
    assert token not in client_of(alice).get("/settings/members/").content.decode()
    assert "no-store" in answer["Cache-Control"]
    (entry,) = noted("invitation.created")
    assert entry.detail["role"] == "member"
    assert token not in str(entry.detail)


def test_sending_the_form_twice_makes_one(alice):
    data = form()
    client = client_of(alice)
    client.post(INVITE, data)
    again = client.post(INVITE, data)
    assert again.status_code == 422
    assert "made already" in again.content.decode()
    assert Invitation.objects.count() == 1


def test_who_has_an_account_joins_with_a_button(alice, eve, workspace):
    path = make(alice)
    client = client_of(eve)
    assert "Join as eve@example.com" in client.get(path).content.decode()
    assert not eve.memberships.exists()
    answer = client.post(path, follow=True)
    assert answer.status_code == 200
    assert role_of(eve) == "member"
    assert client.session["workspace_id"] == str(workspace.id)
    assert noted("invitation.accepted")[0].actor_id == eve.id


def test_who_has_none_makes_one(alice, workspace):
    client = Client()
    path = make(alice, role="viewer")
    assert client.get(path).status_code == 200
    answer = client.post(path, account())
    assert answer.status_code == 302
    eve = User.objects.get(email="eve@example.com")
    assert client.session["_auth_user_id"] == str(eve.pk)
    assert (role_of(eve), eve.name, eve.is_staff) == ("viewer", "Eve", False)
    assert eve.check_password(PASSWORD)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"email": "no address"}, "valid email"),
        ({"name": "  "}, "required"),
        ({"password": "short"}, "too short"),
        ({"password": "eve@example.com"}, "similar"),
        ({"password": "password123"}, "common"),
        ({"email": "ALICE@example.com"}, "There is an account with this address already"),
    ],
)
def test_an_account_that_cannot_be_made_spends_nothing(alice, fields, said):
    path = make(alice)
    answer = Client().post(path, account(**fields))
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert Invitation.objects.get().use_count == 0
    assert User.objects.count() == 1


def test_without_a_link_nobody_signs_up(alice):
    assert Client().get("/join/olv_invite_guessed/").status_code == 404
    assert Client().post("/join/olv_invite_guessed/", account()).status_code == 404
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ({"use_count": 1}, "used already"),
        ({"revoked_at": timezone.now()}, "taken back"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "has expired"),
    ],
)
def test_a_link_that_ended_says_so(alice, eve, spoil, said):
    path = make(alice)
    Invitation.objects.update(**spoil)
    for client in (Client(), client_of(eve)):
        for answer in (client.get(path), client.post(path, account())):
            assert answer.status_code == 410
            assert said in answer.content.decode()
    assert not eve.memberships.exists()


def test_a_link_for_several_lets_in_that_many(alice):
    path = make(alice, max_uses=2)
    statuses = [Client().post(path, account(email=f"{name}@example.com", name=name)).status_code for name in ("a", "b", "c")]
    assert statuses == [302, 302, 410]
    assert Membership.objects.count() == 3


def test_who_is_in_already_spends_nothing_and_keeps_the_role(alice, bob):
    path = make(alice, role="viewer")
    answer = client_of(bob).post(path, follow=True)
    assert answer.status_code == 200
    assert role_of(bob) == "member"
    assert Invitation.objects.get().use_count == 0


def test_a_link_for_one_address_is_for_nobody_else(alice, eve):
    path = make(alice, email="Frank@example.com")
    client = client_of(eve)
    assert "This invitation is for frank@example.com" in client.get(path).content.decode()
    assert client.post(path).status_code == 410
    assert not eve.memberships.exists()
    Client().post(path, account(email="mallory@example.com", name="Frank"))
    assert User.objects.filter(email="frank@example.com").exists()
    assert not User.objects.filter(email="mallory@example.com").exists()


@pytest.mark.parametrize(("role", "wanted"), [("owner", "owner"), ("admin", "member"), ("admin", "viewer")])
def test_roles_that_may_be_given_by_link(alice, bob, role, wanted):
    set_role(bob, role)
    assert client_of(bob).post(INVITE, form(role=wanted)).status_code == 200
    assert Invitation.objects.get().role == wanted


@pytest.mark.parametrize(("role", "wanted"), [("admin", "admin"), ("admin", "owner"), ("member", "viewer"), ("viewer", "viewer")])
def test_nobody_gives_more_by_link_than_they_may(alice, bob, role, wanted):
    set_role(bob, role)
    assert client_of(bob).post(INVITE, form(role=wanted)).status_code in {403, 422}
    assert not Invitation.objects.exists()


def test_a_link_is_worth_what_its_maker_may_give_now(alice, bob, eve):
    set_role(bob, "admin")
    path = make(bob)
    set_role(bob, "member")
    assert client_of(eve).post(path).status_code == 410
    assert not eve.memberships.exists()


def test_an_admin_revokes_a_link(alice, bob, eve):
    set_role(bob, "admin")
    path = make(alice)
    invitation = Invitation.objects.get()
    client_of(bob).post(reverse("revoke_invitation", args=[invitation.pk]))
    assert client_of(eve).post(path).status_code == 410
    assert noted("invitation.revoked")[0].actor_id == bob.id


def test_a_member_revokes_none(alice, bob):
    make(alice)
    assert client_of(bob).post(reverse("revoke_invitation", args=[Invitation.objects.get().pk])).status_code == 403
    assert Invitation.objects.get().revoked_at is None


def test_a_stranger_s_invitation_does_not_exist(alice, charlie):
    make(alice)
    assert client_of(charlie).post(reverse("revoke_invitation", args=[Invitation.objects.get().pk])).status_code == 404


def test_it_is_sent_where_there_is_a_mailer(alice):
    answer = client_of(alice).post(INVITE, form(email="frank@example.com"))
    (letter,) = mail.outbox
    assert letter.to == ["frank@example.com"]
    assert answer.context["shown"]["link"] in letter.body
    assert "was sent to frank@example.com" in answer.content.decode()


def test_a_letter_that_cannot_be_sent_is_told(alice, settings):
    settings.EMAIL_BACKEND = "tests.accounts.test_invitations.BrokenMailer"
    page = client_of(alice).post(INVITE, form(email="frank@example.com")).content.decode()
    assert "could not be sent" in page
    assert "olv_invite_" in page


def test_without_a_mailer_the_link_is_to_be_copied(alice, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    page = client_of(alice).post(INVITE, form(email="frank@example.com")).content.decode()
    assert "Send this link to frank@example.com" in page


def at_once(*acts):
    """Run them at the same time; what each came to."""
    outcomes, barrier = [], threading.Barrier(len(acts))

    def run(act):
        try:
            barrier.wait()
            outcomes.append(act())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_a_link_for_one_lets_in_one(alice, eve):
    path = make(alice)
    frank = make_person("Frank")
    clients = [client_of(eve), client_of(frank)]
    assert at_once(*(lambda client=client: client.post(path).status_code for client in clients)) == [302, 410]
    assert Membership.objects.count() == 2
    assert Invitation.objects.get().use_count == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_new_people_at_once_one_gets_an_account(alice):
    path = make(alice)
    people = [account(), account(email="frank@example.com", name="Frank")]
    assert at_once(*(lambda data=data: Client().post(path, data).status_code for data in people)) == [302, 410]
    assert User.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_pressing_twice_at_once_joins_once(alice, eve):
    path = make(alice)
    clients = [client_of(eve), client_of(eve)]
    assert at_once(*(lambda client=client: client.post(path).status_code for client in clients)) == [302, 302]
    assert Invitation.objects.get().use_count == 1


def test_guessing_is_slowed_down(alice):
    statuses = {Client().post("/join/olv_invite_guess/", account()).status_code for _ in range(65)}
    assert statuses == {404, 429}


def test_inviting_is_slowed_down(alice):
    client = client_of(alice)
    statuses = [client.post(INVITE, form()).status_code for _ in range(31)]
    assert statuses == [200] * 30 + [429]


def test_there_is_a_limit_to_open_links(alice, monkeypatch):
    monkeypatch.setattr(invitations, "OPEN_LIMIT", 2)
    client = client_of(alice)
    assert [client.post(INVITE, form()).status_code for _ in range(3)] == [200, 200, 422]


def test_a_token_in_a_log_or_a_text_is_removed(alice):
    token = make(alice).rstrip("/").rpartition("/")[2]
    assert token not in str(redact_entry(None, "info", {"event": f"GET /join/{token}/"}))
    assert token not in redactor_for().redact(f"join us: http://localhost:8000/join/{token}/").text


def test_links_that_ended_long_ago_are_forgotten(alice):
    make(alice, now=timezone.now() - timedelta(days=60))
    make(alice)
    purge()
    assert Invitation.objects.count() == 1
