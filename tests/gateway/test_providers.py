"""Configuring providers: from the terminal and in the admin. Keys go in and never come out."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from gateway import catalogue, sources
from gateway.models import Provider
from tests.people import make_person

pytestmark = pytest.mark.django_db

KEY = "sk-of-alice-0123456789abcd"


@pytest.fixture
def run(monkeypatch):
    """Run a command with a key on its standard input; what it printed."""

    def run_command(*arguments: str, key: str = KEY) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(key + "\n"))
        output = io.StringIO()
        call_command(*arguments, stdout=output)
        return output.getvalue()

    return run_command


@pytest.fixture
def root(client):
    """A superuser, signed in."""
    person = make_person("Root", is_staff=True, is_superuser=True)
    client.force_login(person)
    return person


def posted(**changes) -> dict:
    fields = {"name": "work", "kind": "openai", "workspace": "", "base_url": "", "api_key": KEY, "is_enabled": "on"}
    return {**fields, "model_names": "[]", "options": "{}", **changes}


def test_a_provider_is_added_from_the_terminal(run, workspace):
    printed = run("add_provider", "work", "--kind", "openai", "--model", "gpt-4", "--key-stdin")
    assert printed == "work: OpenAI, https://api.openai.com/v1, key ••••abcd\n"
    target = catalogue.resolve("work/gpt-4", workspace_id=workspace.id)
    assert target.api_key == KEY
    assert [choice.path for choice in catalogue.models(workspace.id)] == ["work/gpt-4"]


def test_the_name_is_the_kind_unless_one_is_given(run):
    run("add_provider", "groq", "--key-stdin")
    assert Provider.objects.get().kind == "groq"


def test_a_command_may_name_a_private_address(run, workspace):
    run("add_provider", "vllm", "--base-url", "http://10.0.0.5:8000/v1/")
    target = catalogue.resolve("vllm/m", workspace_id=workspace.id)
    assert (target.base_url, target.is_guarded) == ("http://10.0.0.5:8000/v1", False)


def test_adding_again_changes_what_is_said_again(run, workspace):
    run("add_provider", "work", "--kind", "openai", "--model", "gpt-4", "--key-stdin")
    run("add_provider", "work", "--kind", "openai", "--model", "gpt-5")
    stored = Provider.objects.get()
    assert stored.model_names == ["gpt-5"]
    assert stored.api_key is not None
    assert stored.api_key.reveal() == KEY


def test_another_address_clears_the_key(run):
    run("add_provider", "work", "--kind", "openai", "--key-stdin")
    run("add_provider", "work", "--kind", "openai", "--base-url", "https://elsewhere.example.com/v1")
    assert Provider.objects.get().api_key is None


def test_azures_address_is_completed(run):
    arguments = ("--base-url", "https://alice.openai.example.com", "--key-stdin")
    run("add_provider", "azure", *arguments)
    assert Provider.objects.get().base_url == "https://alice.openai.example.com/openai/v1"


def test_a_provider_may_belong_to_one_workspace(run, workspace):
    run("add_provider", "work", "--kind", "openai", "--workspace", str(workspace.id), "--key-stdin")
    assert Provider.objects.get().workspace == workspace


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("work", "--kind", "openai"), "OpenAI needs a key"),
        (("azure", "--key-stdin"), "needs an address"),
        (("work", "--kind", "github_copilot", "--key-stdin"), "cannot be used"),
        (("local", "--kind", "openai", "--key-stdin"), "demo model"),
        (("Work!", "--kind", "openai", "--key-stdin"), "Small letters"),
        (("work", "--kind", "openai", "--base-url", "ftp://x/v1"), "must begin with https"),
        (("work", "--kind", "openai", "--option", "x", "--key-stdin"), "NAME=VALUE"),
        (("work", "--kind", "openai", "--workspace", "00000000-0000-0000-0000-000000000000"), "no workspace"),
    ],
)
def test_what_cannot_work_is_said_at_once(run, arguments, complaint):
    with pytest.raises(CommandError, match=complaint):
        run("add_provider", *arguments)
    assert not Provider.objects.exists()


def test_the_providers_are_listed_without_their_keys(run, monkeypatch, settings):
    settings.OLLIVE_LOCAL_MODEL = {"base_url": "http://127.0.0.1:9/v1", "api_key": "key-of-the-demo", "name": "small"}
    monkeypatch.setenv("GROQ_API_KEY", "gsk-of-alice-0123456789")
    run("add_provider", "work", "--kind", "anthropic", "--key-stdin")
    printed = run("providers")
    rows = [line.split() for line in printed.splitlines()]
    assert [row[0] for row in rows] == ["NAME", "work", "groq", "local"]
    assert rows[1][:5] == ["work", "anthropic", "installation", "litellm", "••••abcd"]
    for secret in (KEY, "gsk-of-alice", "key-of-the-demo"):
        assert secret not in printed


def test_the_models_are_listed_with_the_default_marked(run):
    run("add_provider", "work", "--kind", "openai", "--model", "a", "--model", "b", "--key-stdin")
    assert run("models") == "* work/a\n  work/b\n"


def test_the_operator_adds_a_provider_in_the_admin(client, root, workspace):
    answer = client.post(reverse("admin:gateway_provider_add"), posted(model_names='["gpt-4"]'))
    assert answer.status_code == 302
    assert catalogue.resolve("work/gpt-4", workspace_id=workspace.id).api_key == KEY


def test_empty_boxes_of_the_admin_are_empty_lists(client, root):
    client.post(reverse("admin:gateway_provider_add"), posted(model_names="", options=""))
    stored = Provider.objects.get()
    assert (stored.model_names, stored.options) == ([], {})


def test_the_admin_never_shows_a_key(client, root, run):
    run("add_provider", "work", "--kind", "openai", "--key-stdin")
    stored = Provider.objects.get()
    assert stored.api_key is not None
    for url in (reverse("admin:gateway_provider_changelist"), reverse("admin:gateway_provider_change", args=[stored.pk])):
        page = client.get(url).content.decode()
        assert KEY not in page
        assert KEY[-4:] in page


def test_an_empty_box_keeps_the_key(client, root, run):
    run("add_provider", "work", "--kind", "openai", "--key-stdin")
    stored = Provider.objects.get()
    url = reverse("admin:gateway_provider_change", args=[stored.pk])
    assert client.post(url, posted(api_key="", model_names='["gpt-5"]')).status_code == 302
    stored.refresh_from_db()
    assert stored.model_names == ["gpt-5"]
    assert stored.api_key is not None
    assert stored.api_key.reveal() == KEY


def test_another_address_typed_into_the_admin_clears_the_key(client, root, run):
    run("add_provider", "work", "--kind", "openai", "--base-url", "http://10.0.0.5/v1", "--key-stdin")
    stored = Provider.objects.get()
    url = reverse("admin:gateway_provider_change", args=[stored.pk])
    assert client.post(url, posted(base_url="https://8.8.8.8/v1", api_key="")).status_code == 302
    stored.refresh_from_db()
    assert (stored.base_url, stored.api_key, stored.is_trusted) == ("https://8.8.8.8/v1", None, False)


def test_a_new_key_may_come_with_a_new_address(client, root, run):
    run("add_provider", "work", "--kind", "openai", "--key-stdin")
    stored = Provider.objects.get()
    url = reverse("admin:gateway_provider_change", args=[stored.pk])
    client.post(url, posted(base_url="https://8.8.8.8/v1", api_key="sk-new-0123456789"))
    stored.refresh_from_db()
    assert stored.api_key is not None
    assert stored.api_key.reveal() == "sk-new-0123456789"


def test_a_trusted_address_stays_trusted_while_it_stays(client, root, run):
    run("add_provider", "work", "--kind", "openai", "--base-url", "http://10.0.0.5/v1", "--key-stdin")
    stored = Provider.objects.get()
    url = reverse("admin:gateway_provider_change", args=[stored.pk])
    assert client.post(url, posted(base_url="http://10.0.0.5/v1", api_key="")).status_code == 302
    stored.refresh_from_db()
    assert stored.is_trusted
    assert stored.api_key is not None


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"base_url": "http://8.8.8.8/v1"}, "must begin with https"),
        ({"base_url": "http://10.0.0.5/v1"}, "private network"),
        ({"base_url": "https://127.0.0.1/v1"}, "private network"),
        ({"kind": "anthropic", "base_url": "https://8.8.8.8"}, "manage.py add_provider only"),
        ({"kind": "litellm_proxy"}, "Select a valid choice"),
        ({"api_key": ""}, "needs a key"),
        ({"api_key": "os.environ/SECRET_KEY"}, "give the key itself"),
        ({"options": '{"api_base": "http://10.0.0.1"}'}, "no option api_base"),
        ({"options": '{"api_version": "os.environ/SECRET_KEY"}'}, "give the key itself"),
        ({"options": '["api_version"]'}, "an object of texts"),
        ({"model_names": '"gpt-4"'}, "a list of names"),
    ],
)
def test_the_admin_refuses_what_a_page_may_not_set(client, root, changes, complaint):
    answer = client.post(reverse("admin:gateway_provider_add"), posted(**changes))
    assert complaint in answer.content.decode()
    assert not Provider.objects.exists()


def test_a_change_in_the_admin_counts_at_once(client, root, run, workspace):
    run("add_provider", "work", "--kind", "openai", "--key-stdin")
    assert "work" in sources.configured(workspace.id)
    url = reverse("admin:gateway_provider_delete", args=[Provider.objects.get().pk])
    client.post(url, {"post": "yes"})
    assert "work" not in sources.configured(workspace.id)


def test_the_key_is_not_stored_as_it_is(run):
    run("add_provider", "work", "--kind", "openai", "--key-stdin")
    rows = json.dumps(list(Provider.objects.values_list()), default=str)
    assert KEY not in rows
