"""Every route, and who gets through it. A route that is not listed here fails the first test.

The things behind the routes are Alice's. Anonymous people are sent to sign in; for a stranger, for somebody of the same
workspace and for an operator without permission they do not exist; Alice herself gets through, so that a route which
refuses everybody is noticed too.
"""

import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from accounts import api_keys, invitations
from accounts.models import ApiKey, Invitation, Membership
from accounts.sessions import open_sessions
from accounts.sign_in_links import make_link
from chat import runner, sharing
from chat.files import store
from chat.models import Conversation, File, Message, Prompt, Share, ToolServer
from gateway import sources
from gateway.models import Budget, ModelAlias, Provider
from telemetry import policies
from telemetry.models import RedactionRule
from tests.people import join, make_person

ACTORS = ("anonymous", "charlie", "bob", "dora", "alice")
SIGN_IN = "is sent to sign in"


@dataclass(frozen=True)
class Row:
    """How a route is asked, and what each actor ends at: a status, or the sign-in page. `others` are Charlie, Bob and Dora."""

    anonymous: int | str
    others: int
    alice: int | str
    dora: int | None = None
    bob: int | None = None
    method: str = "get"
    args: Callable[["Belongings"], list[Any]] = lambda _: []
    data: Callable[["Belongings"], dict[str, Any]] = lambda _: {}

    def expected(self, actor: str) -> int | str:
        given = {"anonymous": self.anonymous, "alice": self.alice, "dora": self.dora, "bob": self.bob}
        found = given.get(actor)
        return self.others if found is None else found


@dataclass
class Belongings:
    """What Alice has."""

    conversation: Conversation
    ended: Message
    failed: Message
    link: str
    member: Membership
    invitation: Invitation
    invitation_token: str
    key: ApiKey
    rule: RedactionRule

    def of_workspace(self, **data: Any) -> dict[str, Any]:
        """A form that was made for Alice's workspace."""
        return {"workspace": self.conversation.workspace_id, **data}


def turn(conversation_id: uuid.UUID, message_id: uuid.UUID | None = None) -> dict[str, Any]:
    return {"conversation": conversation_id, "message": message_id or uuid.uuid4(), "prompt": "hello", "model": "openai/fake"}


def new_address_of(person: Any) -> str:
    return signing.dumps([str(person.pk), person.email, "new@example.com"], salt="accounts.profile.email")


def other_session_of(person: Any) -> str:
    Client().force_login(person)
    return open_sessions(person, None, timezone.now())[0].token


def open_page(status: int = 200) -> Row:
    return Row(anonymous=status, others=status, alice=status)


def of_workspace(*, bob: int, args: Callable[[Belongings], list[Any]] = lambda _: [], **data: Any) -> Row:
    """A form for Alice's workspace, which for Charlie and Dora does not exist."""
    filled = {"anonymous": SIGN_IN, "others": 404, "bob": bob, "alice": 200}
    return Row(**filled, method="post", args=args, data=lambda has: has.of_workspace(**data))  # type: ignore[arg-type]


def tool_server_of(has: "Belongings") -> uuid.UUID:
    workspace = has.conversation.workspace
    address = "http://127.0.0.1:9/mcp"  # private: it is refused before anything is sent
    return ToolServer.objects.get_or_create(workspace=workspace, name="secret plan", defaults={"url": address})[0].id


def provider_of(has: Belongings) -> str:
    """The name of a provider of Alice's workspace, which waits for her word about its address."""
    values = {"kind": "compatible", "base_url": "http://10.0.0.9/v1", "private_host": "10.0.0.9:80"}
    Provider.objects.get_or_create(workspace=has.conversation.workspace, name="secret-plan", defaults=values)
    sources.forget()
    return "secret-plan"


def alias_of(has: Belongings) -> uuid.UUID:
    values = {"path": "openai/fake"}
    return ModelAlias.objects.get_or_create(workspace=has.conversation.workspace, name="fast", defaults=values)[0].id


def budget_of(has: Belongings) -> uuid.UUID:
    return Budget.objects.get_or_create(workspace=has.conversation.workspace, limit_usd=5)[0].id


def share_of(has: Belongings) -> Share:
    """A link to a chat of Alice's in which nothing is secret."""
    chat = Conversation.objects.create(workspace=has.conversation.workspace, owner=has.conversation.owner, title="Tides")
    Message.objects.create(conversation=chat, role="user", content="Why?", position=1)
    return sharing.make(chat, sharing.Choices(), by=chat.owner, now=timezone.now())


def token_of(has: Belongings) -> str:
    token = share_of(has).token
    assert token
    return str(token.reveal())


def of_providers(**data: Any) -> Row:
    """A form about that provider."""
    return of_workspace(bob=403, args=lambda has: [provider_of(has)], **data)


CONFIGURING = Row(anonymous=SIGN_IN, others=200, dora=403, bob=403, alice=200)
ROWS: dict[str, Row] = {
    "gateway:providers": CONFIGURING,
    "gateway:provider_kinds": CONFIGURING,
    "gateway:models": CONFIGURING,
    "gateway:add_provider": Row(anonymous=SIGN_IN, others=200, dora=403, bob=403, alice=200, args=lambda _: ["openai"]),
    "gateway:provider": Row(anonymous=SIGN_IN, others=404, dora=403, bob=403, alice=200, args=lambda has: [provider_of(has)]),
    "gateway:budgets": CONFIGURING,
    "gateway:budget": Row(anonymous=SIGN_IN, others=404, dora=403, bob=403, alice=200, args=lambda has: [budget_of(has)]),
    "gateway:delete_budget": Row(
        anonymous=SIGN_IN, others=404, dora=403, bob=403, alice=200, method="post", args=lambda has: [budget_of(has)]
    ),
    "gateway:test_provider": of_providers(),
    "gateway:switch_provider": of_providers(is_on="no"),
    "gateway:default_provider": of_providers(),
    "gateway:allow_provider": of_providers(host="10.0.0.9:80"),
    "gateway:delete_provider": of_providers(),
    "gateway:model": Row(
        anonymous=SIGN_IN, others=200, dora=403, bob=403, alice=200, data=lambda _: {"path": "openai/fake"}
    ),  # of the environment's provider, which every workspace has
    "gateway:picker": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "gateway:welcome_key": of_workspace(bob=403),
    "gateway:welcome_ollama": Row(anonymous=SIGN_IN, others=200, dora=403, bob=403, alice=200),
    "gateway:welcome_dismiss": of_workspace(bob=403),
    "gateway:show_model": of_workspace(bob=403, path="openai/fake", is_hidden="yes"),
    "gateway:choose_models": of_workspace(bob=403, who_may_type="everyone"),
    "gateway:refresh_models": of_workspace(bob=403),
    "gateway:add_alias": of_workspace(bob=403, name="quick", path="openai/fake"),
    "gateway:delete_alias": of_workspace(bob=403, args=lambda has: [alias_of(has)]),
    "health": open_page(),
    "healthz": open_page(),
    "ready": open_page(),
    "account_login": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),  # who is in already goes on to their chats
    "account_logout": Row(anonymous=SIGN_IN, others=200, alice=200),
    "account_change_password": Row(anonymous=SIGN_IN, others=200, alice=200),
    "account_set_password": Row(anonymous=SIGN_IN, others=200, alice=200),
    "account_sign_in_link": Row(anonymous=200, others=200, alice=200, args=lambda has: [has.link]),
    "openid_connect_login": Row(anonymous=404, others=404, alice=404, args=lambda _: ["oidc"]),  # no provider is set up
    "openid_connect_callback": Row(anonymous=404, others=404, alice=404, args=lambda _: ["oidc"]),
    "reset_password": open_page(404),  # no mail is sent
    "account_reset_password_done": open_page(404),
    "account_reset_password_from_key_done": open_page(404),
    "account_reset_password_from_key": Row(anonymous=404, others=404, alice=404, args=lambda _: ["abc", "key"]),
    "mfa_authenticate": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "mfa_login_webauthn": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    # The next three, and what begins with mfa_, show a person nobody but themselves; grave ones end at their password first.
    "account_reauthenticate": Row(anonymous=SIGN_IN, others=200, alice=200),
    "mfa_reauthenticate": Row(anonymous=SIGN_IN, others=200, alice=200),
    "mfa_reauthenticate_webauthn": Row(anonymous=SIGN_IN, others=200, alice=200),
    "mfa_index": Row(anonymous=SIGN_IN, others=200, alice=200),
    "mfa_list_webauthn": Row(anonymous=SIGN_IN, others=200, alice=200),
    "mfa_activate_totp": Row(anonymous=SIGN_IN, others=200, alice=200),
    "mfa_deactivate_totp": Row(anonymous=SIGN_IN, others=404, alice=404),  # nobody has an app yet, or codes
    "mfa_view_recovery_codes": Row(anonymous=SIGN_IN, others=404, alice=404),
    "mfa_download_recovery_codes": Row(anonymous=SIGN_IN, others=404, alice=404),
    "mfa_generate_recovery_codes": Row(anonymous=SIGN_IN, others=200, alice=200),
    "mfa_add_webauthn": Row(anonymous=SIGN_IN, others=200, alice=200),
    "mfa_remove_webauthn": Row(anonymous=SIGN_IN, others=200, alice=200, args=lambda _: [1]),
    "mfa_edit_webauthn": Row(anonymous=SIGN_IN, others=200, alice=200, args=lambda _: [1]),
    "settings": Row(anonymous=SIGN_IN, others=200, alice=200),
    "profile": Row(anonymous=SIGN_IN, others=200, alice=200),
    "confirm_email": Row(anonymous=SIGN_IN, others=410, alice=200, args=lambda has: [new_address_of(has.conversation.owner)]),
    "time_zone": Row(anonymous=SIGN_IN, others=204, alice=204, method="post", data=lambda _: {"time_zone": "Europe/Rome"}),
    "appearance": Row(anonymous=SIGN_IN, others=200, alice=200),
    "theme": Row(anonymous=SIGN_IN, others=204, alice=204, method="post", data=lambda _: {"theme": "dark"}),
    "sign_in_settings": Row(anonymous=SIGN_IN, others=200, alice=200),
    "end_sessions": Row(anonymous=SIGN_IN, others=200, alice=200, method="post"),
    "end_session": Row(
        anonymous=SIGN_IN, others=404, alice=200, method="post", args=lambda has: [other_session_of(has.conversation.owner)]
    ),
    "switch_workspace": Row(
        anonymous=SIGN_IN,
        others=404,
        bob=200,
        alice=200,
        method="post",
        data=lambda has: {"workspace": has.conversation.workspace_id},
    ),
    "invitation": Row(anonymous=200, others=200, alice=200, args=lambda has: [has.invitation_token]),
    "workspace": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "rename_workspace": of_workspace(bob=403, name="Looking-glass"),
    "create_workspace": Row(anonymous=SIGN_IN, others=200, bob=403, alice=200, method="post", data=lambda _: {"name": "Mine"}),
    "leave_workspace": of_workspace(bob=403),  # he goes, and ends where somebody without a workspace does
    "members": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "invite": of_workspace(bob=403, id=uuid.uuid4(), role="member", days=7),
    "revoke_invitation": of_workspace(bob=403, args=lambda has: [has.invitation.pk]),
    "change_role": of_workspace(bob=403, args=lambda has: [has.member.pk], role="viewer"),
    "transfer_ownership": of_workspace(bob=403, args=lambda has: [has.member.pk]),
    "remove_member": of_workspace(bob=403, args=lambda has: [has.member.pk]),
    "api_keys": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "create_key": of_workspace(bob=200, id=uuid.uuid4(), name="script", scopes=["chat"]),
    "rotate_key": of_workspace(bob=404, args=lambda has: [has.key.pk]),
    "revoke_key": of_workspace(bob=404, args=lambda has: [has.key.pk]),
    "audit_log": Row(anonymous=SIGN_IN, others=200, bob=403, dora=403, alice=200),
    "audit_csv": of_workspace(bob=403),
    "chat:delete_workspace": Row(anonymous=SIGN_IN, others=200, bob=403, dora=403, alice=200),
    "privacy": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "try_redaction": of_workspace(bob=200, text="bob@example.com"),
    "add_rule": of_workspace(bob=403, label="STAFF", form="words", source="Titan"),
    "switch_rule": of_workspace(bob=403, args=lambda has: [has.rule.pk], on="1"),
    "delete_rule": of_workspace(bob=403, args=lambda has: [has.rule.pk]),
    # Dora is in no workspace: she is told so.
    "chat:home": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "chat:conversations": Row(anonymous=SIGN_IN, others=200, alice=200),
    "chat:conversation": Row(anonymous=SIGN_IN, others=404, alice=200, args=lambda has: [has.conversation.id]),
    "chat:delete": Row(anonymous=SIGN_IN, others=404, alice=200, method="post", args=lambda has: [has.conversation.id]),
    # Nothing of Alice's is deleted or temporary: she is told so, and a stranger no more than that.
    "chat:undelete": Row(
        anonymous=SIGN_IN, others=410, dora=403, alice=410, method="post", args=lambda has: [has.conversation.id]
    ),
    "chat:end": Row(anonymous=SIGN_IN, others=404, alice=409, method="post", args=lambda has: [has.conversation.id]),
    "chat:rename": Row(
        anonymous=SIGN_IN,
        others=404,
        alice=200,
        method="post",
        args=lambda has: [has.conversation.id],
        data=lambda _: {"title": "Ours"},
    ),
    "chat:pin": Row(anonymous=SIGN_IN, others=404, alice=200, method="post", args=lambda has: [has.conversation.id]),
    "chat:archive": Row(anonymous=SIGN_IN, others=404, alice=200, method="post", args=lambda has: [has.conversation.id]),
    "chat:tools": CONFIGURING,
    "chat:switch_tool": Row(
        anonymous=SIGN_IN,
        others=200,
        dora=403,
        bob=403,
        alice=200,
        method="post",
        args=lambda _: ["clock"],
        data=lambda _: {"on": "1"},
    ),
    "chat:add_tool_server": CONFIGURING,
    "chat:tool_server": Row(anonymous=SIGN_IN, others=404, dora=403, bob=403, alice=200, args=lambda has: [tool_server_of(has)]),
    **{
        f"chat:{name}": Row(
            anonymous=SIGN_IN, others=404, dora=403, bob=403, alice=200, method="post", args=lambda has: [tool_server_of(has)]
        )
        for name in ("test_tool_server", "choose_server_tools", "switch_tool_server", "delete_tool_server")
    },
    "chat:archived": Row(anonymous=SIGN_IN, others=200, alice=200),
    "chat:empty_archive": Row(anonymous=SIGN_IN, others=200, alice=200, method="post", data=lambda _: {"do": "delete"}),
    "chat:search": Row(anonymous=SIGN_IN, others=200, alice=200, data=lambda _: {"q": "plan"}),
    "chat:prompts": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "chat:prompt": Row(anonymous=SIGN_IN, others=404, dora=403, alice=200, args=lambda _: [Prompt.objects.get().id]),
    "chat:delete_prompt": Row(
        anonymous=SIGN_IN, others=404, dora=403, alice=200, method="post", args=lambda _: [Prompt.objects.get().id]
    ),
    "chat:prompt_choices": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "chat:prompt_body": Row(anonymous=SIGN_IN, others=404, dora=403, alice=200, args=lambda _: [Prompt.objects.get().id]),
    "chat:upload": Row(
        anonymous=SIGN_IN,
        others=404,
        alice=201,
        method="post",
        data=lambda has: {"conversation": has.conversation.id, "file": SimpleUploadedFile("note.txt", b"secret plan")},
    ),
    "chat:file": Row(anonymous=SIGN_IN, others=404, alice=200, args=lambda _: [File.objects.get().id]),
    "chat:discard_file": Row(anonymous=SIGN_IN, others=404, alice=204, method="post", args=lambda _: [File.objects.get().id]),
    "chat:chat_settings": Row(anonymous=SIGN_IN, others=404, alice=200, method="post", args=lambda has: [has.conversation.id]),
    "chat:feedback": Row(
        anonymous=SIGN_IN,
        others=404,
        alice=200,
        method="post",
        args=lambda has: [has.ended.id],
        data=lambda _: {"thumb": "up"},
    ),
    "chat:details": Row(anonymous=SIGN_IN, others=404, alice=200, args=lambda has: [has.ended.id]),
    "chat:budget": Row(anonymous=SIGN_IN, others=404, bob=200, alice=200, args=lambda has: [has.conversation.id]),
    "chat:share": Row(anonymous=SIGN_IN, others=404, alice=200, method="post", args=lambda has: [has.conversation.id]),
    "chat:revoke_share": Row(anonymous=SIGN_IN, others=404, alice=200, method="post", args=lambda has: [share_of(has).id]),
    # Whoever has the address may read.
    "chat:shared": Row(anonymous=200, others=200, alice=200, args=lambda has: [token_of(has)]),
    "chat:continue_share": Row(
        anonymous=SIGN_IN, others=200, dora=403, alice=200, method="post", args=lambda has: [token_of(has)]
    ),
    "chat:export": Row(anonymous=SIGN_IN, others=404, alice=200, args=lambda has: [has.conversation.id]),
    "chat:your_data": Row(anonymous=SIGN_IN, others=200, alice=200),
    "chat:export_all": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200, method="post"),
    "chat:export_progress": Row(anonymous=SIGN_IN, others=200, alice=200),
    "chat:delete_all": Row(anonymous=SIGN_IN, others=200, alice=200, method="post", data=lambda _: {"sure": "1"}),
    "chat:erase_me": Row(anonymous=SIGN_IN, others=200, alice=200),  # everybody of themselves, after their password
    "chat:stop": Row(anonymous=SIGN_IN, others=404, alice=200, method="post", args=lambda has: [has.ended.run_id]),
    # Whoever it is for, there is nothing to continue: the reply has no text.
    "chat:continue": Row(anonymous=SIGN_IN, others=404, alice=409, method="post", args=lambda has: [has.failed.run_id]),
    "chat:edit": Row(
        anonymous=SIGN_IN,
        others=404,
        alice=200,
        method="post",
        args=lambda has: [has.ended.parent_id],
        data=lambda has: {"prompt": "hello", "model": "openai/fake"},
    ),
    "chat:show": Row(anonymous=SIGN_IN, others=404, alice=200, method="post", args=lambda has: [has.ended.id]),
    "chat:versions": Row(anonymous=SIGN_IN, others=404, alice=200, args=lambda has: [has.ended.id]),
    "chat:older": Row(
        anonymous=SIGN_IN,
        others=404,
        alice=200,
        args=lambda has: [has.conversation.id],
        data=lambda has: {"before": has.ended.id},
    ),
    "chat:retry": Row(anonymous=SIGN_IN, others=404, alice=200, method="post", args=lambda has: [has.failed.run_id]),
    "chat:send": Row(
        anonymous=SIGN_IN,
        others=404,
        alice=200,
        method="post",
        data=lambda has: turn(has.conversation.id),
    ),
}

# The admin's routes by the shape of their names. Who may sign in but is no operator is refused at its door.
ADMIN = Row(anonymous=SIGN_IN, others=403, alice=403)
AT_THE_DOOR = Row(anonymous=SIGN_IN, others=403, dora=200, alice=403)
ADMIN_ROWS: list[tuple[str, Row]] = [
    (r"index|jsi18n|login|password_change|password_change_done", AT_THE_DOOR),
    (r"logout", ADMIN),  # it goes on to the product's chats, and Dora is in no workspace
    (r"app_list|view_on_site", Row(anonymous=SIGN_IN, others=403, dora=404, alice=403)),
    (r"autocomplete", ADMIN),
    (r"auth_user_password_change", ADMIN),
    (r"telemetry_accounting|\w+_(changelist|add|history|delete|change)", ADMIN),
]
# Without a name: the admin's redirect of old addresses, and what it does with addresses that it does not know.
UNNAMED = {"<path:object_id>/", "(?P<url>.*)$"}


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
    assert [name for name in routes() if row_of(name) is None] == []


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
def belongings(alice, workspace) -> Belongings:
    conversation = Conversation.objects.create(workspace=workspace, owner=alice, title="Alice's secret plan")
    prompt = Message.objects.create(conversation=conversation, role="user", content="Tell me", position=1)
    replies = [
        Message.objects.create(
            conversation=conversation,
            parent=prompt,
            role="assistant",
            status=status,
            run_id=uuid.uuid4(),
            model="openai/fake",
            position=2 + index,
        )
        for index, status in enumerate((Message.Status.COMPLETE, Message.Status.FAILED))
    ]
    Group.objects.create(name="Readers")
    Prompt.objects.create(workspace=workspace, owner=alice, name="plan", body="the secret plan")
    store.take(alice, workspace, "plan.txt", b"the secret plan", rules=policies.rules_of(workspace.id), now=timezone.now())
    token = make_link(alice, timezone.now()).rstrip("/").rpartition("/")[2]
    member = Membership.objects.get(user=join(make_person("Carol"), workspace))
    part = Membership.objects.get(user=alice)
    invitation, path = invitations.create(part, uuid.uuid4(), role="member", days=7, now=timezone.now())
    invitation_token = path.rstrip("/").rpartition("/")[2]
    key, _ = api_keys.issue(alice, workspace, name="secret plan", now=timezone.now())
    rule = RedactionRule.objects.create(workspace=workspace, label="STAFF", form="words", source="secret plan")
    return Belongings(conversation, replies[0], replies[1], token, member, invitation, invitation_token, key, rule)


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
