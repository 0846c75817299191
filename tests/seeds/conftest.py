"""A running Ollive for clients that were written for other services, with the key that they have already."""

from collections.abc import Iterator

import pytest
from django.test import override_settings
from django.utils import timezone

from accounts import api_keys
from tests.fakes.fixtures import RunningProvider
from tests.programs import make_token
from tests.server import WebServer, web_server

TOKEN = "lyfg8y4gfb"  # CLIENT_API_TOKEN of such a client's .env


@pytest.fixture(scope="session")
def _seeds_server(django_db_setup: None, _running_provider: RunningProvider) -> Iterator[WebServer]:
    environment = {"OPENAI_API_KEY": "fake", "OPENAI_BASE_URL": _running_provider.url, "CLIENT_API_TOKEN": TOKEN}
    with web_server(environment | {"OPENAI_MODEL": "gpt-4o-mini"}) as server:
        yield server


@pytest.fixture
def server(_seeds_server: WebServer, fake_provider: RunningProvider, transactional_db: None) -> Iterator[WebServer]:
    yield _seeds_server
    print(_seeds_server.news())  # noqa: T201  (pytest shows it with a failure)


@pytest.fixture
def token(server: WebServer, alice) -> str:
    return make_token(alice, scopes=["chat"])


@pytest.fixture
def own_token(server: WebServer, alice) -> str:
    """The key of the environment is Alice's, as on an installation that was started with it. For one test: whose a key is, the
    server remembers for some seconds."""
    with override_settings(CLIENT_API_TOKEN=TOKEN):
        api_keys.register_environments_key(alice, timezone.now())
    return TOKEN
