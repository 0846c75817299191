"""Members and their roles: an owner manages everybody, an admin members and viewers, and an owner always stays."""

import threading
from uuid import uuid4

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import api_keys, invitations, members
from accounts.models import Invitation, Membership
from tests.accounts.parts import client_of, noted, part_of, role_of, set_role, told
from tests.people import join, make_person

PAGE = "/settings/members/"
OWNER, ADMIN, MEMBER, VIEWER = "owner", "admin", "member", "viewer"


@pytest.fixture
def carol(workspace):
    return join(make_person("Carol"), workspace)


def give(client, user, role):
    return client.post(reverse("change_role", args=[part_of(user).pk]), {"role": role}, follow=True)


def remove(client, user):
    return client.post(reverse("remove_member", args=[part_of(user).pk]), follow=True)


def test_everybody_sees_who_is_here(alice, bob, charlie):
    page = client_of(bob).get(PAGE).content.decode()
    assert "alice@example.com" in page
    assert "bob@example.com" in page
    assert "charlie@example.com" not in page


@pytest.mark.parametrize("role", [MEMBER, VIEWER])
def test_who_manages_nobody_is_offered_nothing(alice, bob, role):
    answer = client_of(set_role(bob, role)).get(PAGE)
    assert not any(member["is_managed"] for member in answer.context["members"])
    assert "Make an invitation" not in answer.content.decode()


def test_an_owner_changes_a_role(alice, bob, workspace):
    answer = give(client_of(alice), bob, ADMIN)
    assert role_of(bob) == ADMIN
    assert "Bob is now admin." in told(answer)
    (entry,) = noted("member.role_changed")
    assert (entry.actor_id, entry.subject_id) == (alice.id, str(bob.id))
    assert entry.detail == {"from": "member", "to": "admin"}


@pytest.mark.parametrize(
    ("actor", "target", "role", "is_allowed"),
    [
        (OWNER, OWNER, MEMBER, True),
        (OWNER, ADMIN, OWNER, True),
        (ADMIN, MEMBER, VIEWER, True),
        (ADMIN, VIEWER, MEMBER, True),
        (ADMIN, MEMBER, ADMIN, False),
        (ADMIN, MEMBER, OWNER, False),
        (ADMIN, ADMIN, MEMBER, False),
        (ADMIN, OWNER, MEMBER, False),
        (MEMBER, VIEWER, MEMBER, False),
        (MEMBER, MEMBER, VIEWER, False),
        (VIEWER, MEMBER, VIEWER, False),
    ],
)
def test_who_may_give_which_role_to_whom(alice, bob, carol, actor, target, role, is_allowed):
    set_role(bob, actor)
    set_role(carol, target)
    answer = give(client_of(bob), carol, role)
    assert answer.status_code == (200 if is_allowed else 403)
    assert role_of(carol) == (role if is_allowed else target)


@pytest.mark.parametrize(
    ("actor", "target", "is_allowed"),
    [
        (OWNER, OWNER, True),
        (OWNER, VIEWER, True),
        (ADMIN, MEMBER, True),
        (ADMIN, ADMIN, False),
        (ADMIN, OWNER, False),
        (MEMBER, VIEWER, False),
        (VIEWER, MEMBER, False),
    ],
)
def test_who_may_remove_whom(alice, bob, carol, actor, target, is_allowed):
    set_role(bob, actor)
    set_role(carol, target)
    assert remove(client_of(bob), carol).status_code == (200 if is_allowed else 403)
    assert carol.memberships.exists() is not is_allowed


def test_an_admin_does_not_raise_themselves(alice, bob):
    set_role(bob, ADMIN)
    assert give(client_of(bob), bob, OWNER).status_code == 403
    assert role_of(bob) == ADMIN


def test_a_role_that_does_not_exist_changes_nothing(alice, bob):
    assert "Choose a role" in told(give(client_of(alice), bob, "emperor"))
    assert role_of(bob) == MEMBER


def test_the_last_owner_cannot_step_down(alice, bob):
    assert "make somebody else its owner first" in told(give(client_of(alice), alice, MEMBER))
    assert role_of(alice) == OWNER


def test_an_owner_steps_down_where_there_is_another(alice, bob):
    set_role(bob, OWNER)
    give(client_of(alice), alice, MEMBER)
    assert role_of(alice) == MEMBER


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_step_down_at_once_leave_one(alice, bob):
    set_role(bob, OWNER)
    both = threading.Barrier(2)
    outcomes = []

    def step_down(user):
        part = part_of(user)
        try:
            both.wait()
            members.change_role(part, part.pk, MEMBER, now=timezone.now())
            outcomes.append("stepped down")
        except members.NotPossible:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=step_down, args=[user]) for user in (alice, bob)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "stepped down"]
    assert Membership.objects.filter(role=OWNER).count() == 1


def test_who_is_removed_is_out_at_once(alice, bob, workspace):
    bobs = client_of(bob)
    key, token = api_keys.issue(bob, workspace, name="script", now=timezone.now())
    assert bobs.get(PAGE).status_code == 200
    remove(client_of(alice), bob)
    assert bobs.get(PAGE).status_code == 403
    assert api_keys.verify(token, timezone.now()) is None
    key.refresh_from_db()
    assert key.revoked_at is not None
    (entry,) = noted("member.removed")
    assert (entry.subject_id, entry.detail) == (str(bob.id), {"role": "member"})


def test_open_pages_of_who_is_removed_are_told(alice, bob, monkeypatch, django_capture_on_commit_callbacks):
    said = []
    monkeypatch.setattr(members, "tell_sockets", lambda user_id, message: said.append((user_id, message)))
    with django_capture_on_commit_callbacks(execute=True):
        remove(client_of(alice), bob)
    assert said == [(bob.id, {"type": "part.ended"})]


def test_the_links_of_who_is_removed_end(alice, bob, workspace):
    set_role(bob, ADMIN)
    invitation, _ = invite(bob, workspace, MEMBER)
    remove(client_of(alice), bob)
    assert invitations.state_of(Invitation.objects.get(pk=invitation.pk), timezone.now()) == "revoked"


def test_a_demoted_admin_s_links_end(alice, bob, workspace):
    set_role(bob, ADMIN)
    invitation, _ = invite(bob, workspace, MEMBER)
    give(client_of(alice), bob, MEMBER)
    assert invitations.state_of(Invitation.objects.get(pk=invitation.pk), timezone.now()) == "revoked"


def invite(user, workspace, role):
    return invitations.create(part_of(user, workspace), uuid4(), role=role, days=7, now=timezone.now())


def test_nobody_removes_themselves_by_the_list(alice, bob):
    set_role(bob, OWNER)
    assert "leave the workspace" in told(remove(client_of(alice), alice))
    assert alice.memberships.exists()


def test_a_member_leaves(alice, bob):
    client_of(bob).post(reverse("leave_workspace"))
    assert not bob.memberships.exists()
    assert noted("member.left")[0].actor_id == bob.id


def test_the_last_owner_stays(alice, bob):
    answer = client_of(alice).post(reverse("leave_workspace"), follow=True)
    assert "needs an owner" in told(answer)
    assert role_of(alice) == OWNER


def test_who_is_alone_is_told_to_delete_the_workspace(charlie):
    assert "delete the workspace" in told(client_of(charlie).post(reverse("leave_workspace"), follow=True))
    assert charlie.memberships.exists()


def test_an_owner_hands_the_workspace_over(alice, bob):
    client_of(alice).post(reverse("transfer_ownership", args=[part_of(bob).pk]))
    assert (role_of(alice), role_of(bob)) == (ADMIN, OWNER)
    assert noted("member.ownership_transferred")[0].subject_id == str(bob.id)


def test_only_an_owner_hands_it_over(alice, bob, carol):
    set_role(bob, ADMIN)
    assert client_of(bob).post(reverse("transfer_ownership", args=[part_of(carol).pk])).status_code == 403
    assert role_of(carol) == MEMBER


def test_members_of_another_workspace_do_not_exist(alice, charlie):
    alices = client_of(alice)
    for name in ("change_role", "remove_member", "transfer_ownership"):
        assert alices.post(reverse(name, args=[part_of(charlie).pk]), {"role": MEMBER}).status_code == 404
    assert role_of(charlie) == OWNER


def test_a_form_acts_on_the_workspace_that_it_was_made_for(alice, bob, charlie, workspace):
    """Another tab may have switched meanwhile."""
    elsewhere = charlie.memberships.get().workspace
    join(alice, elsewhere, ADMIN)
    client = client_of(alice)
    session = client.session
    session["workspace_id"] = str(elsewhere.pk)
    session.save()
    client.post(reverse("change_role", args=[part_of(bob).pk]), {"role": VIEWER, "workspace": workspace.pk})
    assert role_of(bob) == VIEWER


def test_a_form_for_a_strangers_workspace_is_not_found(alice, bob, charlie):
    elsewhere = charlie.memberships.get().workspace
    answer = client_of(alice).post(reverse("leave_workspace"), {"workspace": elsewhere.pk})
    assert answer.status_code == 404
    assert client_of(alice).post(reverse("leave_workspace"), {"workspace": "x"}).status_code == 404


def test_who_is_in_no_workspace_is_told_so_and_can_sign_out(alice, bob):
    remove(client_of(alice), bob)
    answer = client_of(bob).get("/")
    assert answer.status_code == 403
    page = answer.content.decode()
    assert "You are in no workspace yet. Ask its owner to add you." in page
    assert reverse("account_logout") in page


def test_a_role_that_may_not_is_told_why(alice, bob):
    page = client_of(bob).get("/settings/audit-log/").content.decode()
    assert "Your role in Wonderland (Member) does not let you see the audit log." in page


def test_the_list_is_paged_and_searched(alice, workspace):
    for number in range(60):
        join(make_person(f"Person{number:02}"), workspace)
    client = client_of(alice)
    first = client.get(PAGE)
    assert len(first.context["members"]) == 50
    rest = client.get(PAGE, {"after": first.context["next_after"]})
    assert len(rest.context["members"]) == 11
    assert rest.context["next_after"] is None
    names = [member["part"].user.name for page in (first, rest) for member in page.context["members"]]
    assert len(set(names)) == 61
    found = client.get(PAGE, {"q": "PERSON07"}).context["members"]
    assert [member["part"].user.name for member in found] == ["Person07"]


def test_the_list_asks_as_much_for_ten_as_for_twenty(alice, workspace):
    client = client_of(alice)
    counts = []
    for batch in (10, 10):
        for _ in range(batch):
            join(make_person(f"P{Membership.objects.count()}"), workspace)
        client.get(PAGE)
        with CaptureQueriesContext(connection) as queries:
            client.get(PAGE)
        counts.append(len(queries))
    assert counts[0] == counts[1]
