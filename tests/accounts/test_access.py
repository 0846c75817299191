"""Who may do what in a workspace."""

import uuid

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from accounts.access import SESSION_KEY, Act, current_workspace, may, membership, require
from accounts.models import Membership, Workspace
from tests.people import join, make_person

Role = Membership.Role


def request_of(user, **session) -> HttpRequest:
    request = HttpRequest()
    request.user = user
    request.session = SessionStore()
    request.session.update(session)
    return request


def test_a_member_has_a_part_in_the_workspace(bob, workspace):
    assert membership(bob, workspace.pk).role == Role.MEMBER


def test_for_a_stranger_the_workspace_does_not_exist(charlie, workspace):
    for unknown in (workspace.pk, uuid.uuid4()):
        with pytest.raises(Http404):
            membership(charlie, unknown)


def test_one_works_in_the_first_workspace_until_another_is_chosen(alice, workspace):
    second = Workspace.objects.create(name="Second")
    join(alice, second)
    assert current_workspace(request_of(alice)) == workspace
    assert current_workspace(request_of(alice, **{SESSION_KEY: str(second.pk)})) == second


def test_a_workspace_that_one_has_left_is_not_the_current_one_any_more(alice, charlie, workspace):
    theirs = charlie.memberships.get().workspace
    assert current_workspace(request_of(alice, **{SESSION_KEY: str(theirs.pk)})) == workspace


def test_who_is_in_no_workspace_is_told_so(db):
    with pytest.raises(PermissionDenied, match="no workspace"):
        current_workspace(request_of(make_person("Erin")))


@pytest.mark.parametrize(
    ("role", "acts"),
    [
        (Role.OWNER, set(Act)),
        (Role.ADMIN, set(Act) - {Act.OWN, Act.SEE_CONTENT}),
        (Role.MEMBER, {Act.READ_OWN_CHATS, Act.CHAT, Act.MAKE_DASHBOARDS}),
        (Role.VIEWER, {Act.READ_OWN_CHATS}),
    ],
)
def test_each_role_may_what_the_table_says(role, acts):
    part = Membership(role=role)
    assert {act for act in Act if may(part, act)} == acts


def test_a_viewer_is_told_why_they_may_not(workspace):
    erin = join(make_person("Erin"), workspace, Role.VIEWER)
    with pytest.raises(PermissionDenied, match=r"Your role in Wonderland .Viewer. does not let you chat"):
        require(membership(erin, workspace.pk), Act.CHAT)
