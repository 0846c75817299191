"""OpenAI's responses: as they are from a server that has them, made of chat completions from one that has not."""

import json

import pytest

from tests.asking import recorded
from tests.fakes.replies import TEXT

NATIVE, MADE = "openai/plain", "openai/no-responses"
WEATHER = {"type": "function", "name": "weather", "description": "Tells it", "parameters": {"type": "object", "properties": {}}}


def events(answer) -> list[dict]:
    return [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line.startswith("data: ")]


def said(response: dict) -> str:
    return "".join(part["text"] for item in response["output"] if item["type"] == "message" for part in item["content"])


@pytest.mark.parametrize("model", [NATIVE, MADE])
def test_a_response_comes_in_one_piece(caller, model):
    answer = caller.post("/v1/responses", json={"model": model, "input": "How do tides work?", "metadata": {"team": "sea"}})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["object"], told["status"], said(told)) == ("response", "completed", TEXT)
    assert told["usage"]["total_tokens"] == told["usage"]["input_tokens"] + told["usage"]["output_tokens"] > 100
    row = recorded()[0]
    assert (row.status, row.source, row.usage_source, row.metadata) == ("success", "gateway", "provider", {"team": "sea"})
    assert row.output_preview.startswith("## Tides")


@pytest.mark.parametrize("model", [NATIVE, MADE])
def test_a_stream_has_all_events_in_their_order(caller, model):
    answer = caller.post("/v1/responses", json={"model": model, "input": "How do tides work?", "stream": True})
    told = events(answer)
    kinds = list(dict.fromkeys(event["type"] for event in told))
    assert [kind for kind in kinds if kind != "response.in_progress"] == [
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        *(["response.content_part.done"] if model == MADE else []),
        "response.output_item.done",
        "response.completed",
    ]
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert "".join(event["delta"] for event in told if event["type"] == "response.output_text.delta") == TEXT
    assert said(told[-1]["response"]) == TEXT
    assert next(line for line in answer.text.splitlines() if line.startswith("event: ")) == "event: response.created"
    row = recorded()[0]
    assert (row.status, row.is_stream, row.ttft_ms is not None) == ("success", True, True)


def test_nothing_is_kept_at_the_provider(caller, fake_provider):
    body = {"model": NATIVE, "input": "x", "store": True, "api_key": "sk-x", "base_url": "http://x", "extra_body": {"a": 1}}
    assert caller.post("/v1/responses", json=body).status_code == 200
    assert fake_provider.last.body == {"model": "plain", "input": "x", "store": False}


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "prompt", "background"])
def test_what_is_kept_at_a_provider_is_not_gone_on_from(caller, fake_provider, name):
    answer = caller.post("/v1/responses", json={"model": NATIVE, "input": "x", name: "resp_of_somebody_else"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, name)
    assert fake_provider.requests == []


def test_a_conversation_with_tools_becomes_a_chat(caller, fake_provider):
    caller.post("/v1/responses", json={"model": MADE, "input": "to learn that it has none"})
    conversation = [
        {"role": "developer", "content": "Be kind."},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
        {"type": "reasoning", "summary": [], "encrypted_content": "…"},
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city": "Paris"}'},
        {"type": "function_call", "call_id": "c2", "name": "clock", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "Rain."},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "Noon."}]},
    ]
    body = {
        "model": MADE,
        "input": conversation,
        "instructions": "Be brief.",
        "tools": [WEATHER],
        "tool_choice": {"type": "function", "name": "weather"},
        "max_output_tokens": 7,
        "reasoning": {"effort": "low"},
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {}}},
    }
    assert caller.post("/v1/responses", json=body).status_code == 200
    asked = fake_provider.last.body
    assert [message["role"] for message in asked["messages"]] == ["system", "system", "user", "assistant", "tool", "tool"]
    assert [call["id"] for call in asked["messages"][3]["tool_calls"]] == ["c1", "c2"]
    assert [message["content"] for message in asked["messages"][4:]] == ["Rain.", "Noon."]
    assert asked["tools"][0]["function"]["name"] == "weather"
    assert asked["tool_choice"]["function"]["name"] == "weather"
    assert asked["reasoning_effort"] == "low"
    assert asked["response_format"]["json_schema"]["name"] == "n"


@pytest.mark.parametrize("stream", [True, False])
def test_calls_of_tools_come_as_items(caller, fake_provider, stream):

    fake_provider.script(
        "no-responses",
        reasoning=["Hm. "],
        chunks=["Look:"],
        finish_reason="tool_calls",
        tool_calls=[{"id": "c1", "name": "weather", "arguments": ['{"city": ', '"Paris"}']}],
    )
    answer = caller.post("/v1/responses", json={"model": MADE, "input": "Weather?", "tools": [WEATHER], "stream": stream})
    told = events(answer)[-1]["response"] if stream else answer.json()
    assert [item["type"] for item in told["output"]] == ["reasoning", "message", "function_call"]
    call = told["output"][-1]
    assert (call["call_id"], call["name"], json.loads(call["arguments"]), call["status"]) == (
        "c1",
        "weather",
        {"city": "Paris"},
        "completed",
    )
    assert told["output"][0]["summary"][0]["text"] == "Hm. "


@pytest.mark.parametrize(
    "kind", ["web_search", "file_search", "code_interpreter", "mcp", "computer_use_preview", "image_generation"]
)
def test_tools_that_the_provider_would_run_are_refused(caller, fake_provider, kind):
    tool = {"type": kind, "server_url": "http://169.254.169.254/", "server_label": "x"}
    answer = caller.post("/v1/responses", json={"model": NATIVE, "input": "x", "tools": [tool]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "hosted_tool")
    assert fake_provider.requests == []


def test_a_reply_that_was_cut_is_incomplete(caller, fake_provider):
    fake_provider.script("no-responses", finish_reason="length")
    told = caller.post("/v1/responses", json={"model": MADE, "input": "x"}).json()
    assert (told["status"], told["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})


@pytest.mark.parametrize("model", ["openai/error-mid", "openai/no-responses"])
def test_a_stream_that_breaks_ends_with_a_failed_response(caller, fake_provider, model):
    fake_provider.script("*", rate=50, breaks_with="error")
    told = events(caller.post("/v1/responses", json={"model": model, "input": "x", "stream": True}))
    assert (told[-1]["type"], told[-1]["response"]["status"]) == ("response.failed", "failed")
    assert told[-1]["response"]["error"]["message"]
    assert recorded()[0].status == "error"
