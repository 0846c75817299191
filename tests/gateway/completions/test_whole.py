"""Answers in one piece, over HTTP: OpenAI's shape, the provider's own words, and the row in the log."""

import json

import pytest

from tests.asking import recorded
from tests.fakes.replies import TEXT
from tests.gateway.completions.sent import MESSAGES, MODEL, PATH, ask

RICH = {
    "id": "chatcmpl-rich",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "plain-2026",
    "system_fingerprint": "fp_7",
    "service_tier": "default",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Yes.", "refusal": None, "annotations": [{"type": "url_citation"}]},
            "logprobs": {"content": [{"token": "Yes", "logprob": -0.1, "bytes": [89], "top_logprobs": []}]},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6},
}


def test_the_providers_answer_is_passed_on_as_it_is(caller, fake_provider):
    body = json.dumps(RICH, indent=1)
    fake_provider.script("plain", body=body, content_type="application/json")
    answer = ask(caller, logprobs=True, seed=7, temperature=0.5, user="customer-7", api_base="http://evil.example")
    assert (answer.status_code, answer.text) == (200, body)
    assert answer.headers["x-ollive-ignored"] == "api_base"
    sent = fake_provider.last.body
    assert sent == {
        "model": "plain",
        "messages": MESSAGES,
        "logprobs": True,
        "seed": 7,
        "temperature": 0.5,
        "user": "customer-7",
    }
    assert fake_provider.last.headers["Authorization"] == "Bearer sk-of-the-installation"


def test_the_call_is_in_the_log(caller, alice, workspace):
    answer = ask(caller, user="customer-7", metadata={"team": "sea", "tags": ["tides"]}, temperature=0.5)
    (row,) = recorded()
    assert str(row.id) == answer.headers["x-ollive-inference-id"]
    assert row.trace_id == answer.headers["x-trace-id"]
    assert (row.source, row.status, row.operation, row.is_stream) == ("gateway", "success", "chat", False)
    assert (row.workspace_id, row.user_id, row.api_key_id) == (workspace.id, alice.id, alice.api_keys.get().id)
    assert (row.requested_model, row.provider, row.model, row.finish_reason) == (MODEL, "openai", "plain", "stop")
    assert (row.end_user, row.tags, row.metadata["team"], row.parameters) == (
        "customer-7",
        ["tides"],
        "sea",
        {"temperature": 0.5, "user": "customer-7"},
    )
    assert (row.input_tokens, row.usage_source) == (4, "provider")
    assert row.output_tokens > 100
    assert row.process_id is not None
    assert (row.input_preview, row.output_preview[:8]) == ("How do tides work?", "## Tides")


def test_the_copy_for_the_log_alone_is_redacted(caller, fake_provider):
    fake_provider.script("plain", chunks=["Write to carol@example.org."])
    said = [{"role": "user", "content": "I am bob@example.com"}]
    answer = ask(caller, messages=said)
    assert answer.json()["choices"][0]["message"]["content"] == "Write to carol@example.org."
    assert fake_provider.last.body["messages"] == said
    (row,) = recorded()
    assert (row.input_preview, row.output_preview) == ("I am [[EMAIL]]", "Write to [[EMAIL]].")


def test_several_choices_are_answered_and_kept(caller):
    answer = ask(caller, n=2)
    assert [choice["index"] for choice in answer.json()["choices"]] == [0, 1]
    (row,) = recorded()
    assert row.output_preview.startswith("## Tides")


def test_tools_are_asked_for(caller):
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
    answer = ask(caller, "openai/tools", tools=tools)
    (choice,) = answer.json()["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert [call["function"]["name"] for call in choice["message"]["tool_calls"]] == ["weather", "clock"]
    (row,) = recorded()
    assert row.finish_reason == "tool_calls"


def test_usage_that_the_provider_does_not_tell_is_counted(caller):
    usage = ask(caller, "openai/no-usage").json()["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["completion_tokens"] > 100
    (row,) = recorded()
    assert (row.output_tokens, row.usage_source) == (usage["completion_tokens"], "estimated")


def test_a_server_that_leaves_half_of_it_out_is_mended(caller, fake_provider):
    bare = {"choices": [{"message": {"content": [{"type": "text", "text": "Yes."}]}, "finish_reason": "eos"}]}
    fake_provider.script("plain", body=json.dumps(bare), content_type="application/json")
    told = ask(caller).json()
    assert (told["object"], told["model"], told["id"][:9]) == ("chat.completion", "plain", "chatcmpl-")
    (choice,) = told["choices"]
    assert choice == {
        "index": 0,
        "message": {"role": "assistant", "content": "Yes."},
        "logprobs": None,
        "finish_reason": "stop",
    }


@pytest.mark.parametrize(
    ("model", "status", "code", "may_retry"),
    [
        ("openai/error-401", 502, "provider_authentication", False),
        ("openai/error-404", 404, "model_not_found", False),
        ("openai/too-long", 400, "context_length_exceeded", False),
        ("openai/policy", 400, "content_filter", False),
        ("openai/quota", 429, "insufficient_quota", False),
        ("nowhere/model", 404, "model_not_found", False),
    ],
)
def test_a_refusal_has_the_status_and_code_that_clients_know(caller, model, status, code, may_retry):
    answer = ask(caller, model)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    if status >= 429 and not may_retry:
        assert answer.headers["x-should-retry"] == "false"


def test_a_failed_attempt_is_made_again_and_each_is_in_the_log(caller, fake_provider):
    fake_provider.queue("plain", {"status": 503, "retry_after": "0"})
    assert ask(caller).json()["choices"][0]["message"]["content"] == TEXT
    first, second = recorded(2)
    assert [(row.attempt, row.status) for row in (first, second)] == [(1, "error"), (2, "success")]
    assert first.trace_id == second.trace_id
    assert first.error_class in {"unavailable", "overloaded"}


def test_a_body_that_is_no_request_costs_nothing(caller, fake_provider):
    answer = caller.post(PATH, content=b"{")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")
    answer = ask(caller, temperature="hot")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "temperature")
    assert fake_provider.requests == []


def test_a_key_without_the_scope_asks_nobody(asking_server, caller, alice, fake_provider):
    from tests.programs import client_of, make_token

    with client_of(asking_server, make_token(alice, scopes=["ingest"])) as program:
        assert ask(program).status_code == 403
    with client_of(asking_server, "") as nobody:
        assert ask(nobody).json()["error"]["code"] == "invalid_api_key"
    assert fake_provider.requests == []
