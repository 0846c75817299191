"""What holds for every door that asks a model: redaction, budgets, limits, and answers that are given once."""

import json

import pytest

from gateway.models import Budget
from telemetry.models import RedactionPolicy
from tests.asking import recorded

EMAIL = "alice.liddell@example.org"
SAID = f"Write to {EMAIL}"
BODIES = {
    "/v1/embeddings": {"model": "openai/text-embedding-3-small", "input": SAID},
    "/v1/completions": {"model": "openai/echo", "prompt": SAID},
    "/v1/responses": {"model": "openai/echo", "input": SAID},
    "/v1/messages": {"model": "openai/echo", "max_tokens": 100, "messages": [{"role": "user", "content": SAID}]},
}
STREAMED = ("/v1/completions", "/v1/responses", "/v1/messages")


@pytest.fixture
def mode(alice):
    def choose(mode: str) -> None:
        RedactionPolicy.objects.create(workspace=alice.workspaces.get(), mode=mode)

    return choose


@pytest.mark.parametrize("path", BODIES)
def test_the_log_holds_no_personal_data(caller, fake_provider, path):
    fake_provider.script("echo", chunks=["Done: ", "alice.liddell", "@example.org", " was told."])
    answer = caller.post(path, json=BODIES[path])
    assert answer.status_code == 200, answer.text
    if path != "/v1/embeddings":
        assert EMAIL in answer.text
    row = recorded()[0]
    assert EMAIL in json.dumps(fake_provider.last.body)
    assert row.input_preview == "Write to [[EMAIL]]"
    assert row.output_preview in (None, "", "Done: [[EMAIL]] was told.")


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("stream", [True, False])
def test_masked_values_are_not_sent_and_come_back(caller, fake_provider, mode, path, stream):
    mode("mask")
    fake_provider.script("echo", chunks=["Done: [[EM", "AIL_1]", "] was told."])
    answer = caller.post(path, json=BODIES[path] | ({"stream": True} if stream and path in STREAMED else {}))
    assert answer.status_code == 200, answer.text
    told = json.dumps(fake_provider.last.body)
    assert EMAIL not in told
    assert "[[EMAIL_1]]" in told
    assert path == "/v1/embeddings" or EMAIL in answer.text
    row = recorded()[0]
    assert EMAIL not in f"{row.input_preview} {row.output_preview}"


@pytest.mark.parametrize("path", BODIES)
def test_what_is_blocked_is_not_sent(caller, fake_provider, mode, path):
    mode("block")
    answer = caller.post(path, json=BODIES[path])
    assert (answer.status_code, "e-mail" in answer.text, EMAIL in answer.text) == (400, True, False)
    assert fake_provider.requests == []


@pytest.mark.parametrize(("path", "name"), [("/v1/embeddings", "input"), ("/v1/completions", "prompt")])
def test_tokens_that_nobody_can_read_are_not_sent_where_that_matters(caller, fake_provider, mode, path, name):
    mode("mask")
    assert caller.post(path, json=BODIES[path] | {name: [1, 2, 3]}).status_code == 400
    assert fake_provider.requests == []


def test_a_budget_that_is_used_up_holds_for_every_door(caller, fake_provider, alice):
    Budget.objects.create(workspace=alice.workspaces.get(), subject="workspace", period="month", limit_usd="0.0000001")
    for path, body in BODIES.items():
        model = "openai/text-embedding-3-small" if path == "/v1/embeddings" else "openai/gpt-4o-mini"
        answer = caller.post(path, json=body | {"model": model, "input" if "input" in body else "prompt": SAID * 50})
        assert (answer.status_code, answer.headers.get("x-should-retry")) == (429, "false"), (path, answer.text)
    assert fake_provider.requests == []


@pytest.mark.parametrize("path", BODIES)
def test_an_answer_is_made_once_for_a_key(caller, fake_provider, path):
    key = {"Idempotency-Key": f"once-{path}"}
    body = BODIES[path] | ({"stream": True} if path in STREAMED else {})
    first, second = (caller.post(path, json=body, headers=key) for _ in range(2))
    assert first.status_code == 200, first.text
    assert (first.content, second.headers["idempotent-replayed"]) == (second.content, "true")
    assert len([seen for seen in fake_provider.requests if seen.path.endswith(path) or "chat" in seen.path]) == 1
    assert caller.post(path, json=body | {"user": "another"}, headers=key).status_code == 409
    assert len(recorded()) == 1
