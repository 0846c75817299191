"""Programs that come with an API key to a real web process."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.utils import timezone

from accounts import api_keys
from accounts.models import User
from tests.server import WebServer, web_server


def make_token(user: User, **options: Any) -> str:
    """A key of the person's for their first workspace, with the scope `ingest` unless told otherwise."""
    given: dict[str, Any] = {"name": "tests", "now": timezone.now(), "scopes": ["ingest"]}
    return api_keys.issue(user, user.workspaces.get(), **(given | options))[1]


def client_of(server: WebServer, token: str) -> httpx.Client:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=30)


@pytest.fixture(scope="session")
def programs_server(django_db_setup: None) -> Iterator[WebServer]:
    """A web process for programs, the same for the whole run."""
    with web_server() as server:
        yield server


@pytest.fixture
def program(programs_server: WebServer, transactional_db: None, alice) -> Iterator[httpx.Client]:
    """A program with a key of Alice's that may ingest; what the web process wrote meanwhile is shown with a failure."""
    programs_server.news()
    with client_of(programs_server, make_token(alice)) as client:
        yield client
    print(programs_server.news())  # noqa: T201
