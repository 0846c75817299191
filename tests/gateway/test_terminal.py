"""Asking a model from the terminal."""

import io
import sys

import pytest
from django.core.management import CommandError, call_command

from gateway import sources
from gateway.models import Budget, Provider
from telemetry import digest
from telemetry.models import InferenceLog
from tests.people import join, make_person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def model(alice, workspace, fake_provider):
    """A model of the fake provider, in Alice's workspace."""
    Provider.objects.create(
        workspace=workspace, name="work", kind="openai", base_url=fake_provider.url, api_key="sk-test", is_trusted=True
    )
    sources.forget()
    return "work/plain"


def ask(*given: str, user: str = "alice@example.com") -> tuple[str, str]:
    """What it printed, and what it told of it."""
    output, told = io.StringIO(), io.StringIO()
    call_command("chat", *given, "--user", user, stdout=output, stderr=told, no_color=True)
    return output.getvalue(), told.getvalue()


def only_row() -> InferenceLog:
    digest.drain()
    return InferenceLog.objects.get()


def test_the_reply_streams_and_the_call_is_recorded(model, alice, fake_provider):
    fake_provider.script(chunks=["Twice ", "a day."])
    printed, told = ask("How often do tides come?", "--model", model, "--system", "Be brief.", "--max-tokens", "50")
    assert printed == "Twice a day.\n"
    assert told.startswith("work/plain · ")
    assert "first token after" in told
    assert [message["role"] for message in fake_provider.last.body["messages"]] == ["system", "user"]
    assert fake_provider.last.body["max_tokens"] == 50
    row = only_row()
    assert (row.status, row.source, row.user_id, row.tags) == ("success", "gateway", alice.id, ["terminal"])


def test_a_question_may_be_piped_in(model, fake_provider, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("What is in this text?\n"))
    ask("--model", model)
    assert fake_provider.last.body["messages"][-1]["content"] == "What is in this text?\n"


def test_a_talk_goes_on_from_what_was_said(model, fake_provider, monkeypatch):
    fake_provider.script(chunks=["Twice."])
    questions = iter(["How often?", "  ", "Why?"])

    def typed(_prompt: str) -> str:
        try:
            return next(questions)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", typed)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    ask("--model", model)
    said = [message["content"] for message in fake_provider.last.body["messages"]]
    assert said == ["How often?", "Twice.", "Why?"]


def test_a_failure_is_a_sentence_and_a_row(model, fake_provider):
    fake_provider.script(status=401)
    with pytest.raises(CommandError, match="key"):
        ask("Hello?", "--model", model)
    row = only_row()
    assert (row.status, row.error_class) == ("error", "authentication")


def test_a_budget_holds_here_too(model, workspace, fake_provider, monkeypatch):
    Budget.objects.create(workspace=workspace, limit_usd=0)
    with pytest.raises(CommandError, match="budget"):
        ask("Hello?", "--model", "work/gpt-4o")
    assert fake_provider.requests == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["", "--model", "work/plain"], "empty"),
        (["Hello?", "--model", "nowhere/plain"], "nowhere"),
        (["Hello?", "--temperature", "3"], "temperature"),
        (["Hello?", "--max-tokens", "0"], "token"),
    ],
)
def test_what_cannot_be_asked_is_told(model, given, sentence):
    with pytest.raises(CommandError, match=sentence):
        ask(*given)


def test_who_asks_must_be_known_and_may_not_only_read(model, workspace):
    join(make_person("Vera"), workspace, "viewer")
    with pytest.raises(CommandError, match="no user"):
        ask("Hello?", user="nobody@example.com")
    with pytest.raises(CommandError, match="reads along"):
        ask("Hello?", user="vera@example.com")
