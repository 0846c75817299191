"""OpenTelemetry's conventions, of every age."""

import json

import pytest

from tests.telemetry.formats.spans import of, told_of

LATEST = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-sonnet-4-5",
    "gen_ai.response.model": "claude-sonnet-4-5-20250929",
    "gen_ai.request.temperature": 0.2,
    "gen_ai.request.stream": True,
    "gen_ai.usage.input_tokens": 2015,
    "gen_ai.usage.cache_read.input_tokens": 2000,
    "gen_ai.usage.cache_creation.input_tokens": 5,
    "gen_ai.usage.output_tokens": 30,
    "gen_ai.usage.reasoning.output_tokens": 20,
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.response.time_to_first_chunk": 0.4,
    "gen_ai.conversation.id": "thread-7",
    "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be short."}]),
    "gen_ai.input.messages": json.dumps(
        [
            {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
            {
                "role": "assistant",
                "parts": [{"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Dover"}}],
            },
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "Rain"}]},
        ]
    ),
    "gen_ai.output.messages": json.dumps(
        [
            {
                "role": "assistant",
                "parts": [{"type": "reasoning", "content": "Hm."}, {"type": "text", "content": "Rain."}],
                "finish_reason": "stop",
            }
        ]
    ),
    "gen_ai.tool.definitions": json.dumps([{"type": "function", "name": "weather", "parameters": {"type": "object"}}]),
    "gen_ai.response.id": "msg_1",
}
CALLED = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Dover"}'}}


def test_the_latest_conventions_tell_all_of_a_call():
    told = told_of(LATEST)
    assert of(told, "phase", "operation", "provider", "model", "served_model") == (
        "finished", "chat", "anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929",
    )  # fmt: skip
    assert of(told, "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens") == (
        10,
        2000,
        5,
        10,
        20,
    )
    assert of(told, "latency_ms", "ttft_ms", "is_stream", "finish_reason", "status") == (1500, 400, True, "stop", "success")
    assert told["messages"] == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "tool_calls": [CALLED]},
        {"role": "tool", "tool_call_id": "c1", "content": "Rain"},
    ]
    assert of(told, "reply", "reasoning") == ([{"role": "assistant", "content": "Rain."}], "Hm.")
    assert told["tools"] == [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    assert of(told, "parameters", "conversation_id") == ({"temperature": 0.2}, "thread-7")
    assert told["metadata"] == {"gen_ai.response.id": "msg_1", "span.name": "a span"}
    assert told["first_token_at"] > told["started_at"]


def test_the_oldest_conventions_spread_content_over_attributes():
    told = told_of(
        {
            "gen_ai.system": "az.ai.openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.prompt_tokens": 10,
            "gen_ai.usage.completion_tokens": 5,
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "Be short.",
            "gen_ai.prompt.1.role": "user",
            "gen_ai.prompt.1.content": json.dumps([{"type": "text", "text": "Weather?"}]),
            "gen_ai.prompt.10.role": "user",
            "gen_ai.prompt.10.content": "Well?",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.finish_reason": "tool_calls",
            "gen_ai.completion.0.tool_calls.0.id": "c1",
            "gen_ai.completion.0.tool_calls.0.name": "weather",
            "gen_ai.completion.0.tool_calls.0.arguments": '{"city":"Dover"}',
            "gen_ai.prompt.prompt_filter_results": "[]",
        }
    )
    assert of(told, "provider", "model", "input_tokens", "output_tokens") == ("azure", "gpt-4o", 10, 5)
    assert [message["content"] for message in told["messages"]] == ["Be short.", [{"type": "text", "text": "Weather?"}], "Well?"]
    assert told["reply"] == [{"role": "assistant", "tool_calls": [CALLED]}]
    assert told["finish_reason"] == "tool_calls"
    assert told["metadata"]["gen_ai.prompt.prompt_filter_results"] == "[]"


def test_content_that_came_as_events_of_the_span_is_read():
    call = {"gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o"}
    told = told_of(
        call,
        ("gen_ai.system.message", 0, {"content": "Be short."}),
        ("gen_ai.user.message", 0, {"gen_ai.system": "openai", "content": "Weather?"}),
        ("gen_ai.choice", 1400, {"index": 0, "finish_reason": "stop", "message": '{"role": "assistant", "content": "Rain."}'}),
    )
    assert told["messages"] == [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Weather?"}]
    assert told["reply"][0]["content"] == "Rain."
    assert told["finish_reason"] == "stop"
    older = told_of(
        call,
        ("gen_ai.content.prompt", 0, {"gen_ai.prompt": '[{"role": "user", "content": "Weather?"}]'}),
        ("gen_ai.content.completion", 9, {"gen_ai.completion": '[{"role": "assistant", "content": "Rain."}]'}),
    )
    assert (older["messages"], older["reply"]) == (told["messages"][1:], [{"role": "assistant", "content": "Rain."}])
    latest = told_of(
        call, ("gen_ai.client.inference.operation.details", 9, {"gen_ai.input.messages": LATEST["gen_ai.input.messages"]})
    )
    assert len(latest["messages"]) == 3


@pytest.mark.parametrize(
    ("attributes", "kind", "name"),
    [
        ({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "weather"}, "tool", "weather"),
        (
            {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "pilot", "gen_ai.request.model": "gpt-4o"},
            "agent",
            "pilot",
        ),
        ({"gen_ai.tool.name": "weather"}, "tool", "weather"),
        ({"gen_ai.operation.name": "retrieval", "gen_ai.retrieval.query.text": "tides"}, "retriever", "a span"),
        ({"http.request.method": "GET"}, "other", "a span"),
        ({}, "other", "a span"),
    ],
)
def test_what_is_no_call_is_a_step_of_its_kind(attributes, kind, name):
    assert of(told_of(attributes), "phase", "kind", "name") == ("span", kind, name)


def test_a_tools_run_tells_what_it_was_given_and_what_came_of_it():
    told = told_of(
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "weather",
            "gen_ai.tool.call.arguments": '{"city": "Dover"}',
            "gen_ai.tool.call.result": "Rain",
            "gen_ai.tool.call.id": "c1",
        }
    )
    assert of(told, "arguments", "result") == ({"city": "Dover"}, "Rain")
    assert told["attributes"] == {"gen_ai.tool.call.id": "c1", "span.name": "a span"}


def test_the_headers_of_a_request_are_not_kept():
    told = told_of({"gen_ai.request.model": "gpt-4o", "gen_ai.headers": "{'authorization': 'secret'}"})
    assert "secret" not in str(told)
