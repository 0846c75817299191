"""What Alice has, of everything that a route can lead to."""

import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core import signing
from django.test import Client
from django.utils import timezone

from accounts import api_keys, invitations
from accounts.models import ApiKey, Invitation, Membership
from accounts.sessions import open_sessions
from accounts.sign_in_links import make_link
from chat import sharing
from chat.files import store
from chat.models import Conversation, Message, Prompt, Share, ToolServer
from gateway import sources
from gateway.models import Budget, Delivery, ModelAlias, Provider, Webhook
from telemetry import policies
from telemetry.models import RedactionRule
from tests.people import join, make_person


@dataclass
class Belongings:
    """What Alice has."""

    conversation: Conversation
    ended: Message
    failed: Message
    link: str
    member: Membership
    invitation: Invitation
    invitation_token: str
    key: ApiKey
    rule: RedactionRule

    def of_workspace(self, **data: Any) -> dict[str, Any]:
        """A form that was made for Alice's workspace."""
        return {"workspace": self.conversation.workspace_id, **data}


def turn(conversation_id: uuid.UUID, message_id: uuid.UUID | None = None) -> dict[str, Any]:
    return {"conversation": conversation_id, "message": message_id or uuid.uuid4(), "prompt": "hello", "model": "openai/fake"}


def new_address_of(person: Any) -> str:
    return signing.dumps([str(person.pk), person.email, "new@example.com"], salt="accounts.profile.email")


def other_session_of(person: Any) -> str:
    Client().force_login(person)
    return open_sessions(person, None, timezone.now())[0].token


def tool_server_of(has: "Belongings") -> uuid.UUID:
    workspace = has.conversation.workspace
    address = "http://127.0.0.1:9/mcp"  # private: it is refused before anything is sent
    return ToolServer.objects.get_or_create(workspace=workspace, name="secret plan", defaults={"url": address})[0].id


def provider_of(has: Belongings) -> str:
    """The name of a provider of Alice's workspace, which waits for her word about its address."""
    values = {"kind": "compatible", "base_url": "http://10.0.0.9/v1", "private_host": "10.0.0.9:80"}
    Provider.objects.get_or_create(workspace=has.conversation.workspace, name="secret-plan", defaults=values)
    sources.forget()
    return "secret-plan"


def alias_of(has: Belongings) -> uuid.UUID:
    values = {"path": "openai/fake"}
    return ModelAlias.objects.get_or_create(workspace=has.conversation.workspace, name="fast", defaults=values)[0].id


def budget_of(has: Belongings) -> uuid.UUID:
    return Budget.objects.get_or_create(workspace=has.conversation.workspace, limit_usd=5)[0].id


def webhook_of(has: Belongings) -> uuid.UUID:
    """One whose address is private: nothing is ever sent there."""
    values = {"url": "http://10.0.0.9/hook", "events": ["call.finished"], "secret": "whsec_c2VjcmV0"}
    return Webhook.objects.get_or_create(workspace=has.conversation.workspace, name="secret plan", defaults=values)[0].id


def delivery_of(has: Belongings) -> list[uuid.UUID]:
    """The webhook, and an event for it."""
    webhook_id, now = webhook_of(has), timezone.now()
    values = {"event": "call.finished", "body": "{}", "available_at": now, "created_at": now}
    return [webhook_id, Delivery.objects.get_or_create(webhook_id=webhook_id, about="secret plan", defaults=values)[0].id]


def share_of(has: Belongings) -> Share:
    """A link to a chat of Alice's in which nothing is secret."""
    chat = Conversation.objects.create(workspace=has.conversation.workspace, owner=has.conversation.owner, title="Tides")
    Message.objects.create(conversation=chat, role="user", content="Why?", position=1)
    return sharing.make(chat, sharing.Choices(), by=chat.owner, now=timezone.now())


def token_of(has: Belongings) -> str:
    token = share_of(has).token
    assert token
    return str(token.reveal())


@pytest.fixture
def belongings(alice, workspace) -> Belongings:
    conversation = Conversation.objects.create(workspace=workspace, owner=alice, title="Alice's secret plan")
    prompt = Message.objects.create(conversation=conversation, role="user", content="Tell me", position=1)
    replies = [
        Message.objects.create(
            conversation=conversation,
            parent=prompt,
            role="assistant",
            status=status,
            run_id=uuid.uuid4(),
            model="openai/fake",
            position=2 + index,
        )
        for index, status in enumerate((Message.Status.COMPLETE, Message.Status.FAILED))
    ]
    Group.objects.create(name="Readers")
    Prompt.objects.create(workspace=workspace, owner=alice, name="plan", body="the secret plan")
    store.take(alice, workspace, "plan.txt", b"the secret plan", rules=policies.rules_of(workspace.id), now=timezone.now())
    token = make_link(alice, timezone.now()).rstrip("/").rpartition("/")[2]
    member = Membership.objects.get(user=join(make_person("Carol"), workspace))
    part = Membership.objects.get(user=alice)
    invitation, path = invitations.create(part, uuid.uuid4(), role="member", days=7, now=timezone.now())
    invitation_token = path.rstrip("/").rpartition("/")[2]
    key, _ = api_keys.issue(alice, workspace, name="secret plan", now=timezone.now())
    rule = RedactionRule.objects.create(workspace=workspace, label="STAFF", form="words", source="secret plan")
    return Belongings(conversation, replies[0], replies[1], token, member, invitation, invitation_token, key, rule)
