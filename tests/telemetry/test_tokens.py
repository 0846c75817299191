"""Tokens are counted with the vocabularies at hand, and a count says what it is worth."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry import tokens


def test_a_known_sentence_has_its_known_count():
    assert tokens.count("Hello there, how are you?", "gpt-4o") == 7
    assert tokens.count("", "gpt-4o") == 0


@pytest.mark.parametrize(
    ("model", "worth"),
    [
        ("gpt-4o-mini", "counted"),
        ("openai/gpt-4.1", "counted"),
        ("gpt-4-turbo", "counted"),
        ("claude-sonnet-4-5", "estimated"),
        ("", "estimated"),
    ],
)
def test_a_count_says_whether_it_is_one(model, worth):
    assert tokens.source(model) == worth


def test_messages_count_their_words_tool_calls_and_frames():
    words = [{"role": "user", "content": "tides"}, {"role": "user", "content": [{"type": "text", "text": "tides"}]}]
    assert tokens.count_messages(words, "gpt-4o") == 2 * (tokens.count("tides", "gpt-4o") + tokens.A_MESSAGE)
    call = {"role": "assistant", "tool_calls": [{"function": {"name": "moon", "arguments": '{"day": 1}'}}]}
    assert tokens.count_messages([call], "gpt-4o") > tokens.A_MESSAGE + 4


@pytest.mark.parametrize(
    "message", [None, 7, "tides", [], {}, {"content": None, "tool_calls": [None, {}]}, {"content": [None, "x"]}]
)
def test_messages_of_any_shape_are_counted(message):
    assert tokens.count_messages([message], "gpt-4o") >= tokens.A_MESSAGE


@settings(deadline=None, max_examples=30)
@given(st.text())
def test_any_text_is_counted(text):
    assert tokens.count(text, "gpt-4o") <= max(1, len(text.encode("utf-8", "replace")) * 2)


def test_without_vocabularies_bytes_are_counted_and_called_an_estimate(monkeypatch):
    monkeypatch.setattr("telemetry.tokens._folder", lambda: None)
    tokens._vocabulary.cache_clear()
    try:
        assert tokens.count("twelve bytes", "gpt-4o") == 3
        assert tokens.source("gpt-4o") == "estimated"
    finally:
        tokens._vocabulary.cache_clear()


def test_a_long_text_without_a_space_takes_no_time_to_speak_of():
    assert tokens.count("a" * 300_000, "gpt-4o") > 1000


def test_the_vocabularies_are_warmed_in_a_thread():
    thread = tokens.warm_in_thread()
    thread.join()
    assert tokens._vocabulary.cache_info().currsize == len(tokens.FILES)
