"""Every route, and who gets through it. A route that is not listed here fails the first test.

The things behind the routes are Alice's. Anonymous people are sent to sign in; for a stranger, for somebody of the same
workspace and for an operator without permission they do not exist; Alice herself gets through, so that a route which
refuses everybody is noticed too.
"""

import re
import uuid
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from chat import runner
from chat.models import Conversation, Message
from tests.house.belongings import Belongings, belongings, turn
from tests.house.rest_rows import ADMINISTRATION
from tests.house.row import SIGN_IN, Row
from tests.house.rows import ADMIN_ROWS, AT_THE_DOOR, ROWS, UNNAMED

__all__ = ["belongings"]

ACTORS = ("anonymous", "charlie", "bob", "dora", "alice")


def walk(resolver: URLResolver, namespaces: tuple[str, ...] = ()) -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from walk(entry, (*namespaces, entry.namespace) if entry.namespace else namespaces)
        else:
            yield ":".join((*namespaces, entry.name or "")), entry


def routes() -> dict[str, URLPattern]:
    """The named routes; unnamed ones that are not known fail."""
    found = dict(walk(get_resolver()))
    return {name: route for name, route in found.items() if not name.endswith(":") and name}


def row_of(name: str) -> Row | None:
    if not name.startswith("admin:"):
        return ROWS.get(name)
    short = name.removeprefix("admin:")
    return next((row for shape, row in ADMIN_ROWS if re.fullmatch(shape, short)), None)


def test_every_route_is_listed():
    elsewhere = {f"api:{name}" for name in ADMINISTRATION}
    assert [name for name in routes() if name not in elsewhere and row_of(name) is None] == []


def test_every_route_without_a_name_is_known():
    unnamed = [str(entry.pattern) for name, entry in walk(get_resolver()) if name.endswith(":") or not name]
    assert set(unnamed) - UNNAMED == set()


def test_no_two_routes_hide_behind_one_name():
    names = [name for name, _ in walk(get_resolver()) if name and not name.endswith(":")]
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_no_listed_route_has_gone():
    assert ROWS.keys() - routes().keys() == set()


@pytest.fixture
def _parked_runner(monkeypatch):
    """A model is configured and turns are stored, but nothing is asked of it."""
    monkeypatch.setenv("OPENAI_API_KEY", "fake")

    async def stop(_run_id):
        return None

    parked = SimpleNamespace(is_draining=False, process_id=None, launch=lambda _turn: None, stop=stop)
    monkeypatch.setattr(runner, "_runner", parked)


@pytest.fixture
def people(alice, bob, charlie, dora) -> dict[str, Any]:
    return {"alice": alice, "bob": bob, "charlie": charlie, "dora": dora}


def ask(route: str, row: Row, belongings: Belongings, person: Any = None) -> tuple[int | str, str]:
    """The status where the person ends, following redirects as a browser does, and what they read there."""
    client = Client()
    if person is not None:
        client.force_login(person)
    answer = getattr(client, row.method)(reverse(route, args=row.args(belongings)), row.data(belongings), follow=True)
    ends_at = answer.request["PATH_INFO"]
    is_at_sign_in = person is None and ends_at == reverse("account_login")
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return (SIGN_IN if is_at_sign_in else answer.status_code), content.decode(errors="replace")


@pytest.mark.usefixtures("_parked_runner")
@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("route", ROWS)
def test_a_route_lets_through_whom_it_should(route, actor, belongings, people):
    row = ROWS[route]
    outcome, content = ask(route, row, belongings, people.get(actor))
    assert outcome == row.expected(actor)
    assert actor == "alice" or "secret plan" not in content


def admin_address(name: str, route: URLPattern) -> str:
    """A page about a row that exists, where there is one: of one that does not, the admin says so to everybody."""
    values = {"app_label": "accounts", "content_type_id": ContentType.objects.get_for_model(Conversation).pk}
    arguments = list(route.pattern.converters) or re.findall(r"\?P<(\w+)>", str(route.pattern))
    return reverse(name, args=[values.get(argument) or row_behind(name) or uuid.uuid4() for argument in arguments])


def row_behind(name: str) -> Any:
    models = {f"{model._meta.app_label}_{model._meta.model_name}": model for model in admin.site._registry}
    shape = name.removeprefix("admin:").rpartition("_")[0].replace("auth_user_password", "accounts_user")
    found = models[shape]._base_manager.first() if shape in models else None
    return found.pk if found else None


@pytest.mark.usefixtures("belongings")
@pytest.mark.parametrize("actor", ACTORS)
def test_the_admin_lets_nobody_through_without_permission(actor, people):
    outcomes, expected = {}, {}
    for name, route in routes().items():
        if not name.startswith("admin:"):
            continue
        row = row_of(name)
        assert row is not None
        address = admin_address(name, route)
        client = Client()
        if actor != "anonymous":
            client.force_login(people[actor])
        answer = client.get(address, follow=True)
        is_at_sign_in = actor == "anonymous" and answer.request["PATH_INFO"] == reverse("account_login")
        outcomes[name] = SIGN_IN if is_at_sign_in else answer.status_code
        # Of what is not there the admin says so, on its first page.
        is_missing = name.endswith("_history") and row_behind(name) is None
        expected[name] = AT_THE_DOOR.expected(actor) if is_missing else row.expected(actor)
    assert outcomes == expected


def test_the_admin_opens_a_list_to_who_may_see_it(dora, people):
    dora.user_permissions.add(Permission.objects.get(codename="view_workspace"))
    client = Client()
    client.force_login(dora)
    assert client.get(reverse("admin:accounts_workspace_changelist")).status_code == 200
    assert client.get(reverse("admin:accounts_user_changelist")).status_code == 403


@pytest.mark.usefixtures("_parked_runner")
@pytest.mark.parametrize(
    "route",
    [
        *("chat:conversation", "chat:delete", "chat:rename", "chat:pin", "chat:archive", "chat:end"),
        *("chat:stop", "chat:retry"),
    ],
)
def test_who_has_left_the_workspace_is_a_stranger(route, belongings, alice):
    """What a person made in a workspace belongs to it."""
    alice.memberships.all().delete()
    outcome, content = ask(route, ROWS[route], belongings, alice)
    assert outcome == 404
    assert "secret plan" not in content


@pytest.mark.usefixtures("_parked_runner")
@pytest.mark.parametrize(
    "route",
    [
        "chat:send",
        "chat:edit",
        "chat:continue",
        "chat:retry",
        "chat:delete",
        "chat:rename",
        "chat:pin",
        "chat:archive",
        "chat:upload",
        "chat:chat_settings",
    ],
)
def test_a_viewer_reads_and_changes_nothing(route, belongings, alice):
    alice.memberships.update(role="viewer")
    assert ask(route, ROWS[route], belongings, alice)[0] == 403
    assert ask("chat:conversation", ROWS["chat:conversation"], belongings, alice)[0] == 200
    assert Message.objects.count() == 3


@pytest.mark.usefixtures("_parked_runner")
def test_a_guessed_message_id_shows_nobody_elses_turn(belongings, charlie):
    client = Client()
    client.force_login(charlie)
    data = turn(uuid.uuid4(), belongings.ended.parent_id)
    answer = client.post(reverse("chat:send"), data, headers={"HX-Request": "true"})
    assert answer.status_code == 409
    assert "Tell me" not in answer.content.decode()
