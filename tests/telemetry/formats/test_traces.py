"""What all spans have alike: identity, times, endings, what is left over; and the conventions' mixtures."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.formats import traces
from tests.telemetry.formats.spans import BEGAN, MS, of, span, told_of

CALL = {"gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o"}
OPENINFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.provider": "azure",
    "llm.system": "openai",
    "llm.model_name": "gpt-4o-2024-08-06",
    "llm.invocation_parameters": '{"model": "gpt-4o", "temperature": 0.2, "stream": true}',
    "input.value": '{"messages": []}',
    "output.value": '{"model": "gpt-4o-2024-08-06", "usage": {"prompt_tokens": 9}}',
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.contents.0.message_content.type": "text",
    "llm.input_messages.0.message.contents.0.message_content.text": "What is this?",
    "llm.input_messages.0.message.contents.1.message_content.type": "image",
    "llm.input_messages.0.message.contents.1.message_content.image.image.url": "https://example.com/tide.png",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c1",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "weather",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"city":"Dover"}',
    "llm.tools.0.tool.json_schema": '{"type": "function", "function": {"name": "weather"}}',
    "llm.token_count.prompt": 100,
    "llm.token_count.prompt_details.cache_read": 80,
    "llm.token_count.completion": 50,
    "llm.token_count.completion_details.reasoning": 30,
    "llm.cost.total": 0.01,
    "metadata": '{"ticket": 7}',
    "tag.tags": ["school"],
    "session.id": "s1",
    "user.id": "u1",
}


def test_openinference_tells_all_of_a_call():
    told = told_of(OPENINFERENCE, ("First Token Stream Event", 400, {}))
    assert of(told, "provider", "model", "served_model", "parameters") == (
        "azure",
        "gpt-4o",
        "gpt-4o-2024-08-06",
        {"temperature": 0.2},
    )
    assert of(told, "input_tokens", "cache_read_tokens", "output_tokens", "reasoning_tokens") == (20, 80, 20, 30)
    assert of(told, "ttft_ms", "is_stream", "reported_cost_usd", "tags") == (400, True, 0.01, ["school"])
    assert of(told, "session_id", "end_user") == ("s1", "u1")
    assert told["metadata"] == {"ticket": 7, "span.name": "a span"}
    (asked,) = told["messages"]
    assert asked["content"][1] == {"type": "image_url", "image_url": {"url": "https://example.com/tide.png"}}
    assert told["reply"][0]["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city":"Dover"}'}
    assert told["tools"] == [{"type": "function", "function": {"name": "weather"}}]


TOOL = {"openinference.span.kind": "TOOL", "tool.name": "weather", "input.value": '{"a": 1}', "output.value": "Rain"}
LOOK_UP = {"openinference.span.kind": "RETRIEVER", "input.value": "tides", "retrieval.documents.0.document.content": "Moon"}
WORKFLOW = {"traceloop.span.kind": "workflow", "traceloop.entity.name": "answer", "traceloop.entity.input": "[1]"}
NAMED = {"traceloop.span.kind": "tool", "traceloop.entity.name": "weather", "gen_ai.request.model": "gpt-4o"}


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (TOOL, ("tool", "weather", {"a": 1}, "Rain")),
        ({"openinference.span.kind": "AGENT", "agent.name": "pilot"}, ("agent", "pilot", None, None)),
        (LOOK_UP, ("retriever", "a span", "tides", [{"content": "Moon"}])),
        ({"openinference.span.kind": "GUARDRAIL"}, ("other", "a span", None, None)),
        (WORKFLOW, ("chain", "answer", [1], None)),
        (NAMED, ("tool", "weather", None, None)),
    ],
)
def test_steps_of_each_convention_are_read(attributes, expected):
    assert of(told_of(attributes), "kind", "name", "arguments", "result") == expected


def test_embeddings_are_calls_without_their_vectors():
    told = told_of(
        {
            "openinference.span.kind": "EMBEDDING",
            "embedding.model_name": "text-embedding-3-small",
            "embedding.embeddings.0.embedding.text": "tides",
            "embedding.embeddings.0.embedding.vector": [0.1] * 100,
            "llm.token_count.prompt": 2,
        }
    )
    assert of(told, "phase", "operation", "model", "input_tokens") == ("finished", "embeddings", "text-embedding-3-small", 2)
    assert told["messages"] == [{"role": "user", "content": "tides"}]
    assert "0.1" not in str(told)


def test_openllmetrys_older_names_are_read_beside_the_newer_ones():
    told = told_of(
        CALL
        | {
            "llm.request.type": "completion",
            "llm.is_streaming": True,
            "llm.usage.total_tokens": 15,
            "gen_ai.usage.prompt_tokens": 10,
            "gen_ai.usage.completion_tokens": 5,
            "llm.frequency_penalty": 0.5,
            "llm.request.functions.0.name": "weather",
            "llm.request.functions.0.parameters": '{"type": "object"}',
            "traceloop.association.properties.session_id": "s1",
            "traceloop.workflow.name": "answer",
        }
    )
    assert of(told, "operation", "is_stream", "session_id", "parameters") == (
        "text_completion",
        True,
        "s1",
        {"frequency_penalty": 0.5},
    )
    assert told["tools"] == [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    assert told["metadata"] == {"traceloop.workflow.name": "answer", "span.name": "a span"}


def test_the_pieces_of_a_stream_are_sampled():
    told = told_of(CALL, *[("gen_ai.content.completion.chunk", 100 + number, {}) for number in range(500)])
    assert of(told, "ttft_ms", "is_stream") == (100, True)
    assert told["token_times_ms"][0] == 100
    assert 32 <= len(told["token_times_ms"]) <= 64


def test_an_exception_tells_how_a_call_failed():
    thrown = (
        "exception",
        9,
        {"exception.type": "openai.RateLimitError", "exception.message": "Slow down", "exception.stacktrace": "at"},
    )
    told = told_of(CALL, thrown, is_error=True, status_message="failed")
    assert of(told, "status", "error_class", "error_message") == ("error", "rate_limit", "Slow down")
    assert told["metadata"]["exception.stacktrace"] == "at"
    assert of(told_of(CALL, is_error=True, status_message="odd"), "status", "error_class") == ("error", "odd")
    assert of(told_of(CALL | {"error.type": "timeout"}), "status", "error_class") == ("error", "timeout")
    gone = ("exception", 9, {"exception.type": asyncio.CancelledError.__qualname__})
    assert told_of(CALL, gone, is_error=True)["status"] == "canceled"


def test_where_it_ran_is_told_by_the_resource():
    resource = {
        "service.name": "shop",
        "service.version": "2",
        "deployment.environment": "staging",
        "host.name": "h",
        "telemetry.sdk.name": "x",
    }
    told = told_of(CALL, resource=resource, scope={"name": "tracer", "version": "1", "kind": "test"})
    assert of(told, "app", "version", "environment", "sdk_version") == ("shop", "2", "staging", "tracer 1")
    assert told["metadata"] == {"span.name": "a span", "resource.host.name": "h", "otel.scope.kind": "test"}


def test_the_identity_follows_from_trace_and_span_or_is_the_callers_own():
    one, again, other = (told_of(CALL, span_id=span_id)["inference_id"] for span_id in ("1" * 16, "1" * 16, "2" * 16))
    assert one == again != other
    assert told_of({}, span_id="1" * 16)["id"] == one
    assert told_of(CALL | {"ollive.inference.id": "mine", "ollive.request.attempt": 2})["inference_id"] == "mine"


def test_a_span_that_has_not_ended_is_a_call_in_progress():
    told = told_of(CALL, ended_ns=0)
    assert of(told, "phase", "status", "ended_at", "latency_ms") == ("started", "in_progress", None, None)
    assert told_of(CALL)["inference_id"] == told["inference_id"]


@pytest.mark.parametrize("name", ["openai", "openai.chat", "OpenAI.responses"])
def test_a_provider_has_one_name(name):
    assert told_of(CALL | {"gen_ai.system": name})["provider"] == "openai"


def test_a_key_that_keeps_no_content_keeps_no_long_texts_among_the_unknown():
    told = traces.without_texts(traces.read(span(CALL | {"prompt.text": "word " * 50, "shop.order": 7})))
    assert told.fields["metadata"] == {"shop.order": 7, "span.name": "a span"}
    assert "word" not in str(traces.without_texts(traces.read(span({"note": "word " * 50}))))


@pytest.mark.parametrize(
    ("start", "end", "latency"), [(0, 5, None), (BEGAN, BEGAN - MS, 0), (2**64 - 1, 2**64 - 1, 0), (0, 0, None)]
)
def test_odd_clocks_cost_nothing(start, end, latency):
    assert told_of(CALL, started_ns=start, ended_ns=end).get("latency_ms") == latency


def test_a_long_text_that_nobody_knows_is_cut_between_words():
    kept = told_of({"note": "word " * 2000})["attributes"]["note"]
    assert len(kept) < 4100
    assert kept.endswith("word …")


NAMES = st.sampled_from(
    [
        *OPENINFERENCE,
        "error.type",
        "gen_ai." + "x." * 99,
        "gen_ai.completion.0.tool_calls.0",
        "gen_ai.input.messages",
        "gen_ai.operation.name",
        "gen_ai.output.messages",
        "gen_ai.prompt",
        "gen_ai.prompt.0",
        "gen_ai.prompt.0.role",
        "gen_ai.response.finish_reasons",
        "gen_ai.system_instructions",
        "gen_ai.usage.input_tokens",
        "llm.request.functions.0",
        "llm.request.type",
        "traceloop.span.kind",
    ]
)
ODD = [
    "",
    "x",
    "[]",
    "{}",
    "[[",
    "[null]",
    '[{"parts": [1, {"type": "text"}]}]',
    '{"choices": [1]}',
    '{"usage": 7}',
    "chat",
    "LLM",
    "-1",
]
VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 2**70, 0.5, [], [None], [[]], {}, {"a": {}}, [{"parts": 7}], {"type": []}, b"x", *ODD]
)
EVENTS = st.tuples(
    st.sampled_from(["gen_ai.choice", "gen_ai.user.message", "gen_ai.content.prompt", "exception"]),
    st.integers(-9, 9),
    st.dictionaries(st.sampled_from(["content", "message", "role", "exception.type", "gen_ai.prompt"]), VALUES, max_size=3),
)


@given(st.dictionaries(NAMES, VALUES, max_size=8), st.lists(EVENTS, max_size=2))
def test_whatever_a_span_carries_it_is_read(attributes, events):
    told = traces.read(span(attributes, *events))
    assert told.fields["trace_id"] == "a" * 32
