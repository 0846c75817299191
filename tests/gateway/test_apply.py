"""`manage.py apply`: a file is brought about, once; what differs is told; what can't be changes nothing."""

import io
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts import api_keys
from accounts.models import ApiKey, AuditEntry, Membership, User, Workspace
from gateway import routing, sources
from gateway.models import Budget, ModelAlias, ModelEntry, Provider, Webhook
from telemetry.models import ListedPrice
from tests.people import join, make_person

pytestmark = pytest.mark.django_db

WONDERLAND = """
providers:
  - {name: house, kind: compatible, base_url: "http://10.0.0.9:8000/v1", key_env: HOUSE_KEY, models: [big, small]}
prices:
  - {provider: house, model: big, input: 2, output: 8.5}
workspaces:
  - name: Wonderland
    limits: {requests_per_minute: 600}
    users:
      - {email: alice@example.com, role: owner}
      - {email: Dinah@Example.com, name: Dinah, role: viewer, limits: {concurrent_calls: 2}}
    models:
      house/big: {roles: [owner, admin], context_window: 9000}
    aliases:
      fast:
        path: house/small
        weight: 3
        deployments:
          - {path: house/big, is_fallback: true}
    keys:
      - {name: nightly jobs, user: alice@example.com, scopes: [chat], models: [fast], limits: {tokens_per_minute: 9000}}
    budgets:
      - {limit_usd: 500}
      - {user: alice@example.com, period: day, limit_usd: 5}
      - {key: nightly jobs, limit_usd: 50}
    webhooks:
      - {name: on call, url: "https://example.com/hook", events: [call.failed]}
"""


@pytest.fixture
def _key_of_the_house(monkeypatch):
    monkeypatch.setenv("HOUSE_KEY", "sk-of-the-house-0123")


@pytest.fixture
def apply(tmp_path, alice, _key_of_the_house):
    def run(told: str | dict[str, Any], *options: str) -> str:
        path = tmp_path / "config.yaml"
        path.write_text(told if isinstance(told, str) else yaml.safe_dump(told))
        out = io.StringIO()
        call_command("apply", path, *options, stdout=out)
        sources.forget()
        return out.getvalue()

    return run


def of_wonderland(**sections: Any) -> dict[str, Any]:
    return {"workspaces": [{"name": "Wonderland", **sections}]}


def rows() -> dict[str, int]:
    tables = (User, Membership, Provider, ModelEntry, ModelAlias, ApiKey, Budget, Webhook, ListedPrice, AuditEntry)
    return {table.__name__: table._base_manager.count() for table in tables}


def test_a_file_is_brought_about(apply, workspace, alice):
    told = apply(WONDERLAND)
    for line in (
        "+ provider house",
        "+ price of house/big",
        "~ each person's limits: requests_per_minute none → 600",
        "+ person dinah@example.com, viewer",
        "~ limits of dinah@example.com: concurrent_calls none → 2",
        "+ model house/big",
        "+ short name fast",
        "+ key nightly jobs of alice@example.com",
        "+ budget of $500 a month for the workspace",
        "+ budget of $5 a day for alice@example.com",
        "+ budget of $50 a month for the key nightly jobs",
        "+ webhook on call",
        "12 changes made.",
    ):
        assert line in told.splitlines()
    tokens = [line.rpartition(" ")[2] for line in told.splitlines() if line.startswith("key nightly jobs")]
    bearer = api_keys.verify(tokens[0], timezone.now())
    assert bearer is not None
    assert (bearer.user_id, bearer.models, bearer.key_limits.tokens) == (alice.pk, ("fast",), 9000)
    assert routing.plan("fast", workspace_id=workspace.id, role="owner").target.path == "house/small"
    assert Provider.objects.get().api_key.reveal() == "sk-of-the-house-0123"
    assert "sk-of-the-house" not in told
    assert "/accounts/link/olv_link_" in told
    assert Webhook.objects.get().secret.reveal() in told
    price = ListedPrice.objects.get(provider="house")
    assert (float(price.input * 1_000_000), float(price.output * 1_000_000)) == (2.0, 8.5)


def test_applied_again_it_changes_nothing(apply):
    apply(WONDERLAND)
    before = rows()
    assert apply(WONDERLAND).strip() == "All is so already."
    assert rows() == before


def test_a_dry_run_tells_the_same_and_changes_nothing(apply):
    before = rows()
    told = apply(WONDERLAND, "--dry-run").splitlines()
    assert rows() == before
    assert told[-1] == "12 changes would be made."
    assert not any("shown this once" in line for line in told)
    assert [line for line in apply(WONDERLAND).splitlines() if line[0] in "+~-"] == told[:-1]


def test_what_differs_is_changed_and_told(apply):
    apply(WONDERLAND)
    changed = (
        WONDERLAND.replace("weight: 3", "weight: 4").replace("role: viewer", "role: member").replace("output: 8.5", "output: 9")
    )
    changed = changed.replace("models: [fast]", "models: [fast, house/*]").replace("limit_usd: 500", "limit_usd: 400")
    assert apply(changed).splitlines() == [
        "~ price of house/big: output $8.5 → $9, reasoning $8.5 → $9",
        "~ person dinah@example.com: role viewer → member",
        "~ short name fast: weight 3 → 4",
        "~ key nightly jobs of alice@example.com: models fast → fast, house/*",
        "~ budget of $400 a month for the workspace: limit_usd 500.000000 → 400",
        "5 changes made.",
    ]
    assert AuditEntry.objects.filter(action="member.role_changed", actor_id=None).exists()


def test_a_key_of_a_provider_that_changed_is_told_without_it(apply, monkeypatch):
    apply(WONDERLAND)
    monkeypatch.setenv("HOUSE_KEY", "sk-another-0123456789")
    assert apply(WONDERLAND).splitlines() == ["~ provider house: key another one → the one given", "1 change made."]
    assert Provider.objects.get().api_key.reveal() == "sk-another-0123456789"


def test_only_with_prune_does_anything_go(apply):
    apply(WONDERLAND)
    rest = of_wonderland(models={}, aliases={}, budgets=[{"limit_usd": 500}], webhooks=[])
    assert apply(rest).strip() == "All is so already."
    told = apply(rest, "--prune").splitlines()
    assert sorted(line[:14] for line in told[:-1]) == [
        "- budget of US",
        "- budget of US",
        "- model house/",
        "- short name f",
        "- webhook on c",
    ]
    assert (ModelEntry.objects.count(), ModelAlias.objects.count(), Budget.objects.count(), Webhook.objects.count()) == (
        0,
        0,
        1,
        0,
    )
    assert ApiKey.objects.count() == 1
    assert apply({"workspaces": [{"name": "Wonderland"}]}, "--prune").strip() == "All is so already."
    assert Budget.objects.count() == 1


def test_a_workspace_is_made_with_its_owner(apply):
    told = {"workspaces": [{"name": "Night shift", "users": [{"email": "carol@example.com", "role": "owner"}]}]}
    assert apply(told).splitlines()[:2] == ["+ workspace Night shift", "+ person carol@example.com, owner"]
    assert Membership.objects.get(workspace__name="Night shift").role == "owner"
    assert apply(told).strip() == "All is so already."


def test_a_workspace_is_renamed_by_its_id(apply, workspace):
    told = {"workspaces": [{"id": str(workspace.pk), "name": "Looking-glass"}]}
    assert "~ workspace Wonderland: name Wonderland → Looking-glass" in apply(told)
    assert apply(told).strip() == "All is so already."


REFUSED = {
    "unknown section": ({"workspace": []}, "workspace: Extra inputs are not permitted"),
    "unknown field": (of_wonderland(aliases={"fast": {"path": "x", "colour": 1}}), "workspaces.0.aliases.fast.colour: Extra"),
    "no mapping": ([1], "The file holds a mapping"),
    "no such workspace": ({"workspaces": [{"name": "Nowhere"}]}, "workspaces.0.users: There is no workspace Nowhere."),
    "leads nowhere": (of_wonderland(aliases={"fast": {"path": "nobody/x"}}), "workspaces.0.aliases.fast.path:"),
    "no such person": (
        of_wonderland(budgets=[{"user": "nobody@example.com", "limit_usd": 1}]),
        "nobody@example.com is not in Wonderland.",
    ),
    "no such key": (of_wonderland(budgets=[{"key": "none", "limit_usd": 1}]), "workspaces.0.budgets.0.key: There is no key none"),
    "no variable": (
        {"providers": [{"name": "openai", "key_env": "NOT_THERE"}]},
        "providers.0.key_env: The variable NOT_THERE is not set.",
    ),
    "beyond a role": (
        of_wonderland(users=[{"email": "v@example.com", "role": "viewer"}], keys=[{"name": "k", "user": "v@example.com"}]),
        "workspaces.0.keys.0: The role of v@example.com (Viewer) does not allow chat, ingest.",
    ),
    "private webhook": (
        of_wonderland(webhooks=[{"name": "w", "url": "http://10.0.0.9/", "events": ["call.failed"]}]),
        "workspaces.0.webhooks.0.url: The host is in a private network.",
    ),
    "unknown event": (
        of_wonderland(webhooks=[{"name": "w", "url": "https://example.com/", "events": ["all"]}]),
        "workspaces.0.webhooks.0.events: There is no event all",
    ),
    "no owner left": (of_wonderland(users=[{"email": "alice@example.com", "role": "member"}]), "needs an owner among its users."),
    "no address": (of_wonderland(users=[{"email": "nobody"}]), "workspaces.0.users.0.email: nobody is no e-mail address."),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_changes_nothing_and_says_where(apply, case):
    told, message = REFUSED[case]
    before = rows()
    with pytest.raises(CommandError) as refused:
        apply(yaml.safe_dump(told))
    assert message in str(refused.value)
    assert str(refused.value).endswith("Nothing was changed.")
    assert rows() == before


def test_what_fails_late_takes_back_what_came_before(apply):
    before = rows()
    with pytest.raises(CommandError):
        apply(WONDERLAND.replace("call.failed", "call.unheard"))
    assert rows() == before


def test_a_file_that_cannot_be_read(apply, tmp_path):
    with pytest.raises(CommandError, match="is no YAML"):
        apply("workspaces: [")
    with pytest.raises(CommandError, match="can't be read"):
        call_command("apply", Path(tmp_path / "none.yaml"))


def test_two_workspaces_of_one_name_are_told_apart_by_their_ids(apply):
    other = Workspace.objects.create(name="Wonderland")
    join(make_person("Carol"), other, "owner")
    with pytest.raises(CommandError, match="There are several workspaces Wonderland"):
        apply(of_wonderland(limits={"requests_per_minute": 1}))
    apply({"workspaces": [{"id": str(other.pk), "name": "Wonderland", "limits": {"requests_per_minute": 1}}]})
    other.refresh_from_db()
    assert other.requests_per_minute == 1


def test_the_scopes_of_a_key_stay(apply):
    apply(WONDERLAND)
    with pytest.raises(CommandError, match="can't be changed"):
        apply(WONDERLAND.replace("scopes: [chat]", "scopes: [chat, metrics]"))


def test_an_ended_key_is_made_anew(apply):
    apply(WONDERLAND)
    api_keys.revoke(ApiKey.objects.get(), timezone.now())
    assert "+ key nightly jobs of alice@example.com" in apply(WONDERLAND)
    assert ApiKey.objects.count() == 2
