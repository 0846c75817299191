"""The settings of tools: allowed by admins, a server's key never shown again, its address judged when it is saved."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry
from chat.models import ToolServer, WorkspaceTool
from chat.tools import offers

SECRET = "Bearer abcdefghijklmnop-1234"
FIELDS = {"name": "Tickets", "url": "http://10.0.0.9:1/mcp", "header": "Authorization", "secret": SECRET}


@pytest.fixture
def as_owner(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def _listed(settings) -> None:
    settings.OLLIVE_PRIVATE_PROVIDER_HOSTS = ["127.0.0.1"]


def test_a_builtin_tool_is_allowed_and_switched_off(as_owner: Client, workspace):
    assert offers.offers(workspace.id, ()) == []
    as_owner.post(reverse("chat:switch_tool", args=["clock"]), {"on": "1"})
    assert [offer.key for offer in offers.offers(workspace.id, ())] == ["clock"]
    assert "Clock" in as_owner.get("/").content.decode()
    as_owner.post(reverse("chat:switch_tool", args=["clock"]), {"on": "0"})
    assert not WorkspaceTool.objects.exists()
    assert as_owner.post(reverse("chat:switch_tool", args=["rm"]), {"on": "1"}).status_code == 404
    assert AuditEntry.objects.filter(action="tools.changed").count() == 2


def test_a_private_address_is_refused_when_it_is_saved(as_owner: Client):
    answer = as_owner.post(reverse("chat:add_tool_server"), FIELDS)
    assert answer.status_code == 422
    assert "private network" in answer.content.decode()
    assert not ToolServer.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "file:///etc/passwd"),
        ("url", "https://user:pw@example.com/mcp"),
        ("url", "http://2130706433/mcp"),
        ("header", "Host"),
        ("header", "X Key"),
        ("header", ""),
        ("secret", "two\nlines"),
        ("secret", "schlüssel"),
        ("name", ""),
    ],
)
@pytest.mark.usefixtures("_listed")
def test_what_cannot_work_is_refused(as_owner: Client, field: str, value: str):
    answer = as_owner.post(reverse("chat:add_tool_server"), FIELDS | {"url": "http://127.0.0.1:1/mcp", field: value})
    assert (answer.status_code, ToolServer.objects.count()) == (422, 0)


@pytest.mark.usefixtures("_listed")
def test_a_key_is_stored_encrypted_and_goes_with_its_address(as_owner: Client):
    fields = FIELDS | {"url": "http://127.0.0.1:1/mcp"}
    answer = as_owner.post(reverse("chat:add_tool_server"), fields, follow=True)
    server = ToolServer.objects.get()
    page = answer.content.decode()
    assert "could not be" in page  # nobody is there
    assert SECRET not in page
    assert "1234" in page
    assert server.secret.reveal() == SECRET
    address = reverse("chat:tool_server", args=[server.id])

    as_owner.post(address, fields | {"secret": "", "name": "Issues"})
    server.refresh_from_db()
    assert (server.name, server.secret.reveal()) == ("Issues", SECRET)
    as_owner.post(address, fields | {"secret": "", "url": "http://127.0.0.1:2/mcp"})
    server.refresh_from_db()
    assert server.secret is None


def test_what_is_not_ticked_is_offered_to_no_model(as_owner: Client, workspace):
    tools: list[dict] = [{"name": name, "description": "", "schema": {}} for name in ("read", "write")]
    server = ToolServer.objects.create(workspace=workspace, name="Files", url="https://example.com/mcp", tools=tools)
    as_owner.post(reverse("chat:choose_server_tools", args=[server.id]), {"tool": ["read"]})
    server.refresh_from_db()
    assert [tool.name for tool in offers.tools_of(server)] == ["files__read"]
    as_owner.post(reverse("chat:choose_server_tools", args=[server.id]), {})
    assert offers.offers(workspace.id, ()) == []
    as_owner.post(reverse("chat:switch_tool_server", args=[server.id]), {"on": "0"})
    as_owner.post(reverse("chat:delete_tool_server", args=[server.id]))
    assert not ToolServer.objects.exists()


def test_the_page_asks_as_often_for_twenty_servers(as_owner: Client, workspace, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    for count in (10, 20):
        for number in range(ToolServer.objects.count(), count):
            ToolServer.objects.create(workspace=workspace, name=f"Server {number}", url="https://example.com/mcp")
        as_owner.get(reverse("chat:tools"))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert as_owner.get(reverse("chat:tools")).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
