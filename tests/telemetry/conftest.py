"""The running server that the doors' tests share."""

from collections.abc import Iterator

import httpx
import pytest
from django.utils import timezone

from accounts import api_keys
from tests.server import WebServer, web_server
from tests.telemetry.receiver import Receiver


@pytest.fixture(scope="session")
def _receiving_server(django_db_setup: None) -> Iterator[WebServer]:
    with web_server() as server:
        yield server


@pytest.fixture
def receiver(_receiving_server: WebServer, transactional_db: None, alice, workspace) -> Iterator[Receiver]:
    _, token = api_keys.issue(alice, workspace, name="tests", now=timezone.now(), scopes=["ingest"])
    with httpx.Client(
        base_url=_receiving_server.url, headers={"authorization": f"Bearer {token}"}, trust_env=False, timeout=30
    ) as client:
        yield Receiver(_receiving_server, token, client)
    print(_receiving_server.news())  # noqa: T201 (pytest shows it where the test failed)
