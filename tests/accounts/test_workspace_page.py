"""The workspace's own page, and its end."""

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from accounts import api_keys, audit
from accounts.models import ApiKey, AuditEntry, Membership, User, Workspace
from accounts.owner import ensure_owner
from chat import workspace_deletion
from chat.models import Conversation, Message
from telemetry import digest, rollups
from telemetry.models import InferenceLog, RedactionPolicy, UsageDay
from tests.accounts.parts import client_of, noted, part_of, role_of, set_role, told
from tests.people import join, make_person
from tests.telemetry.calls import append, finished

PAGE = "/settings/workspace/"
DELETE = "/settings/workspace/delete/"


@pytest.fixture(autouse=True)
def _nothing_counted():
    cache.clear()


@pytest.fixture
def elsewhere(alice) -> Workspace:
    """Where Alice goes on."""
    other = Workspace.objects.create(name="Looking-glass")
    join(alice, other, Membership.Role.OWNER)
    return other


def delete(client, workspace, name=None):
    return client.post(DELETE, {"workspace": workspace.pk, "name": workspace.name if name is None else name}, follow=True)


def logged_call(workspace, user) -> None:
    """A call of the person's in the log, by the way that all calls take."""
    now = timezone.now()
    append(finished(workspace_id=workspace.pk, user_id=user.pk, ended_at=now, started_at=now, model="gpt-4o-mini"))
    digest.drain()
    rollups.build(now)


@pytest.mark.parametrize(("role", "status"), [("owner", 200), ("admin", 200), ("member", 403), ("viewer", 403)])
def test_who_renames_it(alice, bob, workspace, role, status):
    set_role(bob, role)
    answer = client_of(bob).post(reverse("rename_workspace"), {"name": "  Through  the glass "}, follow=True)
    assert answer.status_code == status
    workspace.refresh_from_db()
    assert workspace.name == ("Through the glass" if status == 200 else "Wonderland")
    assert len(noted("workspace.renamed")) == (1 if status == 200 else 0)


@pytest.mark.parametrize("name", ["", "   ", "x" * 151])
def test_a_name_that_is_none_is_refused(alice, workspace, name):
    answer = client_of(alice).post(reverse("rename_workspace"), {"name": name})
    assert answer.status_code == 422
    workspace.refresh_from_db()
    assert workspace.name == "Wonderland"


def test_an_owner_makes_another_and_goes_on_in_it(alice):
    client = client_of(alice)
    client.post(reverse("create_workspace"), {"name": "Second"})
    second = Workspace.objects.get(name="Second")
    assert part_of(alice, second).role == "owner"
    assert client.get(PAGE).context["workspace"] == second
    assert noted("workspace.created")[0].workspace_id == second.pk


@pytest.mark.parametrize("role", ["member", "viewer"])
def test_a_member_makes_none(alice, bob, role):
    set_role(bob, role)
    assert client_of(bob).post(reverse("create_workspace"), {"name": "Mine"}).status_code == 403
    assert "Another workspace" not in client_of(bob).get(PAGE).content.decode()
    assert Workspace.objects.count() == 1


@pytest.mark.parametrize("role", ["admin", "member", "viewer"])
def test_only_an_owner_deletes_it(alice, bob, workspace, role):
    set_role(bob, role)
    client = client_of(bob)
    assert client.get(DELETE).status_code == 403
    assert delete(client, workspace).status_code == 403
    assert bob.memberships.exists()


def test_what_goes_is_said_before(alice, bob, workspace):
    Conversation.objects.create(workspace=workspace, owner=bob)
    api_keys.issue(bob, workspace, name="x", now=timezone.now())
    logged_call(workspace, alice)
    held = client_of(alice).get(DELETE).context["held"]
    assert (held.member_count, held.conversation_count, held.key_count, held.call_count) == (2, 1, 1, 1)
    assert not held.is_more


@pytest.mark.usefixtures("elsewhere")
def test_another_name_deletes_nothing(alice, workspace):
    answer = delete(client_of(alice), workspace, "wonderland")
    assert answer.status_code == 422
    assert "Nothing was deleted" in answer.content.decode()
    workspace.refresh_from_db()
    assert workspace.deleted_at is None


def test_ones_only_workspace_stays(alice, workspace):
    assert "only workspace" in delete(client_of(alice), workspace).content.decode()
    assert role_of(alice) == "owner"


def test_everybody_is_out_at_once(alice, bob, workspace, elsewhere):
    _, token = api_keys.issue(bob, workspace, name="x", now=timezone.now())
    bobs = client_of(bob)
    assert "is deleted" in told(delete(client_of(alice), workspace))
    assert bobs.get(PAGE).status_code == 403
    assert api_keys.verify(token, timezone.now()) is None
    assert [part.workspace for part in alice.memberships.all()] == [elsewhere]
    (entry,) = noted("workspace.deleted")
    assert (entry.actor_id, entry.workspace_id, entry.detail) == (alice.id, workspace.pk, {"members": 2})


def test_what_it_held_is_erased_and_nothing_else(alice, bob, charlie, workspace, elsewhere):
    for user, place in ((alice, workspace), (bob, workspace), (charlie, charlie.memberships.get().workspace)):
        conversation = Conversation.objects.create(workspace=place, owner=user)
        Message.objects.create(conversation=conversation, role="user", content="Hello", position=1)
        logged_call(place, user)
    RedactionPolicy.objects.create(workspace=workspace)
    delete(client_of(alice), workspace)
    assert Conversation.objects.filter(workspace=workspace).count() == 2
    assert workspace_deletion.work(timezone.now()) == 1
    assert not Workspace.objects.filter(pk=workspace.pk).exists()
    assert Conversation.objects.count() == Message.objects.count() == 1
    assert not InferenceLog.objects.filter(workspace_id=workspace.pk).exists()
    assert not UsageDay.objects.filter(workspace_id=workspace.pk).exists()
    assert InferenceLog.objects.count() == 1
    assert User.objects.count() == 3
    assert not ApiKey.objects.exists()
    assert AuditEntry.objects.filter(workspace_id=workspace.pk).exists()
    assert audit.verify().fault is None


@pytest.mark.usefixtures("elsewhere")
def test_what_one_run_does_not_finish_the_next_does(alice, workspace):
    for _ in range(3):
        Conversation.objects.create(workspace=workspace, owner=alice)
    delete(client_of(alice), workspace)
    assert workspace_deletion.work(timezone.now(), seconds=-1) == 0
    assert Workspace.objects.filter(pk=workspace.pk).exists()
    assert workspace_deletion.work(timezone.now()) == 1
    assert workspace_deletion.work(timezone.now()) == 0


@pytest.mark.usefixtures("elsewhere")
def test_a_reply_that_is_being_written_is_stopped_first(alice, workspace):
    conversation = Conversation.objects.create(workspace=workspace, owner=alice)
    reply = Message.objects.create(
        conversation=conversation, role="assistant", position=1, status=Message.Status.STREAMING, run_id=conversation.id
    )
    delete(client_of(alice), workspace)
    assert workspace_deletion.work(timezone.now()) == 0
    reply.refresh_from_db()
    assert reply.stop_requested_at is not None
    Message.objects.update(status=Message.Status.CANCELED)
    assert workspace_deletion.work(timezone.now()) == 1


def test_nobody_is_put_into_a_deleted_workspace(db):
    Workspace.objects.create(name="Gone", deleted_at=timezone.now())
    owner, _ = ensure_owner("root@example.com", None)
    assert owner.memberships.get().workspace.name != "Gone"


def test_an_operator_who_is_in_none_may_found_one(dora):
    assert client_of(dora).post(reverse("create_workspace"), {"name": "Ops"}).status_code == 302
    assert role_of(dora) == "owner"
    assert role_of(join(make_person("Eve"), Workspace.objects.get(name="Ops"))) == "member"
