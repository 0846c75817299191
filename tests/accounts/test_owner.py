"""The owner that the first start makes, and people that the operator adds."""

import threading
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from accounts.models import Membership, User, Workspace
from accounts.owner import ensure_owner
from tests.people import PASSWORD


@pytest.mark.django_db
def test_the_first_start_makes_an_owner_with_a_workspace():
    owner, is_new = ensure_owner(None, None)
    assert is_new
    assert owner.is_staff
    assert owner.is_superuser
    assert not owner.has_usable_password()
    assert owner.memberships.get().role == Membership.Role.OWNER


@pytest.mark.django_db
def test_the_next_start_finds_the_same_owner():
    first, _ = ensure_owner(None, None)
    again, is_new = ensure_owner(None, None)
    assert (again, is_new) == (first, False)
    assert (User.objects.count(), Workspace.objects.count(), Membership.objects.count()) == (1, 1, 1)


@pytest.mark.django_db
def test_an_address_and_a_password_make_the_owner_without_a_person(client):
    owner, _ = ensure_owner("Boss@Example.com", PASSWORD)
    assert owner.email == "boss@example.com"
    assert owner.check_password(PASSWORD)


@pytest.mark.django_db
def test_a_password_that_was_changed_is_kept():
    owner, _ = ensure_owner("boss@example.com", PASSWORD)
    owner.set_password("another horse battery")
    owner.save()
    again, _ = ensure_owner("boss@example.com", PASSWORD)
    assert again.check_password("another horse battery")


@pytest.mark.django_db
def test_an_owner_without_a_password_gets_the_one_that_is_given_later():
    ensure_owner("boss@example.com", None)
    owner, is_new = ensure_owner("boss@example.com", PASSWORD)
    assert not is_new
    assert owner.check_password(PASSWORD)


@pytest.mark.django_db
def test_an_address_given_later_joins_the_first_workspace_as_owner():
    ensure_owner(None, None)
    boss, is_new = ensure_owner("boss@example.com", PASSWORD)
    assert is_new
    assert Workspace.objects.count() == 1
    assert boss.memberships.get().role == Membership.Role.OWNER


@pytest.mark.django_db
def test_a_start_after_the_owner_was_deactivated_does_not_fail():
    owner, _ = ensure_owner(None, None)
    owner.is_active = False
    owner.save()
    again, is_new = ensure_owner(None, None)
    assert (again, is_new) == (owner, False)
    assert not again.is_active


@pytest.mark.django_db
def test_a_superuser_without_a_workspace_is_given_one():
    root = User.objects.create_superuser("root@example.com", PASSWORD)
    owner, is_new = ensure_owner(None, None)
    assert (owner, is_new) == (root, False)
    assert root.memberships.get().role == Membership.Role.OWNER


def test_a_member_whose_address_is_given_becomes_the_owner(bob):
    owner, is_new = ensure_owner(bob.email, None)
    assert not is_new
    assert owner.is_superuser
    assert owner.memberships.get().role == Membership.Role.OWNER


@pytest.mark.django_db(transaction=True)
def test_two_starts_at_once_make_one_owner():
    ready = threading.Barrier(3)

    def start():
        ready.wait(10)
        ensure_owner(None, None)
        connections.close_all()

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (User.objects.count(), Workspace.objects.count(), Membership.objects.count()) == (1, 1, 1)


def test_a_person_who_is_added_enters_by_the_printed_link_and_chooses_a_password(client, alice, workspace, capsys):
    call_command("create_user", "Erin@Example.com", "--name", "Erin", "--role", "viewer")
    erin = User.objects.get(email="erin@example.com")
    assert erin.memberships.get().workspace == workspace
    assert erin.memberships.get().role == Membership.Role.VIEWER
    client.post(urlsplit(capsys.readouterr().out.strip()).path)
    client.post("/settings/sign-in/password/set/", {"password1": PASSWORD, "password2": PASSWORD})
    erin.refresh_from_db()
    assert erin.check_password(PASSWORD)


@pytest.mark.parametrize(("arguments", "said"), [(["alice@example.com"], "already"), (["not an address"], "not an e-mail")])
def test_it_does_not_add_a_person_twice_or_without_an_address(alice, arguments, said):
    with pytest.raises(CommandError, match=said):
        call_command("create_user", *arguments)


@pytest.mark.django_db
def test_it_adds_nobody_before_there_is_a_workspace():
    with pytest.raises(CommandError, match="no workspace yet"):
        call_command("create_user", "erin@example.com")
    assert not User.objects.exists()


@pytest.mark.django_db
def test_an_address_is_kept_in_lower_case():
    assert User.objects.create_user("Erin@Example.COM").email == "erin@example.com"
