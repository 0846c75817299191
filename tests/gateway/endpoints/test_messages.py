"""Anthropic's messages: as they are from Anthropic, made of chat completions from others."""

import json
import time

import pytest

from tests.asking import recorded
from tests.fakes.replies import TEXT

NATIVE, MADE = "anthropic/claude-plain", "openai/plain"
ASKED = {"max_tokens": 100, "messages": [{"role": "user", "content": "How do tides work?"}]}
WEATHER = {"name": "weather", "description": "Tells it", "input_schema": {"type": "object", "properties": {}}}


def events(answer) -> list[dict]:
    return [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line.startswith("data: ")]


@pytest.mark.parametrize("model", [NATIVE, MADE])
def test_a_message_comes_in_one_piece(caller, model):
    answer = caller.post("/v1/messages", json={"model": model, **ASKED, "metadata": {"user_id": "u-7"}})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["type"], told["role"], told["stop_reason"]) == ("message", "assistant", "end_turn")
    assert told["content"] == [{"type": "text", "text": TEXT}]
    assert told["usage"]["output_tokens"] > 100
    row = recorded()[0]
    assert (row.status, row.end_user, row.usage_source, row.requested_model) == ("success", "u-7", "provider", model)
    assert row.output_preview.startswith("## Tides")


@pytest.mark.parametrize("model", [NATIVE, MADE])
def test_a_stream_has_all_events_in_their_order(caller, model):
    answer = caller.post("/v1/messages", json={"model": model, **ASKED, "stream": True})
    told = events(answer)
    kinds = list(dict.fromkeys(event["type"] for event in told))
    assert kinds == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert "".join(event["delta"]["text"] for event in told if event["type"] == "content_block_delta") == TEXT
    assert told[-2]["delta"]["stop_reason"] == "end_turn"
    assert told[-2]["usage"]["output_tokens"] > 100
    assert answer.text.startswith("event: message_start\n")
    assert recorded()[0].status == "success"


def test_anthropics_own_words_pass_with_what_only_it_can_read(caller, fake_provider):
    fake_provider.script("claude-plain", reasoning=["I count. "], chunks=["Four."])
    history = [
        {"role": "user", "content": [{"type": "text", "text": "2 + 2?", "cache_control": {"type": "ephemeral"}}]},
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "…", "signature": "s"}, {"type": "text", "text": "4"}],
        },
        {"role": "user", "content": "Again."},
    ]
    body = {
        "model": NATIVE,
        "max_tokens": 2000,
        "messages": history,
        "system": "Count.",
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    told = caller.post("/v1/messages", json=body | {"api_base": "http://x", "extra_headers": {"x": "y"}}).json()
    assert [block["type"] for block in told["content"]] == ["thinking", "text"]
    assert told["content"][0]["signature"] == "signed-by-fake"
    asked = fake_provider.last
    assert asked.path == "/v1/messages"
    assert asked.body["messages"] == history
    assert asked.headers.get("x-api-key") == "sk-ant-of-the-installation"
    assert not {"api_base", "extra_headers"} & asked.body.keys()
    row = recorded()[0]
    assert (row.input_tokens, row.cache_read_tokens, row.output_tokens) == (9, 4, 2)


def test_a_conversation_with_tools_and_pictures_becomes_a_chat(caller, fake_provider):
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
    history = [
        {"role": "user", "content": [{"type": "text", "text": "Weather?"}, picture]},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Look:"},
                {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Paris"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "Rain."}], "is_error": True},
                {"type": "text", "text": "And?"},
            ],
        },
    ]
    body = {
        "model": MADE,
        "max_tokens": 9,
        "messages": history,
        "tools": [WEATHER],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
    }
    body |= {"system": [{"type": "text", "text": "Be kind."}], "stop_sequences": ["!"], "temperature": 0.5}
    assert caller.post("/v1/messages", json=body).status_code == 200
    asked = fake_provider.last.body
    assert [message["role"] for message in asked["messages"]] == ["system", "user", "assistant", "tool", "user"]
    assert asked["messages"][1]["content"][1]["image_url"]["url"] == "data:image/png;base64,iVBORw0KGgo="
    assert json.loads(asked["messages"][2]["tool_calls"][0]["function"]["arguments"]) == {"city": "Paris"}
    assert asked["messages"][3] == {"role": "tool", "tool_call_id": "t1", "content": "Error: Rain."}
    assert (asked["tool_choice"], asked["parallel_tool_calls"], asked["stop"]) == ("required", False, ["!"])


@pytest.mark.parametrize("model", ["anthropic/tools", "openai/tools"])
@pytest.mark.parametrize("stream", [True, False])
def test_calls_of_tools_come_as_blocks(caller, model, stream):
    answer = caller.post("/v1/messages", json={"model": model, **ASKED, "tools": [WEATHER], "stream": stream})
    if not stream:
        blocks = {block["name"]: block["input"] for block in answer.json()["content"]}
        assert blocks == {"weather": {"city": "Paris"}, "clock": {}}
        return
    told = events(answer)
    started = {event["index"]: event["content_block"]["name"] for event in told if event["type"] == "content_block_start"}
    pieces = dict.fromkeys(started, "")
    for event in told:
        if event["type"] == "content_block_delta":
            pieces[event["index"]] += event["delta"]["partial_json"]
    assert {started[index]: json.loads(text) for index, text in pieces.items()} == {"weather": {"city": "Paris"}, "clock": {}}
    assert told[-2]["delta"]["stop_reason"] == "tool_use"
    assert recorded()[0].finish_reason == "tool_calls"


def test_the_key_may_come_as_anthropics_clients_send_it(caller):
    token = caller.headers.pop("authorization").removeprefix("Bearer ")
    assert caller.post("/v1/messages", json={"model": MADE, **ASKED}, headers={"x-api-key": token}).status_code == 200


@pytest.mark.parametrize(
    ("change", "status", "kind"),
    [
        ({"max_tokens": None}, 400, "invalid_request_error"),
        ({"messages": []}, 400, "invalid_request_error"),
        ({"model": "openai/quota"}, 429, "rate_limit_error"),
        ({"model": "nowhere/x"}, 404, "not_found_error"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, 400, "invalid_request_error"),
        ({"tools": [{"type": "advisor_20260101", "name": "a"}]}, 400, "invalid_request_error"),
    ],
)
def test_errors_have_anthropics_shape(caller, fake_provider, change, status, kind):
    answer = caller.post("/v1/messages", json={"model": MADE, **ASKED, **change})
    told = answer.json()
    assert (answer.status_code, told["type"], told["error"]["type"]) == (status, "error", kind)
    assert told["error"]["message"]


def test_without_a_key_the_error_has_anthropics_shape_too(caller):
    del caller.headers["authorization"]
    answer = caller.post("/v1/messages", json={"model": MADE, **ASKED})
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "authentication_error")


@pytest.mark.parametrize("model", ["anthropic/error-mid", "openai/error-mid"])
def test_a_stream_that_breaks_says_so(caller, fake_provider, model):
    fake_provider.script("error-mid", rate=50, breaks_with="error")
    told = events(caller.post("/v1/messages", json={"model": model, **ASKED, "stream": True}))
    assert told[-1]["type"] == "error"
    assert recorded()[0].status == "error"


@pytest.mark.parametrize("model", ["anthropic/paced-20", "openai/paced-20"])
def test_a_caller_who_hangs_up_ends_the_call(caller, fake_provider, model):
    with caller.stream("POST", "/v1/messages", json={"model": model, **ASKED, "stream": True}) as answer:
        next(answer.iter_bytes())
    deadline = time.monotonic() + 5
    while fake_provider.open_count and time.monotonic() < deadline:
        time.sleep(0.05)
    assert fake_provider.open_count == 0
    assert recorded()[0].status == "canceled"


def test_the_tokens_of_a_prompt_are_counted_without_asking_anybody(caller, fake_provider):
    answer = caller.post("/v1/messages/count_tokens", json={"model": MADE, "messages": ASKED["messages"], "tools": [WEATHER]})
    assert answer.json()["input_tokens"] > 10
    assert fake_provider.requests == []
