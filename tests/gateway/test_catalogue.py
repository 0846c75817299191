"""Where model paths lead, what the picker offers, and what a new conversation begins with."""

import re
import uuid
from datetime import date

import pytest

from accounts.models import Workspace
from gateway import catalogue, directory, known_models, listing, sources
from gateway.models import Provider
from gateway.protocol import ProviderError
from gateway.sources import Source

pytestmark = pytest.mark.django_db

DEMO = {"base_url": "http://127.0.0.1:9/v1", "api_key": "key-of-the-demo", "name": "smollm2-135m-instruct"}


def store(workspace: Workspace | None = None, **fields) -> Provider:
    fields = {"name": "work", "kind": "openai", "api_key": "sk-of-alice-stored", **fields}
    return Provider.objects.create(workspace=workspace, **fields)


def test_a_key_in_the_environment_makes_its_provider_appear(workspace, monkeypatch):
    assert catalogue.models(workspace.id) == []
    monkeypatch.setenv("GROQ_API_KEY", "gsk-of-alice")
    sources.forget()
    offered = catalogue.models(workspace.id)
    assert {choice.provider for choice in offered} == {"Groq"}
    assert all(choice.path.startswith("groq/") for choice in offered)


def test_a_path_leads_to_its_provider(workspace, monkeypatch):
    monkeypatch.setenv("GROQ_API_KEY", "gsk-of-alice")
    target = catalogue.resolve("groq/openai/gpt-oss-120b", workspace_id=workspace.id)
    assert (target.provider, target.model, target.adapter) == ("groq", "openai/gpt-oss-120b", "direct")
    assert (target.base_url, target.api_key) == ("https://api.groq.com/openai/v1", "gsk-of-alice")
    assert target.path == "groq/openai/gpt-oss-120b"


def test_a_typed_path_passes_though_nobody_lists_it(workspace, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-alice")
    assert catalogue.resolve("openai/a-model-of-tomorrow", workspace_id=workspace.id).model == "a-model-of-tomorrow"


@pytest.mark.parametrize(
    ("variable", "path", "provider"),
    [("GEMINI_API_KEY", "google/gemini-2.5-pro", "gemini"), ("AZURE_OPENAI_API_KEY", "azure_openai/gpt-4", "azure")],
)
def test_other_names_of_a_provider_are_understood(workspace, monkeypatch, variable, path, provider):
    monkeypatch.setenv(variable, "key-of-alice-0123")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://alice.openai.example.com/")
    assert catalogue.resolve(path, workspace_id=workspace.id).provider == provider


def test_a_bare_name_is_found_in_what_is_configured(workspace, monkeypatch):
    monkeypatch.setenv("GROQ_API_KEY", "gsk-of-alice")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-alice")
    assert catalogue.resolve("gpt-4", workspace_id=workspace.id).path == "openai/gpt-4"
    assert catalogue.resolve("openai/gpt-oss-20b", workspace_id=workspace.id).path == "openai/gpt-oss-20b"
    assert catalogue.resolve("openai/gpt-oss-safeguard-20b", workspace_id=workspace.id).provider == "openai"


def test_a_bare_name_that_nobody_claims_is_the_default_providers(workspace, monkeypatch, settings):
    monkeypatch.setenv("GROQ_API_KEY", "gsk-of-alice")
    settings.DEFAULT_PROVIDER = "groq"
    assert catalogue.resolve("my-own-model", workspace_id=workspace.id).path == "groq/my-own-model"


@pytest.mark.parametrize("path", ["gpt-4", "openai/gpt-4"])
def test_a_provider_without_a_key_says_how_to_give_it_one(workspace, path):
    with pytest.raises(ProviderError, match="set OPENAI_API_KEY") as caught:
        catalogue.resolve(path, workspace_id=workspace.id)
    assert caught.value.code == "no_provider"


def test_a_server_of_ones_own_is_not_reached_unless_it_was_configured(workspace):
    with pytest.raises(ProviderError, match="OLLAMA_BASE_URL"):
        catalogue.resolve("ollama/llama3", workspace_id=workspace.id)


@pytest.mark.parametrize("path", ["no-such-model", "github_copilot/gpt-4", "Bad Prefix/model", "../etc", "os.environ/KEY"])
def test_what_leads_nowhere_is_unknown(workspace, monkeypatch, path):
    monkeypatch.setenv("GITHUB_COPILOT_API_KEY", "ghu-of-alice")
    with pytest.raises(ProviderError) as caught:
        catalogue.resolve(path, workspace_id=workspace.id)
    assert caught.value.code == "unknown_model"


@pytest.mark.parametrize("model", ["https://10.0.0.1/x", "../../v1/files", "a b", "é", "x" * 400, "a?b", "a#b", "a//b"])
def test_a_models_name_is_no_address(workspace, monkeypatch, model):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-of-alice")
    with pytest.raises(ProviderError) as caught:
        catalogue.resolve(f"anthropic/{model}", workspace_id=workspace.id)
    assert caught.value.code == "unknown_model"


def test_an_empty_path_leads_nowhere(workspace):
    with pytest.raises(ProviderError) as caught:
        catalogue.resolve(" ", workspace_id=workspace.id)
    assert caught.value.code == "no_provider"


def test_an_unknown_prefix_goes_to_litellm_where_its_key_is(workspace, monkeypatch):
    with pytest.raises(ProviderError):
        catalogue.resolve("novita/some-model", workspace_id=workspace.id)
    monkeypatch.setenv("NOVITA_API_KEY", "nv-of-alice")
    target = catalogue.resolve("novita/some-model", workspace_id=workspace.id)
    assert (target.adapter, target.provider, target.api_key) == ("litellm", "novita", "nv-of-alice")


def test_another_wire_goes_through_litellm(workspace, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-of-alice")
    target = catalogue.resolve("anthropic/claude-haiku-5-5", workspace_id=workspace.id)
    assert (target.adapter, target.vendor, target.api_key) == ("litellm", "anthropic", "sk-ant-of-alice")


def test_a_base_url_is_enough_and_its_server_says_what_it_offers(workspace, monkeypatch, fake_provider):
    monkeypatch.setenv("OPENAI_BASE_URL", fake_provider.url + "/")
    assert "openai/plain" in [choice.path for choice in catalogue.models(workspace.id)]
    assert catalogue.default_path(workspace.id) == "openai/plain"
    target = catalogue.resolve("openai/paced-20", workspace_id=workspace.id)
    assert (target.base_url, target.api_key, target.options) == (fake_provider.url, None, {})


def test_a_server_that_is_away_offers_nothing(workspace, monkeypatch, refusing_url):
    monkeypatch.setenv("HOSTED_VLLM_API_BASE", refusing_url)
    assert catalogue.models(workspace.id) == []


def test_a_server_is_asked_once_for_many_pages(workspace, monkeypatch, fake_provider):
    monkeypatch.setenv("VLLM_BASE_URL", fake_provider.url)
    for _ in range(5):
        assert catalogue.models(workspace.id)
    assert fake_provider.listed_count == 1


def test_the_suffix_of_a_kind_is_added_once(workspace, monkeypatch):
    for given in ("http://127.0.0.1:11434", "http://127.0.0.1:11434/v1/"):
        monkeypatch.setenv("OLLAMA_API_BASE", given)
        sources.forget()
        assert catalogue.resolve("ollama/llama3", workspace_id=workspace.id).base_url == "http://127.0.0.1:11434/v1"


def test_the_demo_model_stands_in_where_no_key_is(workspace, settings):
    settings.OLLIVE_LOCAL_MODEL = DEMO
    [choice] = catalogue.models(workspace.id)
    assert (choice.path, choice.is_demo) == ("local/smollm2-135m-instruct", True)
    assert catalogue.default_path(workspace.id) == choice.path
    target = catalogue.resolve(choice.path, workspace_id=workspace.id)
    assert (target.base_url, target.api_key) == (DEMO["base_url"], DEMO["api_key"])
    assert catalogue.context_window(target) == 4096


def test_a_key_comes_before_the_demo_model(workspace, settings, monkeypatch):
    settings.OLLIVE_LOCAL_MODEL = DEMO
    monkeypatch.setenv("GROQ_API_KEY", "gsk-of-alice")
    assert catalogue.default_path(workspace.id).startswith("groq/")


def test_there_may_be_no_model_at_all(workspace):
    assert catalogue.default_path(workspace.id) == ""


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("groq", "", "groq/"),
        ("openai", "gpt-4", "openai/gpt-4"),
        ("", "gpt-4", "openai/gpt-4"),
        ("", "groq/openai/gpt-oss-20b", "groq/openai/gpt-oss-20b"),
        ("groq", "gpt-4", "groq/"),
        ("anthropic", "", "openai/"),
        ("google", "gemini-2.5-pro", "gemini/gemini-2.5-pro"),
    ],
)
def test_the_settings_name_the_default(workspace, monkeypatch, settings, provider, model, expected):
    for variable in ("OPENAI_API_KEY", "GROQ_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(variable, "key-of-alice-0123")
    settings.DEFAULT_PROVIDER, settings.DEFAULT_MODEL = provider, model
    found = catalogue.default_path(workspace.id)
    assert found.startswith(expected) if expected.endswith("/") else found == expected


def test_a_model_that_the_environment_names_is_listed_first(workspace, monkeypatch, settings, refusing_url):
    monkeypatch.setenv("OPENAI_BASE_URL", refusing_url)
    monkeypatch.setenv("OPENAI_MODEL", "my-finetune")
    settings.DEFAULT_MODEL = "my-finetune"
    assert catalogue.default_path(workspace.id) == "openai/my-finetune"
    assert [choice.path for choice in catalogue.models(workspace.id)] == ["openai/my-finetune"]


def test_a_stored_provider_offers_its_models_under_its_name(workspace):
    store(workspace, base_url="https://8.8.8.8/v1", model_names=["small", "large"])
    assert [choice.path for choice in catalogue.models(workspace.id)] == ["work/small", "work/large"]
    target = catalogue.resolve("work/large", workspace_id=workspace.id)
    assert (target.provider, target.vendor, target.api_key) == ("work", "openai", "sk-of-alice-stored")
    assert target.is_guarded


def test_the_address_of_a_command_is_not_guarded(workspace):
    store(workspace, base_url="http://vllm:8000/v1", is_trusted=True)
    assert not catalogue.resolve("work/m", workspace_id=workspace.id).is_guarded


def test_a_stored_provider_of_another_wire_keeps_its_kind(workspace):
    store(workspace, name="claude", kind="anthropic")
    target = catalogue.resolve("claude/claude-haiku-5-5", workspace_id=workspace.id)
    assert (target.adapter, target.provider, target.vendor) == ("litellm", "claude", "anthropic")


def test_a_workspaces_providers_are_its_own(workspace):
    store(workspace)
    store(None, name="everyones")
    charlies = Workspace.objects.create(name="Charlie's")
    assert set(sources.configured(workspace.id)) == {"work", "everyones"}
    assert set(sources.configured(charlies.id)) == {"everyones"}
    with pytest.raises(ProviderError):
        catalogue.resolve("work/gpt-4", workspace_id=charlies.id)


def test_the_nearer_provider_of_a_name_counts(workspace, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    store(None, name="openai", api_key="sk-of-the-installation")
    store(workspace, name="openai", api_key="sk-of-the-workspace")
    keys = [catalogue.resolve("openai/gpt-4", workspace_id=place).api_key for place in (workspace.id, uuid.uuid4())]
    assert keys == ["sk-of-the-workspace", "sk-of-the-installation"]


def test_a_disabled_provider_is_not_there(workspace):
    store(workspace, is_enabled=False)
    assert sources.configured(workspace.id) == {}


def test_stored_providers_are_read_once_for_many_questions(workspace, django_assert_num_queries):
    store(workspace)
    with django_assert_num_queries(4):  # providers, entries, short names, choices
        for _ in range(10):
            catalogue.resolve("work/gpt-4", workspace_id=workspace.id)


def test_windows_come_from_the_price_map(workspace, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-alice")
    known, unknown = (catalogue.resolve(f"openai/{name}", workspace_id=workspace.id) for name in ("gpt-4o", "unheard-of"))
    assert (catalogue.context_window(known), catalogue.context_window(unknown)) == (128_000, None)


def test_every_kind_of_the_directory_is_well_formed():
    for kind in directory.kinds().values():
        assert kind.label
        assert re.fullmatch(r"((https://|http://127\.0\.0\.1:)\S*[^/])?", kind.base_url)
        assert kind.adapter in {directory.DIRECT, directory.LITELLM}
        assert not directory.is_refused(kind.name)
    names = [name for kind in directory.kinds().values() for name in kind.names]
    assert len(names) == len(set(names))


def test_lists_are_short_and_hold_no_snapshots():
    for kind in directory.kinds().values():
        names = known_models.listed(kind, date(2026, 11, 21))
        assert len(names) <= known_models.LISTED
        assert not [name for name in names if known_models.SNAPSHOT.search(name)]


def test_a_retired_model_is_known_but_not_listed():
    kind = directory.kinds()["anthropic"]
    assert "claude-sonnet-4-5" in known_models.known(kind)
    assert "claude-sonnet-4-5" not in known_models.listed(kind, date(2027, 1, 1))


def test_a_servers_list_that_cannot_be_read_is_empty(fake_provider):
    source = Source("x", directory.kinds()["compatible"], fake_provider.url + "/nowhere", has_own_address=True)
    said = listing.offered(source)
    assert said.offers == ()
    assert "does not know this model or address" in said.reason


def test_a_choice_says_what_its_model_can_do(workspace, monkeypatch, settings):
    settings.OLLIVE_LOCAL_MODEL = DEMO
    monkeypatch.setenv("GEMINI_API_KEY", "key-of-alice-0123")
    store(workspace, model_names=["gpt-4", "a-model-of-tomorrow"])
    by_path = {choice.path: choice for choice in catalogue.models(workspace.id)}
    old, new, demo = (by_path[path] for path in ("work/gpt-4", "work/a-model-of-tomorrow", "local/smollm2-135m-instruct"))
    assert (old.has_vision, old.has_tools, old.has_reasoning) == (False, True, False)
    assert (new.has_vision, new.has_tools, new.has_reasoning) == (None, None, None)
    assert (demo.has_vision, demo.has_tools, demo.has_reasoning) == (False, False, False)
    assert any(choice.has_vision and choice.has_reasoning for choice in by_path.values() if choice.provider == "Google Gemini")
