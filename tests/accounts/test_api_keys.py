"""Keys for programs: issued once, known by a fingerprint, worth what their person may do at the moment."""

import io
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import api_keys
from accounts.models import ApiKey, Membership
from accounts.owner import ensure_owner
from ollive.up.preparation import make_owner
from telemetry.redaction import redact
from tests.people import make_person

NOW = timezone.now()

pytestmark = pytest.mark.django_db


def issue(user, workspace, **options: Any) -> tuple[ApiKey, str]:
    given: dict[str, Any] = {"name": "tests", "now": NOW}
    return api_keys.issue(user, workspace, **(given | options))


def test_a_key_says_who_comes_with_it(alice, workspace):
    key, token = issue(alice, workspace, scopes=["ingest", "logs:read"], payloads="preview")
    bearer = api_keys.verify(token, NOW)
    assert bearer is not None
    assert (bearer.api_key_id, bearer.workspace_id, bearer.user_id) == (key.id, workspace.id, alice.id)
    assert bearer.scopes == {"ingest", "logs:read"}
    assert bearer.payloads == "preview"


def test_the_token_is_nowhere_in_the_database(alice, workspace):
    key, token = issue(alice, workspace)
    row = ApiKey.objects.values().get(pk=key.pk)
    assert token not in str(row)
    assert row["last_four"] == token[-4:]
    assert row["token_sha256"] == api_keys.fingerprint(token)


def test_the_redactor_knows_our_keys():
    assert "olv_" not in redact(f"the key is {api_keys.make_token()}.").text


@pytest.mark.parametrize(
    "harm",
    [
        lambda token: token[:-1] + ("a" if token[-1] != "a" else "b"),
        lambda token: token[:10] + ("a" if token[10] != "a" else "b") + token[11:],
        lambda token: token[:5] + token[6] + token[5] + token[7:],
        lambda token: token[:-1],
        lambda token: token + "x",
        lambda token: token.upper(),
        lambda token: "olv_" + "ä" * 46,
        lambda _: "",
    ],
)
def test_a_mistyped_key_is_refused_without_the_database(harm):
    token = "olv_" + "aB3" * 13 + "x"
    token += api_keys._checksum(token)
    assert api_keys.is_of_our_form(token)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert api_keys.verify(harm(token), NOW) is None
    assert len(queries) == 0


def test_an_expired_key_opens_nothing(alice, workspace):
    _, token = issue(alice, workspace, expires_at=NOW + timedelta(hours=1))
    assert api_keys.verify(token, NOW + timedelta(minutes=59))
    assert api_keys.verify(token, NOW + timedelta(minutes=60)) is None


def test_a_revoked_key_opens_nothing_and_is_revoked_once(alice, workspace):
    key, token = issue(alice, workspace)
    assert api_keys.revoke(key, NOW)
    assert not api_keys.revoke(key, NOW + timedelta(hours=1))
    assert api_keys.verify(token, NOW) is None
    key.refresh_from_db()
    assert key.revoked_at == NOW


def test_the_key_of_who_left_or_was_deactivated_opens_nothing(alice, bob, workspace):
    _, alices = issue(alice, workspace)
    _, bobs = issue(bob, workspace)
    alice.memberships.all().delete()
    bob.is_active = False
    bob.save()
    assert api_keys.verify(alices, NOW) is None
    assert api_keys.verify(bobs, NOW) is None


def test_a_key_loses_what_its_person_may_no_longer_do(bob, workspace):
    _, token = issue(bob, workspace, scopes=["chat", "ingest", "logs:read"])
    bob.memberships.update(role=Membership.Role.VIEWER)
    bearer = api_keys.verify(token, NOW)
    assert bearer is not None
    assert bearer.scopes == {"logs:read"}


def test_nobody_gets_a_key_to_more_than_they_may_do(bob, charlie, workspace):
    with pytest.raises(api_keys.InvalidKey, match="does not allow admin"):
        issue(bob, workspace, scopes=["ingest", "admin"])
    with pytest.raises(api_keys.InvalidKey, match="not in the workspace"):
        issue(charlie, workspace)
    with pytest.raises(api_keys.InvalidKey, match="no scope everything"):
        issue(bob, workspace, scopes=["everything"])
    with pytest.raises(api_keys.InvalidKey, match="needs a scope"):
        issue(bob, workspace, scopes=[])
    with pytest.raises(api_keys.InvalidKey, match="expired already"):
        issue(bob, workspace, expires_at=NOW)
    assert not ApiKey.objects.exists()


def test_its_use_is_written_down_at_most_once_a_minute(alice, workspace):
    key, token = issue(alice, workspace)
    for seconds in (0, 30, 59, 61, 90):
        api_keys.verify(token, NOW + timedelta(seconds=seconds))
        key.refresh_from_db()
        assert key.last_used_at == NOW + timedelta(seconds=61 if seconds > 60 else 0)


def run(**options: Any) -> str:
    output = io.StringIO()
    call_command("create_api_key", stdout=output, stderr=io.StringIO(), **options)
    return output.getvalue()


def test_the_command_prints_the_key_and_nothing_else(alice, workspace):
    token = run(user="Alice@example.com", name="nightly jobs").strip()
    bearer = api_keys.verify(token, NOW)
    assert bearer is not None
    assert bearer.scopes == {"chat", "ingest"}
    assert ApiKey.objects.get().name == "nightly jobs"


def test_the_command_takes_scopes_an_expiry_and_a_policy(alice, workspace):
    run(
        user=alice.email, name="n", scopes=["ingest,metrics", "logs:read"], expires="90d", payloads="none", workspace=workspace.id
    )
    key = ApiKey.objects.get()
    assert key.scopes == ["ingest", "metrics", "logs:read"]
    assert key.payloads == "none"
    assert key.expires_at is not None
    assert abs(key.expires_at - key.created_at - timedelta(days=90)) < timedelta(minutes=1)
    run(user=alice.email, name="m", expires="2126-01-31")
    assert ApiKey.objects.filter(expires_at__year=2126, expires_at__month=1, expires_at__day=31).exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"user": "nobody@example.com"}, "There is no user"),
        ({"user": "alone@example.com"}, "is in no workspace"),
        ({"user": "alice@example.com", "workspace": "00000000-0000-4000-8000-000000000000"}, "There is no workspace"),
        ({"user": "alice@example.com", "expires": "soon"}, "neither a date"),
        ({"user": "alice@example.com", "expires": "2020-01-01"}, "expired already"),
        ({"user": "alice@example.com", "scopes": ["all"]}, "There is no scope all"),
    ],
)
def test_the_command_says_what_is_wrong(options, said, alice):
    make_person("Alone")
    with pytest.raises(CommandError, match=said):
        run(**({"name": "n"} | options))
    assert not ApiKey.objects.exists()


@pytest.fixture
def _environments_token(settings):
    settings.CLIENT_API_TOKEN = "lyfg8y4gfb"


@pytest.mark.usefixtures("_environments_token")
def test_the_environments_token_is_a_key_whatever_its_form():
    owner, _ = ensure_owner(None, None)
    key = api_keys.register_environments_key(owner, NOW)
    assert key == api_keys.register_environments_key(owner, NOW)
    bearer = api_keys.verify("lyfg8y4gfb", NOW)
    assert bearer is not None
    assert bearer.user_id == owner.id
    assert {"chat", "ingest"} <= bearer.scopes
    assert not {"admin", "logs:delete"} & bearer.scopes
    assert api_keys.verify("lyfg8y4gfc", NOW) is None


@pytest.mark.usefixtures("_environments_token")
def test_the_first_start_registers_the_environments_token():
    outcome = make_owner()
    key = ApiKey.objects.get()
    assert (key.name, key.user.email) == ("CLIENT_API_TOKEN", outcome["email"])
    assert api_keys.verify("lyfg8y4gfb", NOW)


@pytest.mark.usefixtures("_environments_token")
def test_another_token_in_the_environment_replaces_the_first(settings):
    owner, _ = ensure_owner(None, None)
    api_keys.register_environments_key(owner, NOW)
    settings.CLIENT_API_TOKEN = "another-one"
    api_keys.register_environments_key(owner, NOW)
    assert api_keys.verify("lyfg8y4gfb", NOW) is None
    assert api_keys.verify("another-one", NOW)
    settings.CLIENT_API_TOKEN = ""
    assert api_keys.register_environments_key(owner, NOW) is None
    assert not ApiKey.objects.filter(revoked_at=None).exists()


@pytest.mark.usefixtures("_environments_token")
def test_a_token_of_the_environment_that_was_revoked_stays_so():
    owner, _ = ensure_owner(None, None)
    key = api_keys.register_environments_key(owner, NOW)
    assert key is not None
    api_keys.revoke(key, NOW)
    api_keys.register_environments_key(owner, NOW)
    assert api_keys.verify("lyfg8y4gfb", NOW) is None


LIST = "admin:accounts_apikey_changelist"


def as_operator(client, dora, *permissions: str) -> None:
    dora.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(dora)


def test_the_admin_lists_keys_and_never_their_fingerprints(client, dora, alice, workspace):
    key, token = issue(alice, workspace)
    as_operator(client, dora, "view_apikey")
    pages = [client.get(reverse(LIST)), client.get(reverse("admin:accounts_apikey_change", args=[key.pk]))]
    for page in pages:
        assert page.status_code == 200
        assert token not in page.content.decode()
        assert key.token_sha256 not in page.content.decode()
    assert token[-4:] in pages[0].content.decode()


def test_the_admin_revokes_a_key(client, dora, alice, workspace):
    key, token = issue(alice, workspace)
    as_operator(client, dora, "view_apikey", "change_apikey")
    client.post(reverse(LIST), {"action": "revoke", "_selected_action": [str(key.pk)]})
    assert api_keys.verify(token, NOW) is None
    assert "revoked" in client.get(reverse(LIST)).content.decode()


def test_who_may_only_look_revokes_nothing(client, dora, alice, workspace):
    key, token = issue(alice, workspace)
    as_operator(client, dora, "view_apikey")
    client.post(reverse(LIST), {"action": "revoke", "_selected_action": [str(key.pk)]})
    assert api_keys.verify(token, NOW)
    assert client.get(reverse("admin:accounts_apikey_add")).status_code == 403


def test_the_list_of_keys_asks_no_more_for_more_of_them(client, dora, alice, workspace):
    as_operator(client, dora, "view_apikey")
    counts = []
    for _ in range(2):
        for number in range(10):
            issue(alice, workspace, name=f"key {number}")
        client.get(reverse(LIST))
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse(LIST))
        counts.append(len(queries))
    assert counts[0] == counts[1]
