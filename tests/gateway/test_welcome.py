"""The first screen of a workspace: a key that is recognised, the Ollama of this machine, the demo model."""

import json
from dataclasses import replace

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, Membership
from gateway import catalogue, directory, sources, welcome
from gateway.models import Provider

pytestmark = pytest.mark.django_db

KEY = "gsk_of-alice-0123456789abcd"
DEMO = {"base_url": "http://127.0.0.1:9/v1", "api_key": "key-of-the-demo", "name": "smollm2-135m-instruct"}
TITLE = "Choose where answers come from"


@pytest.fixture
def client(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def groq(fake_provider, monkeypatch):
    """Groq, as the fake provider plays it."""
    moved = replace(directory.kinds()["groq"], base_url=fake_provider.url)
    monkeypatch.setattr(directory, "kinds", lambda: {**KINDS, "groq": moved})
    monkeypatch.setitem(directory._by_any_name(), "groq", moved)
    fake_provider.script("/models", body='{"data": [{"id": "llama-9-preview"}, {"id": "llama-8"}]}')
    return fake_provider


KINDS = directory.kinds()


def paste(client: Client, key: str = KEY, **given):
    return client.post(reverse("gateway:welcome_key"), {"api_key": key, **given}, headers={"HX-Request": "true"})


def part_of(user) -> Membership:
    return Membership.objects.select_related("workspace").get(user=user)


def test_it_is_shown_to_who_may_do_something_about_it(client, alice, bob, settings):
    settings.OLLIVE_LOCAL_MODEL = DEMO
    assert TITLE in client.get("/").content.decode()
    member = Client()
    member.force_login(bob)
    assert TITLE not in member.get("/").content.decode()


def test_it_is_gone_once_there_is_a_provider(client, workspace, monkeypatch):
    monkeypatch.setenv("GROQ_API_KEY", "gsk-of-the-machine")
    sources.forget()
    assert TITLE not in client.get("/").content.decode()


def test_a_person_puts_it_away_for_themselves(client, workspace, bob):
    Membership.objects.filter(user=bob).update(role="admin")
    client.post(reverse("gateway:welcome_dismiss"), headers={"HX-Request": "true"})
    client.post(reverse("gateway:welcome_dismiss"))
    assert TITLE not in client.get("/").content.decode()
    other = Client()
    other.force_login(bob)
    assert TITLE in other.get("/").content.decode()


def test_a_pasted_key_is_recognised_tested_and_stored_and_the_chat_goes_on(client, workspace, groq):
    answer = paste(client)
    assert answer.status_code == 200
    assert KEY not in answer.content.decode()
    assert json.loads(answer["HX-Trigger"]) == {"ollive:models": {"path": "groq/llama-8"}}
    row = Provider.objects.get()
    assert (row.name, row.kind, row.workspace, row.api_key.reveal()) == ("groq", "groq", workspace, KEY)
    assert row.test_result["is_ok"] is True
    assert catalogue.default_path(workspace.id).startswith("groq/")
    assert [entry.action for entry in AuditEntry.objects.all()] == ["provider.created"]
    assert KEY not in json.dumps(list(AuditEntry.objects.values()), default=str)


def test_a_key_that_is_refused_is_not_stored_and_its_reason_is_shown(client, groq):
    groq.script("/models", status=401, body=json.dumps({"error": {"message": f"Invalid API Key {KEY}"}}))
    answer = paste(client).content.decode()
    assert "Groq refused the key. It said: Invalid API Key •••" in answer
    assert KEY not in answer
    assert not Provider.objects.exists()


def test_a_key_that_many_make_is_asked_about(client):
    answer = paste(client, "sk-0123456789abcdef").content.decode()
    assert "Such keys are made by OpenAI, DeepSeek" in answer
    assert '<option value="deepseek">' in answer
    assert '<option value="groq">' not in answer
    unknown = paste(client, "0123456789abcdef").content.decode()
    assert "does not say whose it is" in unknown
    assert '<option value="mistral">' in unknown
    assert not Provider.objects.exists()


def test_the_one_that_was_chosen_is_asked(client, groq):
    assert paste(client, "a-key-without-a-mark-0123", kind="groq")["HX-Trigger"]
    assert Provider.objects.get().kind == "groq"


@pytest.mark.parametrize("key", ["", "   ", "gsk_with space", "gsk_é", "gsk_os.environ/SECRET_KEY\n"])
def test_what_is_no_key_is_refused(client, groq, key):
    answer = paste(client, key)
    assert "HX-Trigger" not in answer
    assert 'role="alert"' in answer.content.decode()
    assert not Provider.objects.exists()


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("sk-ant-api03-x", "anthropic"),
        ("sk-or-v1-x", "openrouter"),
        ("gsk_x", "groq"),
        ("AIzaX", "gemini"),
        ("sk-proj-x", "openai"),
    ],
)
def test_keys_say_whose_they_are(key, kind):
    assert [found.name for found in directory.recognised(key)] == [kind]


def test_the_ollama_of_this_machine_is_found_and_allowed_once(client, workspace, fake_provider, monkeypatch):
    monkeypatch.setattr(welcome, "OLLAMA_PORT", fake_provider.port)
    fake_provider.script("/models", body='{"data": [{"id": "llama3.2:latest"}]}')
    card = client.get(reverse("gateway:welcome_ollama")).content.decode()
    assert "llama3.2:latest" in card
    assert "Allow and use it" in card
    answer = client.post(reverse("gateway:welcome_ollama"), headers={"HX-Request": "true"})
    assert json.loads(answer["HX-Trigger"]) == {"ollive:models": {"path": "ollama/llama3.2:latest"}}
    row = Provider.objects.get()
    assert (row.kind, row.private_host) == ("ollama", f"127.0.0.1:{fake_provider.port}")
    assert row.allowed_at is not None
    target = catalogue.resolve("ollama/llama3.2:latest", workspace_id=workspace.id)
    assert (target.is_guarded, target.allowed_host) == (True, row.private_host)


def test_an_ollama_that_is_not_there_is_said_not_to_be_there(client, monkeypatch, refusing_url):
    monkeypatch.setattr(welcome, "OLLAMA_PORT", int(refusing_url.split(":")[2].split("/")[0]))
    assert "None answers at" in client.get(reverse("gateway:welcome_ollama")).content.decode()
    answer = client.post(reverse("gateway:welcome_ollama"), headers={"HX-Request": "true"}).content.decode()
    assert "does not answer any more" in answer
    assert not Provider.objects.exists()


def test_an_ollama_without_a_model_says_how_to_get_one(client, fake_provider, monkeypatch):
    monkeypatch.setattr(welcome, "OLLAMA_PORT", fake_provider.port)
    fake_provider.script("/models", body='{"data": []}')
    assert "ollama pull" in client.get(reverse("gateway:welcome_ollama")).content.decode()


def test_only_the_owner_allows_this_machines_ollama(bob, fake_provider, monkeypatch):
    Membership.objects.filter(user=bob).update(role="admin")
    monkeypatch.setattr(welcome, "OLLAMA_PORT", fake_provider.port)
    admin = Client()
    admin.force_login(bob)
    card = admin.get(reverse("gateway:welcome_ollama")).content.decode()
    assert "an owner has to allow it" in card
    assert admin.post(reverse("gateway:welcome_ollama")).status_code == 403
    assert not Provider.objects.exists()


def test_the_demo_model_says_what_it_is(client, settings):
    settings.OLLIVE_LOCAL_MODEL = DEMO
    page = client.get("/").content.decode()
    assert "135 million parameters" in page
    assert "Begin with it" in page
    settings.OLLIVE_LOCAL_MODEL = None
    sources.forget()
    assert "It does not run here" in client.get("/").content.decode()


def test_names_are_not_taken_twice(workspace, alice, groq):
    Provider.objects.create(workspace=workspace, name="groq", kind="openai", api_key="sk-0123456789abc", is_enabled=False)
    assert welcome.take_key(part_of(alice), KEY, "", now=timezone.now()) == "groq-2/llama-8"
