"""Models that are kept for some roles: not offered to others, and refused wherever one is asked."""

import uuid
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Membership
from chat import runner
from chat.choices import choose
from chat.models import Conversation, Message
from gateway import catalogue, sources
from gateway.models import ModelAlias, ModelChoices, ModelEntry, Provider
from gateway.protocol import ProviderError

pytestmark = pytest.mark.django_db


@pytest.fixture
def kept(workspace) -> ModelEntry:
    Provider.objects.create(
        workspace=workspace, name="work", kind="openai", api_key="sk-0123456789abc", model_names=["big", "small"]
    )
    entry = ModelEntry.objects.create(workspace=workspace, path="work/big", roles=["owner", "admin"])
    sources.forget()
    return entry


@pytest.fixture
def _parked_runner(monkeypatch):
    """Turns are stored, but nothing is asked of a model."""
    parked = SimpleNamespace(is_draining=False, process_id=None, launch=lambda _turn: None)
    monkeypatch.setattr(runner, "_runner", parked)


def restrict_typing(workspace) -> None:
    ModelChoices.objects.create(workspace=workspace, who_may_type="admins")
    sources.forget()


def send(user, model: str, **given):
    client = Client()
    client.force_login(user)
    data = {"conversation": uuid.uuid4(), "message": uuid.uuid4(), "prompt": "hello", "model": model, **given}
    return client.post(reverse("chat:send"), data, headers={"HX-Request": "true"})


@pytest.mark.parametrize(("role", "offered"), [("owner", 2), ("admin", 2), ("member", 1), ("viewer", 1), ("none", 1)])
def test_it_is_offered_to_the_roles_that_it_is_kept_for(workspace, kept, role, offered):
    assert len(catalogue.models(workspace.id, role)) == offered


@pytest.mark.parametrize("path", ["work/big", "work/BIG", "fast", "big"])
def test_a_role_that_may_not_use_it_is_refused_by_any_name(workspace, kept, path):
    ModelAlias.objects.create(workspace=workspace, name="fast", path="work/big")
    sources.forget()
    with pytest.raises(ProviderError, match="kept for owners and admins") as caught:
        catalogue.resolve(path, workspace_id=workspace.id, role="member")
    assert caught.value.code == "permission"
    assert catalogue.resolve(path, workspace_id=workspace.id, role="owner").model.lower() == "big"


def test_a_short_name_of_it_is_not_offered_either(workspace, kept):
    ModelAlias.objects.create(workspace=workspace, name="fast", path="work/big")
    sources.forget()
    assert [choice.path for choice in catalogue.models(workspace.id, "member")] == ["work/small"]


def test_new_chats_of_a_member_begin_with_what_they_may_use(workspace, kept):
    assert catalogue.default_path(workspace.id, "owner") == "work/big"
    assert catalogue.default_path(workspace.id, "member") == "work/small"


def test_paths_that_are_not_listed_can_be_left_to_admins(workspace, kept):
    catalogue.resolve("work/big-2026-01-01", workspace_id=workspace.id, role="member")
    restrict_typing(workspace)
    with pytest.raises(ProviderError, match="Only models of the list"):
        catalogue.resolve("work/big-2026-01-01", workspace_id=workspace.id, role="member")
    catalogue.resolve("work/big-2026-01-01", workspace_id=workspace.id, role="admin")
    catalogue.resolve("work/small", workspace_id=workspace.id, role="member")


@pytest.mark.usefixtures("_parked_runner")
def test_sending_is_refused_and_nothing_is_stored(workspace, kept, bob):
    answer = send(bob, "work/big")
    assert answer.status_code == 422
    assert "kept for owners and admins" in answer.content.decode()
    assert not Message.objects.exists()


@pytest.mark.usefixtures("_parked_runner")
def test_asking_again_is_refused_when_the_model_was_taken_away(workspace, kept, bob):
    conversation = Conversation.objects.create(workspace=workspace, owner=bob, title="Bob's")
    prompt = Message.objects.create(conversation=conversation, role="user", content="Tell me", position=1)
    reply = Message.objects.create(
        conversation=conversation,
        parent=prompt,
        role="assistant",
        status="failed",
        run_id=uuid.uuid4(),
        model="work/big",
        position=2,
    )
    client = Client()
    client.force_login(bob)
    answer = client.post(reverse("chat:retry", args=[reply.run_id]), headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert "kept for owners and admins" in answer.content.decode()
    assert Message.objects.count() == 2


def test_comparing_leaves_out_what_may_not_be_used(workspace, kept, bob, alice):
    chosen = choose("", ["work/big", "work/small"], workspace_id=workspace.id, user_id=bob.id)
    assert [choice.target is not None for choice in chosen] == [False, True]
    assert chosen[0].refusal is not None
    assert chosen[0].refusal.code == "permission"
    chosen = choose("", ["work/big", "work/small"], workspace_id=workspace.id, user_id=alice.id)
    assert all(choice.target for choice in chosen)


def test_who_has_left_the_workspace_has_no_role_in_it(workspace, kept, alice):
    Membership.objects.filter(user=alice).delete()
    with pytest.raises(ProviderError):
        choose("work/big", (), workspace_id=workspace.id, user_id=alice.id)


def test_where_nothing_is_kept_for_anybody_roles_cost_nothing(workspace, bob, django_assert_num_queries):
    Provider.objects.create(workspace=workspace, name="work", kind="openai", api_key="sk-0123456789abc", model_names=["small"])
    catalogue.models(workspace.id)
    with django_assert_num_queries(0):
        choose("work/small", (), workspace_id=workspace.id, user_id=bob.id)


def test_a_members_page_and_list_do_not_name_it(workspace, kept, bob):
    client = Client()
    client.force_login(bob)
    assert "work/big" not in client.get("/").content.decode()
    assert "work/big" not in client.get(reverse("gateway:picker")).content.decode()
