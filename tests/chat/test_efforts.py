"""How hard a model thinks: chosen for a turn where the model can be asked, kept with the reply, and used again."""

import pytest

from gateway import efforts
from gateway.catalogue import resolve
from tests.chat.browser import Browser, ended
from tests.fakes.fixtures import RunningProvider


def test_an_effort_goes_with_the_call_and_stays_with_the_chat(as_alice: Browser, fake_provider: RunningProvider):
    sent = as_alice.send("Think", model="openai/gpt-5", effort="high")
    reply = ended(sent.run)
    assert fake_provider.last.body["reasoning_effort"] == "high"
    assert reply.reasoning_effort == "high"
    page = as_alice.client.get(f"/c/{sent.conversation}/").text
    assert 'data-chosen="high"' in page

    # Another try, and a turn from a page that says nothing of it, are as hard.
    again = as_alice.post(f"/runs/{sent.run}/retry/")
    assert again.status_code == 200
    assert fake_provider.last.body["reasoning_effort"] == "high"


def test_auto_leaves_it_to_the_model(as_alice: Browser, fake_provider: RunningProvider):
    reply = ended(as_alice.send("Think", model="openai/gpt-5", effort="").run)
    assert "reasoning_effort" not in fake_provider.last.body
    assert reply.reasoning_effort == ""


@pytest.mark.parametrize(
    ("model", "effort"),
    [("gpt-4o", "high"), ("gpt-5", "extreme"), ("gpt-5", "none"), ("o3-mini", "minimal"), ("unheard-of", "none")],
)
def test_what_a_model_does_not_take_is_not_sent(as_alice: Browser, fake_provider: RunningProvider, model: str, effort: str):
    ended(as_alice.send("Think", model=f"openai/{model}", effort=effort).run)
    assert "reasoning_effort" not in fake_provider.last.body


def test_a_server_that_refuses_it_is_asked_without(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("o3-mini", rejects=["reasoning_effort"], chunks=["Four."])
    reply = ended(as_alice.send("Think", model="openai/o3-mini", effort="low").run)
    assert (reply.status, reply.content) == ("complete", "Four.")
    assert "reasoning_effort" not in fake_provider.last.body


def test_unusual_efforts_are_known_by_model(workspace, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "fake")
    taken = [
        efforts.taken("minimal", resolve(f"openai/{name}", workspace_id=workspace.id), workspace.id)
        for name in ("gpt-5", "gpt-5.1")
    ]
    assert taken == ["minimal", ""]
