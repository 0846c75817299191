"""OpenAI's older completions of a text."""

import json

import pytest

from tests.asking import recorded
from tests.fakes.replies import TEXT


def events(answer) -> list:
    """The data of each event; the last one is how the stream says that it is over."""
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def test_a_text_is_gone_on_with(caller, fake_provider):
    body = {
        "model": "openai/plain",
        "prompt": "The sea",
        "max_tokens": 9,
        "stop": "!",
        "suffix": "the end",
        "api_base": "http://x",
    }
    answer = caller.post("/v1/completions", json=body)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["object"], told["model"], told["choices"][0]["text"]) == ("text_completion", "openai/plain", TEXT)
    asked = fake_provider.last.body
    assert asked == {"model": "plain", "prompt": "The sea", "max_tokens": 9, "stop": ["!"], "suffix": "the end"}


@pytest.mark.parametrize("has_usage", [True, False])
def test_a_stream_ends_with_usage_where_it_is_asked_for(caller, has_usage):
    body = {"model": "openai/plain", "prompt": "The sea", "stream": True}
    body |= {"stream_options": {"include_usage": True}} if has_usage else {}
    *chunks, last = events(caller.post("/v1/completions", json=body))
    assert last == "[DONE]"
    assert "".join(choice["text"] for chunk in chunks for choice in chunk["choices"]) == TEXT
    assert [bool(chunk["choices"]) for chunk in chunks[-2:]] == [True, not has_usage]
    row = recorded()[0]
    assert (row.operation, row.is_stream, row.status, row.usage_source) == ("completion", True, "success", "provider")
    assert row.output_tokens > 100


def test_every_choice_of_every_prompt_is_recorded(caller):
    body = {"model": "openai/plain", "prompt": ["a", "b"], "n": 2}
    assert len(caller.post("/v1/completions", json=body).json()["choices"]) == 2
    assert recorded()[0].status == "success"


def test_tokens_are_passed_on(caller, fake_provider):
    caller.post("/v1/completions", json={"model": "openai/plain", "prompt": [1, 2]})
    assert fake_provider.last.body["prompt"] == [1, 2]
    assert recorded()[0].input_preview == "[2 tokens]"


def test_a_text_goes_through_litellm_too(caller):
    body = {"model": "anthropic/claude-plain", "prompt": "The sea", "max_tokens": 50}
    answer = caller.post("/v1/completions", json=body)
    assert (answer.status_code, answer.json()["choices"][0]["text"]) == (200, TEXT)
    *chunks, last = events(caller.post("/v1/completions", json=body | {"stream": True}))
    assert last == "[DONE]"
    assert "".join(choice["text"] or "" for chunk in chunks for choice in chunk["choices"]) == TEXT
    assert [row.status for row in recorded(2)] == ["success", "success"]


def test_a_stream_that_breaks_says_so_in_openais_shape(caller):
    *_, last = events(caller.post("/v1/completions", json={"model": "openai/error-mid", "prompt": "x", "stream": True}))
    assert last["error"]["code"] == "provider_overloaded"
    assert recorded()[0].status == "error"
