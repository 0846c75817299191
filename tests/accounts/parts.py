"""Short words for tests about members: who signs in, and which part somebody has."""

from typing import Any

from django.test import Client

from accounts.models import AuditEntry, Membership, User, Workspace


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def part_of(user: User, workspace: Workspace | None = None) -> Membership:
    parts = Membership.objects.select_related("user", "workspace").filter(user=user)
    return parts.get(workspace=workspace) if workspace else parts.get()


def role_of(user: User) -> str:
    return part_of(user).role


def set_role(user: User, role: str) -> User:
    Membership.objects.filter(user=user).update(role=role)
    return user


def noted(action: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action=action).order_by("id"))


def told(answer: Any) -> str:
    """What the messages of the page that the answer leads to say."""
    return " ".join(str(message) for message in answer.context["messages"])
