"""MCP servers: their tools are found and used over connections that reach what they may, and no more."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest
from django.utils import timezone

from chat.models import ToolServer
from chat.tools import offers, servers, trials
from chat.tools.servers import Address
from chat.tools.steps import ToolError

KEY = "key-of-the-tickets-1234"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "tests.fakes.tool_server", str(port), KEY])
    deadline = time.monotonic() + 60
    while True:
        try:
            urlopen(f"http://127.0.0.1:{port}/mcp", timeout=2)
        except HTTPError:
            break
        except (URLError, OSError):
            assert time.monotonic() < deadline, "the tool server did not start"
            time.sleep(0.2)
    yield port
    process.kill()
    process.wait(10)


@pytest.fixture
def address(port: int, settings) -> Address:
    settings.OLLIVE_PRIVATE_PROVIDER_HOSTS = ["localhost"]
    return Address("Tickets", f"http://localhost:{port}/mcp", "X-Key", KEY)


async def test_its_tools_are_found(address: Address):
    found = {tool["name"]: tool for tool in await servers.discover(address)}
    assert list(found) == ["add", "fail", "sleep"]
    assert found["add"]["description"] == "Adds two numbers."
    assert set(found["add"]["schema"]["properties"]) == {"a", "b"}


async def test_a_tool_is_used(address: Address):
    assert await servers.call(address, "add", {"a": 19, "b": 23}) == "The sum is 42."


async def test_a_tool_that_fails_says_why(address: Address):
    with pytest.raises(ToolError, match="not today"):
        await servers.call(address, "fail", {"reason": "not today"})


async def test_a_tool_can_be_left_while_it_runs(address: Address):
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3):
            await servers.call(address, "sleep", {"seconds": 60})
    assert time.monotonic() - started < 15


async def test_a_wrong_key_is_told_as_such_and_never_repeated(address: Address):
    wrong = Address(address.name, address.url, "X-Key", "some-wrong-key-5678")
    with pytest.raises(ToolError, match="refused the key") as caught:
        await servers.discover(wrong)
    assert "wrong-key" not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost.", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1", "0.0.0.0", "169.254.169.254"],
)
async def test_the_private_network_is_not_reached_in_any_notation(port: int, settings, host: str):
    settings.OLLIVE_PRIVATE_PROVIDER_HOSTS = []
    with pytest.raises(ToolError):
        await servers.discover(Address("Tickets", f"http://{host}:{port}/mcp", "X-Key", KEY))


async def test_a_redirect_away_is_not_followed(port: int, settings):
    settings.OLLIVE_PRIVATE_PROVIDER_HOSTS = ["localhost"]
    elsewhere = f"http://localhost:{port}/away?to=http://127.0.0.1:{port}/mcp"
    with pytest.raises(ToolError):
        await servers.discover(Address("Tickets", elsewhere, "X-Key", KEY))


def test_a_test_keeps_what_the_server_said(address: Address, workspace):
    server = ToolServer.objects.create(workspace=workspace, name="My Tickets", url=address.url, header="X-Key", secret=KEY)
    assert trials.test(server, now=timezone.now())
    server.refresh_from_db()
    assert (server.test_error, len(server.tools), server.tested_at is not None) == ("", 3, True)
    assert [tool.name for tool in offers.tools_of(server)] == ["my_tickets__add", "my_tickets__fail", "my_tickets__sleep"]

    ToolServer.objects.filter(id=server.id).update(url="http://localhost:1/mcp")
    server.refresh_from_db()
    assert not trials.test(server, now=timezone.now())
    server.refresh_from_db()
    assert "could not be" in server.test_error
    assert len(server.tools) == 3


def test_names_that_models_get_fit_and_differ():
    long = "a" * 80
    assert offers.name_for("Jira (EU)", "create.issue") == "jira_EU__create_issue".lower().replace("eu", "eu")
    assert len(offers.name_for("s", long)) == 64
    assert offers.name_for("s", f"{long}1") != offers.name_for("s", f"{long}2")
