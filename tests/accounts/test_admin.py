"""What the operator sees and may do in the admin's pages about people."""

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Membership, User, Workspace
from chat.models import Conversation
from tests.people import PASSWORD, join, make_person

USERS = "admin:accounts_user_changelist"


@pytest.fixture
def root(db) -> User:
    """A superuser."""
    return make_person("Root", is_staff=True, is_superuser=True)


@pytest.fixture
def warden(dora) -> User:
    """Dora, once she may edit people."""
    dora.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user", "delete_user"]))
    return dora


def page(client, name, *args) -> str:
    answer = client.get(reverse(name, args=args))
    assert answer.status_code == 200
    return answer.content.decode()


def change_page(user: User) -> str:
    return reverse("admin:accounts_user_change", args=[user.pk])


NO_MEMBERSHIPS = {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}


def posted(user: User, **changes) -> dict:
    return {"email": user.email, "name": user.name, "is_active": "on"} | NO_MEMBERSHIPS | changes


def added(email: str) -> dict:
    return {"email": email, "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD} | NO_MEMBERSHIPS


def test_the_admins_own_sign_in_is_the_products(client, db):
    answer = client.get(reverse("admin:index"), follow=True)
    assert answer.redirect_chain[-1][0] == reverse("account_login") + "?next=/admin/"


def test_after_signing_in_the_operator_is_where_they_wanted_to_be(client, dora):
    wanted = reverse(USERS)
    sign_in_page = client.get(wanted, follow=True).redirect_chain[-1][0]
    assert client.post(sign_in_page, {"login": dora.email, "password": PASSWORD})["Location"] == wanted


def test_who_is_no_operator_is_refused_and_not_sent_in_circles(client, alice):
    client.force_login(alice)
    assert client.get(reverse("admin:index"), follow=True).status_code == 403


def test_no_page_shows_a_password_or_a_link(client, root, alice):
    client.force_login(root)
    for html in (page(client, USERS), page(client, "admin:accounts_user_change", alice.pk)):
        assert "argon2" not in html
        assert alice.password.rpartition("$")[2] not in html
    assert "sign-in link" not in page(client, "admin:index").lower()


@pytest.mark.parametrize("name", ["user", "workspace", "membership"])
def test_a_list_asks_as_often_for_20_rows_as_for_10(client, root, name):
    client.force_login(root)
    url = reverse(f"admin:accounts_{name}_changelist")
    counts = []
    for batch in range(2):
        for number in range(10):
            join(make_person(f"person{batch}{number}"), Workspace.objects.create(name=f"Team {batch}{number}"))
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_it_finds_a_person_by_address_and_by_name(client, root, alice, bob):
    client.force_login(root)
    for words in ("alice@", "Alice"):
        html = client.get(reverse(USERS), {"q": words}).content.decode()
        assert alice.email in html
        assert bob.email not in html


def test_the_operator_adds_a_person_whose_address_is_kept_in_lower_case(client, root):
    client.force_login(root)
    client.post(reverse("admin:accounts_user_add"), added("Erin@Example.com"))
    assert User.objects.get(email="erin@example.com").check_password(PASSWORD)


def test_an_address_is_taken_in_whatever_case(client, root, alice):
    client.force_login(root)
    answer = client.post(reverse("admin:accounts_user_add"), added("ALICE@example.com"))
    assert answer.status_code == 200
    assert "already exists" in answer.content.decode()


def test_a_permission_to_edit_people_is_not_one_to_rule(client, warden, alice):
    client.force_login(warden)
    client.post(change_page(alice), posted(alice, name="Alicia", is_staff="on", is_superuser="on"))
    alice.refresh_from_db()
    assert alice.name == "Alicia"
    assert not alice.is_staff
    assert not alice.is_superuser


def test_nor_to_touch_a_superuser(client, warden, root):
    client.force_login(warden)
    assert client.post(change_page(root), posted(root, name="Nobody")).status_code == 403
    new = {"password1": "another horse battery", "password2": "another horse battery", "usable_password": "true"}
    assert client.post(reverse("admin:auth_user_password_change", args=[root.pk]), new).status_code == 403
    assert client.post(reverse("admin:accounts_user_delete", args=[root.pk]), {"post": "yes"}).status_code == 403
    client.post(reverse(USERS), {"action": "delete_selected", "_selected_action": [str(root.pk)], "post": "yes"})
    root.refresh_from_db()
    assert root.check_password(PASSWORD)
    assert root.name == "Root"


def test_a_new_password_from_the_operator_works_and_ends_the_sessions(client, root, alice, django_capture_on_commit_callbacks):
    client.force_login(root)
    new = {"password1": "another horse battery", "password2": "another horse battery", "usable_password": "true"}
    with django_capture_on_commit_callbacks() as told:
        client.post(reverse("admin:auth_user_password_change", args=[alice.pk]), new)
    alice.refresh_from_db()
    assert alice.check_password("another horse battery")
    assert len(told) == 1


def test_deactivating_and_deleting_reach_the_open_sockets(client, root, alice, bob, django_capture_on_commit_callbacks):
    client.force_login(root)
    with django_capture_on_commit_callbacks() as told:
        client.post(change_page(alice), {key: value for key, value in posted(alice).items() if key != "is_active"})
        client.post(reverse("admin:accounts_user_delete", args=[alice.pk]), {"post": "yes"})
        client.post(reverse(USERS), {"action": "delete_selected", "_selected_action": [str(bob.pk)], "post": "yes"})
    assert len(told) == 3
    assert list(User.objects.all()) == [root]


@pytest.mark.parametrize("name", ["user", "workspace"])
def test_what_has_chats_is_not_deleted_here(client, root, alice, workspace, name):
    """A cascade would leave the logs of the calls tied to a conversation that is gone."""
    Conversation.objects.create(owner=alice, workspace=workspace)
    row = alice if name == "user" else workspace
    client.force_login(root)
    assert client.post(reverse(f"admin:accounts_{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    selected = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
    client.post(reverse(f"admin:accounts_{name}_changelist"), selected)
    row.refresh_from_db()


def test_the_operator_puts_a_person_in_a_workspace(client, root, charlie, workspace):
    client.force_login(root)
    fields = {"user": str(charlie.pk), "workspace": str(workspace.pk), "role": "viewer"}
    client.post(reverse("admin:accounts_membership_add"), fields)
    assert charlie.memberships.get(workspace=workspace).role == Membership.Role.VIEWER


def test_the_admin_sends_who_wants_a_new_password_to_the_products_page(client, dora):
    client.force_login(dora)
    assert client.get(reverse("admin:password_change"))["Location"] == reverse("account_change_password")
