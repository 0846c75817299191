"""Answers as they come, over HTTP: OpenAI's order of events, what goes wrong in the middle, and callers who hang up."""

import json
import time

import httpx
import pytest

from tests.asking import recorded
from tests.fakes.fixtures import RunningProvider
from tests.fakes.replies import TEXT
from tests.gateway.completions.sent import MESSAGES, MODEL, PATH, ask, frames, text_of


@pytest.mark.parametrize("model", ["plain", "crlf", "pings", "no-finish", "no-done", "whole", "null-choices", "picky"])
def test_a_stream_has_openais_order_whatever_the_provider_does(caller, model):
    answer = ask(caller, f"openai/{model}", stream=True, stream_options={"include_usage": True})
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    events = frames(answer.text)
    *told, usage = events
    assert len({event["id"] for event in events}) == 1
    assert {event["object"] for event in events} == {"chat.completion.chunk"}
    assert told[0]["choices"][0]["delta"]["role"] == "assistant"
    assert told[-1]["choices"][0]["finish_reason"] == "stop"
    assert text_of(told) == TEXT
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] > 100
    (row,) = recorded()
    assert (row.status, row.is_stream, row.finish_reason) == ("success", True, "stop")
    assert row.output_preview.startswith("## Tides")


def test_the_usage_is_told_to_those_who_ask_alone_and_kept_in_any_case(caller):
    events = frames(ask(caller, stream=True).text)
    assert all(event["choices"] for event in events)
    (row,) = recorded()
    assert row.usage_source == "provider"
    assert row.ttft_ms is not None
    assert row.ttft_ms <= row.latency_ms


def test_choices_reasoning_and_tools_come_through(caller):
    events = frames(ask(caller, stream=True, n=2).text)
    assert (text_of(events, 0), text_of(events, 1)) == (TEXT, TEXT)
    events = frames(ask(caller, "openai/reasoning", stream=True).text)
    assert "".join(event["choices"][0]["delta"].get("reasoning_content", "") for event in events) == "First I count. "
    events = frames(ask(caller, "openai/tools", stream=True).text)
    calls = [call for event in events for call in event["choices"][0]["delta"].get("tool_calls", ())]
    assert {call["index"] for call in calls} == {0, 1}
    assert events[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert [row.finish_reason for row in recorded(3)] == ["stop", "stop", "tool_calls"]


def test_an_error_before_the_first_word_has_a_status(caller):
    answer = ask(caller, "openai/too-long", stream=True)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")
    (row,) = recorded()
    assert (row.status, row.error_class) == ("error", "context_length")


def test_an_error_in_the_middle_is_told_in_the_stream(caller, fake_provider):
    fake_provider.script("plain", rate=50, break_at=3, breaks_with="error", chunks=["a", "b", "c", "d"])
    answer = ask(caller, stream=True)
    *events, last = answer.text.strip().split("\n\n")
    assert answer.status_code == 200
    assert text_of([json.loads(event.removeprefix("data: ")) for event in events]) == "abc"
    error = json.loads(last.removeprefix("data: "))["error"]
    assert (error["type"], error["code"]) == ("server_error", "provider_unavailable")
    assert "The model crashed." in error["message"]
    (row,) = recorded()
    assert (row.status, row.output_preview) == ("error", "abc")


def test_a_caller_who_leaves_a_stream_ends_the_call(caller, fake_provider):
    fake_provider.script("plain", rate=20, tokens=400)
    with caller.stream("POST", PATH, json={"model": MODEL, "messages": MESSAGES, "stream": True}) as heard:
        next(heard.iter_bytes())
    require_canceled(fake_provider)


def test_a_caller_who_does_not_wait_for_the_answer_ends_the_call(caller, fake_provider):
    fake_provider.script("plain", headers_delay=20)
    with pytest.raises(httpx.ReadTimeout):
        caller.post(PATH, json={"model": MODEL, "messages": MESSAGES}, timeout=1)
    require_canceled(fake_provider)


def require_canceled(provider: RunningProvider) -> None:
    assert provider.last.ended.wait(5)
    assert provider.last.closed_early_at is not None
    (row,) = recorded()
    assert (row.status, row.usage_source) == ("canceled", "estimated")


def test_the_first_word_is_sent_as_soon_as_it_is_there(caller, fake_provider):
    fake_provider.script("plain", rate=5, chunks=["one", "two", "three", "four", "five"])
    with caller.stream("POST", PATH, json={"model": MODEL, "messages": MESSAGES, "stream": True}) as heard:
        came = [time.monotonic() for _ in heard.iter_bytes()]
    assert came[-1] - came[0] > 0.6  # spread as the provider spread them
