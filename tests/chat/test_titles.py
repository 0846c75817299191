"""Automatic titles: asked for once, beside the chat, and never over a person's own."""

import time
from collections.abc import Iterator

import pytest
from django.utils import timezone

from chat import titles
from chat.models import Conversation, Message
from gateway.models import Budget, ModelChoices
from telemetry import digest
from telemetry.models import InferenceLog
from tests.chat.browser import Browser, ended, wait_for
from tests.fakes.fixtures import RunningProvider
from tests.server import WebServer, web_server


@pytest.fixture(scope="module")
def titling_server(django_db_setup: None, provider_environment: dict[str, str]) -> Iterator[WebServer]:
    with web_server(provider_environment | {"OLLIVE_AUTO_TITLES": "true"}) as server:
        yield server


@pytest.fixture
def as_alice(titling_server: WebServer, fake_provider: RunningProvider, transactional_db: None, alice) -> Iterator[Browser]:
    ModelChoices.objects.create(workspace=alice.memberships.get().workspace, title_path="openai/namer")
    with Browser.of(alice, titling_server) as browser:
        yield browser


def named(conversation_id) -> Conversation | None:
    return Conversation.objects.filter(id=conversation_id, title_source="model").first()


def logged(status: str) -> bool:
    digest.drain()
    return InferenceLog.objects.filter(operation="title", status=status).exists()


def asked(provider: RunningProvider) -> list[dict]:
    return [seen.body for seen in provider.requests if seen.model == "namer"]


def test_the_first_reply_gets_the_chat_a_title(as_alice: Browser, fake_provider: RunningProvider, alice):
    fake_provider.script("namer", chunks=['**Title: "High water', ' in Naples"**.\n', "I hope this helps!"])
    with as_alice.page() as page:
        sent = as_alice.send("Why does the sea rise at alice.liddell@example.org?")
        page.sync(sent.conversation, sent.run)
        ended(sent.run)
        found = wait_for(lambda: named(sent.conversation))
        assert found.title == "High water in Naples"
        page.read_until(lambda: any("High water in Naples" in html for html in page.html))

    [request] = asked(fake_provider)
    assert request["max_tokens"] == titles.MAX_TOKENS
    assert "alice.liddell" not in str(request)
    assert "[[EMAIL]]" in str(request)
    digest.drain()
    log = InferenceLog.objects.get(operation="title")
    assert (log.source, log.status, log.user_id, log.conversation_id) == ("chat", "success", alice.id, sent.conversation)
    ended(as_alice.send("And in Venice?", conversation=sent.conversation).run)
    time.sleep(1)
    assert len(asked(fake_provider)) == 1


def test_a_title_that_fails_is_not_asked_for_again(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("namer", status=500)
    sent = as_alice.send("Why does the sea rise?")
    ended(sent.run)
    wait_for(lambda: asked(fake_provider))
    wait_for(lambda: logged("error"))
    ended(as_alice.send("And in Venice?", conversation=sent.conversation).run)
    time.sleep(1)

    assert len(asked(fake_provider)) == 1
    found = Conversation.objects.get()
    assert (found.title, found.title_source) == ("Why does the sea rise?", "prompt")


def test_a_persons_own_title_stays_though_it_came_meanwhile(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("namer", chunks=["From the model"], first_delay=1.5)
    sent = as_alice.send("Why does the sea rise?")
    ended(sent.run)
    wait_for(lambda: asked(fake_provider))
    Conversation.objects.update(title="My own", title_source="person")
    wait_for(lambda: logged("success"))
    assert Conversation.objects.get().title == "My own"


def test_a_reply_that_failed_gets_no_title(as_alice: Browser, fake_provider: RunningProvider):
    sent = as_alice.send("Hello", model="openai/error-401")
    ended(sent.run)
    time.sleep(1)
    assert asked(fake_provider) == []
    assert Conversation.objects.get().title_asked_at is None


@pytest.fixture
def conversation(alice, workspace, monkeypatch) -> Conversation:
    monkeypatch.setenv("OPENAI_API_KEY", "fake")
    made = Conversation.objects.create(workspace=workspace, owner=alice, title="Why", model="openai/gpt-4o")
    prompt = Message.objects.create(conversation=made, role="user", content="Why?", position=1)
    Message.objects.create(conversation=made, role="assistant", content="So.", parent=prompt, position=2)
    return made


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fields",
    [{"title_source": "person"}, {"title_source": "model"}, {"is_temporary": True}, {"deleted_at": timezone.now()}],
)
def test_where_no_title_is_due_none_is_asked_for(conversation, fields):
    Conversation.objects.update(**fields)
    assert titles._begin(conversation.id, None, now=timezone.now()) is None


@pytest.mark.django_db
def test_only_one_process_asks(conversation):
    first, second = (titles._begin(conversation.id, None, now=timezone.now()) for _ in range(2))
    assert first is not None
    assert second is None


@pytest.mark.django_db
def test_what_was_said_to_one_provider_is_told_to_no_other(conversation, monkeypatch):
    monkeypatch.setenv("MISTRAL_API_KEY", "fake")
    Conversation.objects.update(model="mistral/mistral-large-latest")
    conversation.refresh_from_db()
    assert titles.title_path(conversation).startswith("mistral/")


@pytest.mark.django_db
def test_the_demo_model_finds_no_titles(conversation):
    conversation.model = "local/demo"
    assert titles.title_path(conversation) == ""


@pytest.mark.django_db
def test_a_budget_that_is_used_up_buys_no_title(conversation, workspace):
    Budget.objects.create(workspace=workspace, limit_usd=0)
    assert titles._begin(conversation.id, None, now=timezone.now()) is None


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ('"Tides of the Moon."', "Tides of the Moon"),
        ("**Titre : Les marées**", "Les marées"),
        ("# Tides\n\nIs there more?", "Tides"),
        ("<think>They ask about…</think>\nTides", "Tides"),
        ("<think>never closed", ""),
        ("   \n ", ""),
        ("「潮汐」", "潮汐"),
        ("What causes tides?", "What causes tides?"),
        ("word " * 40, ("word " * 40)[:59].rstrip() + "…"),
    ],
)
def test_a_title_is_one_clean_line(said, title):
    assert titles.clean(said) == title
