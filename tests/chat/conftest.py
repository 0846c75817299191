"""A running web process, and people's browsers before it."""

from collections.abc import Iterator

import pytest

from tests.chat.browser import Browser
from tests.fakes.fixtures import RunningProvider
from tests.server import WebServer, web_server


@pytest.fixture(scope="session")
def provider_environment(_running_provider: RunningProvider) -> dict[str, str]:
    return {
        "OPENAI_API_KEY": "fake",
        "OPENAI_BASE_URL": _running_provider.url,
        "OLLIVE_GRACE_SECONDS": "0.5",
        "OLLIVE_FETCH_HOSTS": "localhost",  # where the tests' own sites and tool servers are
        "OLLIVE_PRIVATE_PROVIDER_HOSTS": "localhost",
    }


@pytest.fixture(scope="session")
def _session_server(django_db_setup: None, provider_environment: dict[str, str]) -> Iterator[WebServer]:
    with web_server(provider_environment) as server:
        yield server


@pytest.fixture
def server(_session_server: WebServer, fake_provider: RunningProvider, transactional_db: None) -> WebServer:
    """A web process whose models are the fake provider's, as `openai/…`."""
    return _session_server


@pytest.fixture
def own_server(
    django_db_setup: None, provider_environment: dict[str, str], fake_provider: RunningProvider, transactional_db: None
) -> Iterator[WebServer]:
    """A web process of the test's own, to be killed and restarted."""
    with web_server(provider_environment) as server:
        yield server


@pytest.fixture(autouse=True)
def _server_log(request: pytest.FixtureRequest) -> Iterator[None]:
    """What the web process wrote during a test is printed, so that pytest shows it with a failure."""
    servers = [request.getfixturevalue(name) for name in ("server", "own_server") if name in request.fixturenames]
    yield
    for server in servers:
        print(server.news())  # noqa: T201


@pytest.fixture
def as_alice(server: WebServer, alice) -> Iterator[Browser]:
    with Browser.of(alice, server) as browser:
        yield browser
