"""The page of providers: what an admin adds, tests and takes away, and what nobody ever reads there."""

import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEntry, Membership
from gateway import catalogue, directory, listing, probes, sources
from gateway.models import Provider
from gateway.protocol import ProviderError

pytestmark = pytest.mark.django_db

KEY = "sk-of-alice-0123456789abcd"
PAGE = "/settings/providers/"


@pytest.fixture
def as_alice(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def as_admin(workspace, bob) -> Client:
    Membership.objects.filter(user=bob).update(role="admin")
    client = Client()
    client.force_login(bob)
    return client


def add(client: Client, kind: str = "openai", **given):
    data = {"name": kind, "api_key": KEY, "base_url": "", "model_names": "", **given}
    return client.post(reverse("gateway:add_provider", args=[kind]), data)


def act(client: Client, what: str, name: str, *, htmx: bool = False, **given):
    return client.post(reverse(f"gateway:{what}", args=[name]), given, headers={"HX-Request": "true"} if htmx else {})


def shown(client: Client) -> str:
    return client.get(PAGE).content.decode()


def own_server(client: Client, url: str, **given):
    """A server of one's own on loopback, which the owner allowed."""
    answer = add(client, "compatible", name="mine", base_url=url, **given)
    assert answer.status_code == 302, answer.content.decode()
    row = Provider.objects.get(name="mine")
    return act(client, "allow_provider", "mine", host=row.private_host)


def test_a_provider_is_added_with_its_key_and_the_key_is_never_shown(as_alice, workspace):
    answer = add(as_alice)
    assert answer.status_code == 302
    row = Provider.objects.get()
    assert (row.name, row.kind, row.workspace, row.api_key.reveal()) == ("openai", "openai", workspace, KEY)
    pages = shown(as_alice) + as_alice.get(reverse("gateway:provider", args=["openai"])).content.decode()
    assert "••••abcd" in pages
    assert KEY not in pages
    assert KEY not in json.dumps(list(AuditEntry.objects.values()), default=str)
    assert [entry.action for entry in AuditEntry.objects.all()] == ["provider.created"]


def test_a_refused_form_does_not_repeat_the_key(as_alice):
    answer = add(as_alice, name="Bad Name")
    assert answer.status_code == 422
    assert KEY not in answer.content.decode()
    assert not Provider.objects.exists()


def test_there_may_be_several_of_one_kind(as_alice, workspace):
    add(as_alice)
    page = as_alice.get(reverse("gateway:add_provider", args=["openai"])).content.decode()
    assert 'value="openai-2"' in page
    add(as_alice, name="openai-2", model_names="gpt-4o")
    add(as_alice, name="openai-2")
    assert sorted(Provider.objects.values_list("name", flat=True)) == ["openai", "openai-2"]
    assert catalogue.resolve("openai-2/gpt-4o", workspace_id=workspace.id).api_key == KEY


def test_a_kind_asks_for_its_own_fields(as_alice):
    page = as_alice.get(reverse("gateway:add_provider", args=["bedrock"])).content.decode()
    assert "Region" in page
    assert "Address" not in page
    answer = add(as_alice, "bedrock", aws_region_name="evil.example.com/#")
    assert "This is no region" in answer.content.decode()
    add(as_alice, "bedrock", aws_region_name="eu-west-1")
    assert Provider.objects.get().options == {"aws_region_name": "eu-west-1"}


def test_azure_has_an_endpoint_deployments_and_a_version(as_alice, workspace):
    fields = {"base_url": "https://8.8.8.8", "model_names": "my-gpt\nother", "query.api-version": "preview"}
    assert add(as_alice, "azure", **fields).status_code == 302
    row = Provider.objects.get()
    assert (row.base_url, row.model_names) == ("https://8.8.8.8/openai/v1", ["my-gpt", "other"])
    target = catalogue.resolve("azure/my-gpt", workspace_id=workspace.id)
    assert target.options["query"] == {"api-version": "preview"}
    assert "Deployments" in as_alice.get(reverse("gateway:provider", args=["azure"])).content.decode()


@pytest.mark.parametrize(
    "account",
    ["{}", "/etc/passwd", '{"type": "external_account"}', '{"type": "service_account", "token_uri": "http://10.0.0.1"}'],
)
def test_a_service_account_signs_in_at_google_alone(as_alice, account):
    answer = add(as_alice, "vertex_ai", api_key=account, vertex_project="my-project", vertex_location="us-central1")
    assert "Paste the whole JSON file" in answer.content.decode()
    assert not Provider.objects.exists()


def test_a_service_accounts_key_goes_where_litellm_takes_it(as_alice, workspace):
    account = json.dumps({"type": "service_account", "private_key": "secret-of-alice"})
    add(as_alice, "vertex_ai", api_key=account, vertex_project="my-project", vertex_location="us-central1")
    target = catalogue.resolve("vertex_ai/gemini-2.5-pro", workspace_id=workspace.id)
    assert (target.api_key, target.options["vertex_credentials"]) == (None, account)
    assert "secret-of-alice" not in repr(target)


@pytest.mark.parametrize("kind", ["databricks", "local", "litellm_proxy", "nothing"])
def test_what_a_page_may_not_add_is_not_there(as_alice, kind):
    assert as_alice.get(reverse("gateway:add_provider", args=[kind])).status_code == 404
    assert f"/add-provider/{kind}/" not in as_alice.get(reverse("gateway:provider_kinds")).content.decode()


def test_another_address_clears_the_key(as_alice):
    add(as_alice, base_url="https://8.8.8.8/v1")
    change = reverse("gateway:provider", args=["openai"])
    as_alice.post(change, {"base_url": "https://8.8.8.8/v1", "api_key": "", "model_names": "gpt-4o"})
    assert Provider.objects.get().api_key.reveal() == KEY
    as_alice.post(change, {"base_url": "https://1.1.1.1/v1", "api_key": "", "model_names": ""})
    row = Provider.objects.get()
    assert (row.base_url, row.api_key) == ("https://1.1.1.1/v1", None)


def test_a_private_address_waits_for_the_owner(as_admin, alice, workspace, fake_provider):
    add(as_admin, "compatible", name="mine", base_url=fake_provider.url, api_key="")
    row = Provider.objects.get()
    assert (row.is_waiting, row.private_host) == (True, f"127.0.0.1:{fake_provider.port}")
    with pytest.raises(ProviderError):
        catalogue.resolve("mine/plain", workspace_id=workspace.id)
    assert "has to allow it before it is asked" in " ".join(shown(as_admin).split())
    assert act(as_admin, "allow_provider", "mine", host=row.private_host).status_code == 403
    act(as_admin, "test_provider", "mine")
    assert fake_provider.listed_count == 0

    owner = Client()
    owner.force_login(alice)
    assert f"Allow {row.private_host}" in shown(owner)
    act(owner, "allow_provider", "mine", host=row.private_host)
    target = catalogue.resolve("mine/plain", workspace_id=workspace.id)
    assert (target.is_guarded, target.allowed_host) == (True, row.private_host)
    assert "mine/plain" in [choice.path for choice in catalogue.models(workspace.id)]


def test_the_owners_word_holds_for_the_address_that_was_shown(as_alice, fake_provider):
    add(as_alice, "compatible", name="mine", base_url=fake_provider.url, api_key="")
    act(as_alice, "allow_provider", "mine", host="127.0.0.1:5432")
    assert Provider.objects.get().is_waiting
    assert "was changed meanwhile" in shown(as_alice)


def test_another_private_address_waits_again(as_alice, fake_provider):
    own_server(as_alice, fake_provider.url)
    change = reverse("gateway:provider", args=["mine"])
    as_alice.post(change, {"base_url": fake_provider.url, "model_names": "", "api_key": ""})
    assert not Provider.objects.get().is_waiting
    as_alice.post(change, {"base_url": "http://127.0.0.1:5432", "model_names": "", "api_key": ""})
    assert Provider.objects.get().is_waiting


def test_a_test_says_what_the_provider_offers(as_alice, fake_provider):
    own_server(as_alice, fake_provider.url)
    answer = act(as_alice, "test_provider", "mine", htmx=True).content.decode()
    assert "It answers, and lists" in answer
    row = Provider.objects.get()
    assert row.test_result["is_ok"] is True
    assert row.tested_at is not None
    assert "It answers, and lists" in shown(as_alice)


def test_a_test_that_fails_shows_the_providers_own_reason(as_alice, fake_provider, workspace):
    own_server(as_alice, fake_provider.url)
    refused = {"error": {"message": f"Incorrect API key provided: {KEY}. Find yours at example.com."}}
    fake_provider.script("/models", status=401, body=json.dumps(refused))
    answer = act(as_alice, "test_provider", "mine", htmx=True).content.decode()
    assert "mine refused the key." in answer
    assert "Find yours at example.com" in answer
    assert KEY not in answer
    assert Provider.objects.get().test_result["is_ok"] is False
    assert KEY not in json.dumps(Provider.objects.get().test_result)


def test_a_server_without_a_list_is_tested_by_one_token(as_alice, fake_provider):
    own_server(as_alice, fake_provider.url, model_names="plain")
    fake_provider.script("/models", status=404, body="{}")
    act(as_alice, "test_provider", "mine")
    assert Provider.objects.get().test_result == {"is_ok": True, "says": "plain answers."}
    assert fake_provider.last.body["max_tokens"] == 1


def test_what_litellm_reaches_is_tested_by_one_token(workspace, fake_provider):
    kind = directory.Kind("openai", "Foreign", directory.LITELLM, keys=("FOREIGN_API_KEY",), models="typed")
    source = sources.Source("openai", kind, fake_provider.url, "sk-of-alice-0123456789", models=("plain",))
    outcome = probes.probe(source, names=probes.names_of(source))
    assert (outcome.is_ok, outcome.says) == (True, "plain answers.")
    fake_provider.script("plain", status=401, error={"message": "Incorrect API key provided: sk-of-alice-0123456789."})
    outcome = probes.probe(source, names=probes.names_of(source))
    assert not outcome.is_ok
    assert "Incorrect API key provided" in outcome.says
    assert "sk-of-alice" not in outcome.says


def test_without_a_model_to_ask_the_person_is_asked_for_one(as_alice):
    add(as_alice, "huggingface", model_names="some/model")
    Provider.objects.update(model_names=[])
    answer = act(as_alice, "test_provider", "huggingface", htmx=True).content.decode()
    assert "Name a model to test it with" in answer


def test_a_kind_whose_package_is_missing_says_so(as_alice, monkeypatch):
    monkeypatch.setattr(directory, "find_spec", lambda _name: None)
    page = as_alice.get(reverse("gateway:add_provider", args=["vertex_ai"])).content.decode()
    assert "requirements-extras.txt" in page
    assert "requirements-extras.txt" not in as_alice.get(reverse("gateway:add_provider", args=["openai"])).content.decode()


def test_a_provider_that_is_away_is_said_to_be_away(as_alice, refusing_url):
    own_server(as_alice, refusing_url)
    answer = act(as_alice, "test_provider", "mine", htmx=True).content.decode()
    assert "refused the connection" in answer
    page = shown(as_alice)
    assert "Could not be asked for its models" in page


def test_switched_off_it_offers_nothing_and_can_be_switched_on_again(as_alice, fake_provider, workspace):
    own_server(as_alice, fake_provider.url)
    act(as_alice, "switch_provider", "mine", is_on="no")
    assert catalogue.models(workspace.id) == []
    assert "Off" in shown(as_alice)
    act(as_alice, "switch_provider", "mine", is_on="yes")
    assert catalogue.models(workspace.id)


def test_what_the_environment_gives_can_be_switched_off_for_one_workspace(as_alice, workspace, charlie, monkeypatch):
    monkeypatch.setenv("GROQ_API_KEY", "gsk-of-the-machine-0123")
    sources.forget()
    page = shown(as_alice)
    assert "of the environment" in page
    assert "gsk-of-the-machine" not in page
    act(as_alice, "switch_provider", "groq", is_on="no")
    assert catalogue.models(workspace.id) == []
    with pytest.raises(ProviderError, match="switched off"):
        catalogue.resolve("groq/openai/gpt-oss-20b", workspace_id=workspace.id)
    elsewhere = charlie.memberships.get().workspace_id
    assert catalogue.models(elsewhere)
    assert as_alice.get(reverse("gateway:provider", args=["groq"])).status_code == 404


def test_new_chats_begin_with_the_provider_that_was_made_the_default(as_alice, workspace, monkeypatch):
    monkeypatch.setenv("GROQ_API_KEY", "gsk-of-the-machine-0123")
    add(as_alice, name="work", model_names="gpt-4o")
    assert catalogue.default_path(workspace.id) == "work/gpt-4o"
    act(as_alice, "default_provider", "groq")
    assert catalogue.default_path(workspace.id).startswith("groq/")
    assert "Default" in shown(as_alice)


def test_deleting_takes_the_key_along(as_alice, workspace):
    add(as_alice)
    act(as_alice, "delete_provider", "openai")
    assert not Provider.objects.exists()
    assert "openai" not in sources.configured(workspace.id)
    assert [entry.action for entry in AuditEntry.objects.order_by("id")] == ["provider.created", "provider.deleted"]


def test_members_and_strangers_change_nothing(as_alice, bob, charlie):
    add(as_alice)
    member, stranger = Client(), Client()
    member.force_login(bob)
    stranger.force_login(charlie)
    for what in ("test_provider", "switch_provider", "default_provider", "delete_provider"):
        assert act(member, what, "openai").status_code == 403
        assert act(stranger, what, "openai").status_code == 404
    workspace_of_alice = str(Provider.objects.get().workspace_id)
    assert act(stranger, "delete_provider", "openai", workspace=workspace_of_alice).status_code == 404
    assert member.get(PAGE).status_code == 403
    assert "openai" not in shown(stranger).replace("openai.com", "")
    assert Provider.objects.get().is_enabled


def test_a_list_of_twenty_takes_no_more_queries_than_one_of_ten(as_alice, workspace):
    counts = []
    for size in (10, 20):
        for number in range(size):
            Provider.objects.get_or_create(workspace=workspace, name=f"p{number}", kind="openai", model_names=["gpt-4o"])
        counts.append(min(queries_of_the_page(as_alice, size) for _ in range(3)))
    assert counts[0] == counts[1]


def queries_of_the_page(client: Client, size: int) -> int:
    """How many queries the page makes; what is remembered for some seconds may be read anew in one of several tries."""
    sources.forget()
    with CaptureQueriesContext(connection) as seen:
        assert shown(client).count('id="provider-p') == size
    return len(seen)


def test_the_log_never_holds_the_key(as_alice, fake_provider, capfd):
    own_server(as_alice, fake_provider.url, api_key=KEY)
    act(as_alice, "test_provider", "mine")
    listing.forget()
    shown(as_alice)
    out = capfd.readouterr()
    assert KEY not in out.out + out.err
    assert fake_provider.listed_count >= 1
