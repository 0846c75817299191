"""The people of the tests: Alice owns a workspace, Bob is in it, Charlie is a stranger with one of his own.

Dora is an operator: she may enter the admin, and was given no permission there.
"""

import pytest

from accounts.models import Membership, User, Workspace

PASSWORD = "correct horse battery"


def join(user: User, workspace: Workspace, role: str = Membership.Role.MEMBER) -> User:
    Membership.objects.create(user=user, workspace=workspace, role=role)
    return user


@pytest.fixture
def workspace(db) -> Workspace:
    return Workspace.objects.create(name="Wonderland")


@pytest.fixture
def alice(workspace) -> User:
    return join(User.objects.create_user("alice@example.com", PASSWORD, name="Alice"), workspace, Membership.Role.OWNER)


@pytest.fixture
def bob(workspace) -> User:
    return join(User.objects.create_user("bob@example.com", PASSWORD, name="Bob"), workspace)


@pytest.fixture
def charlie(db) -> User:
    elsewhere = Workspace.objects.create(name="Elsewhere")
    return join(User.objects.create_user("charlie@example.com", PASSWORD, name="Charlie"), elsewhere, Membership.Role.OWNER)


@pytest.fixture
def dora(db) -> User:
    return User.objects.create_user("dora@example.com", PASSWORD, name="Dora", is_staff=True)
