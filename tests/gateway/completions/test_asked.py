"""The body of a chat completion: what is taken, what is left out, and what is refused in which words."""

import json
from typing import Any

import pytest

from accounts.entrance import Refused
from gateway.completions import read

SAID = [{"role": "user", "content": "Hi"}]


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "openai/plain", "messages": SAID, **fields}).encode()


def refusal(**fields: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        read(body(**fields))
    return caught.value


def nested(depth: int) -> Any:
    return {"inner": nested(depth - 1)} if depth else "end"


def test_what_openai_knows_is_passed_on():
    given = {
        "temperature": 0.5,
        "n": 2,
        "seed": 7,
        "stop": ["END"],
        "logprobs": True,
        "top_logprobs": 3,
        "response_format": {"type": "json_object"},
        "tools": [{"type": "function", "function": {"name": "clock", "parameters": {}}}],
        "tool_choice": "auto",
        "logit_bias": {"50256": -100},
        "user": "customer-7",
    }
    asked = read(body(**given, stream=True, stream_options={"include_usage": True}))
    assert asked.parameters == given
    assert (asked.model, asked.messages, asked.end_user) == ("openai/plain", SAID, "customer-7")
    assert (asked.is_stream, asked.has_usage, asked.choice_count) == (True, True, 2)


def test_what_would_lead_the_call_elsewhere_goes_nowhere():
    elsewhere = {
        "api_base": "http://evil.example",
        "base_url": "http://evil.example",
        "api_key": "sk-x",
        "user_config": {"model_list": []},
        "extra_headers": {"authorization": "x"},
        "extra_body": {"api_base": "x"},
        "mock_response": "fake",
        "fallbacks": ["x"],
    }
    asked = read(body(**elsewhere, metadata={"api_base": "http://evil.example"}))
    assert asked.parameters == {}
    assert asked.ignored == sorted(elsewhere)


def test_messages_and_tools_keep_their_own_fields_alone():
    said = [
        {"role": "user", "content": [{"type": "text", "text": "Hi", "api_base": "x"}], "api_base": "x"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": {}, "url": "x"}]},
    ]
    tools = [{"type": "function", "function": {"name": "clock"}, "server_url": "http://evil.example"}]
    asked = read(body(messages=said, tools=tools))
    assert asked.messages == [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": {}}]},
    ]
    assert asked.parameters["tools"] == [{"type": "function", "function": {"name": "clock"}}]


def test_null_is_the_same_as_nothing():
    asked = read(body(temperature=None, stream=None, stream_options=None, tools=None, user=None, n=None))
    assert (asked.parameters, asked.is_stream, asked.choice_count) == ({}, False, 1)


def test_metadata_is_told_to_the_provider_only_where_it_stores_the_call():
    assert "metadata" not in read(body(metadata={"team": "sea"})).parameters
    asked = read(body(metadata={"team": "sea", "tags": "tides, moon"}, store=True))
    assert asked.parameters["metadata"] == {"team": "sea", "tags": "tides, moon"}
    assert asked.tags == ["tides", "moon"]


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": SAID * 2049}, "messages", "invalid_value"),
        ({"messages": ["Hi"]}, "messages[0]", "invalid_type"),
        ({"messages": [{"role": "wizard", "content": "Hi"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content", "invalid_type"),
        ({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}, "messages[0].content[0]", "invalid_value"),
        ({"model": 7}, "model", "invalid_type"),
        ({"model": None}, "model", "invalid_type"),
        ({"temperature": "hot"}, "temperature", "invalid_type"),
        ({"temperature": 2.1}, "temperature", "invalid_value"),
        ({"n": 17}, "n", "invalid_value"),
        ({"n": True}, "n", "invalid_type"),
        ({"max_tokens": 10**6}, "max_tokens", "invalid_value"),
        ({"max_completion_tokens": 0}, "max_completion_tokens", "invalid_value"),
        ({"tools": [{"type": "mcp", "server_url": "http://evil.example"}]}, "tools[0].type", "invalid_value"),
        ({"tools": [{"type": "function"}]}, "tools[0].type", "invalid_value"),
        ({"response_format": nested(33)}, None, "too_deep"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_is_wrong_is_named(fields, param, code):
    refused = refusal(**fields)
    assert (refused.status, refused.param, refused.code) == (400, param, code)


@pytest.mark.parametrize("given", [b"", b"{", b"[]", b"null", b'{"model": NaN}', b"\xff", b"[" * 100_000, b'{"a": "\\ud800"}'])
def test_what_is_no_json_object_is_refused(given):
    with pytest.raises(Refused) as caught:
        read(given)
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")


@pytest.mark.parametrize("missing", ["model", "messages"])
def test_what_is_missing_is_named(missing):
    given = {name: value for name, value in {"model": "x", "messages": SAID}.items() if name != missing}
    with pytest.raises(Refused) as caught:
        read(json.dumps(given).encode())
    assert (caught.value.code, caught.value.param) == ("missing_required_parameter", missing)
