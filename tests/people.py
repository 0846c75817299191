"""The people of the tests: Alice owns a workspace, Bob is in it, Charlie is a stranger with one of his own.

Dora is an operator: she may enter the admin, and was given no permission there.
"""

from functools import cache
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password

from accounts.models import Membership, User, Workspace

PASSWORD = "correct horse battery"


@cache
def hashed() -> str:
    """The stored form of `PASSWORD`, made once: argon2 is slow on purpose."""
    return make_password(PASSWORD)


def make_person(name: str, **fields: Any) -> User:
    return User.objects.create(email=f"{name.lower()}@example.com", name=name, password=hashed(), **fields)


def join(user: User, workspace: Workspace, role: str = Membership.Role.MEMBER) -> User:
    Membership.objects.create(user=user, workspace=workspace, role=role)
    return user


@pytest.fixture
def workspace(db) -> Workspace:
    return Workspace.objects.create(name="Wonderland")


@pytest.fixture
def alice(workspace) -> User:
    return join(make_person("Alice"), workspace, Membership.Role.OWNER)


@pytest.fixture
def bob(workspace) -> User:
    return join(make_person("Bob"), workspace)


@pytest.fixture
def charlie(db) -> User:
    elsewhere = Workspace.objects.create(name="Elsewhere")
    return join(make_person("Charlie"), elsewhere, Membership.Role.OWNER)


@pytest.fixture
def dora(db) -> User:
    return make_person("Dora", is_staff=True)
