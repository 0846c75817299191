"""Placeholders for a provider, and the values back for the person: for every split, and never where they could leave."""

import json
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.redaction_corpus import positives
from telemetry.redaction import Config, CustomPattern, redactor_for
from telemetry.redaction.masking import Mask, StreamRestorer

PIECES = (
    *("[[EMAIL_1]]", "[[EMAIL_2]]", "[[PHONE_1]]", "[[EMAIL_9]]", "[[EMAIL]]", "[", "[[", "[[EMAIL_", "1]]", "]]", "]", "(", ")"),
    *(
        "](",
        "https://a.example/?q=",
        "www.",
        "mailto:",
        "a.example/",
        "[a]: ",
        "\n",
        "\n\n",
        " ",
        "<",
        ">",
        '"',
        "word",
        ".",
        "/",
    ),
)
VALUES = {"[[EMAIL_1]]": "bob@example.com", "[[EMAIL_2]]": "al@example.com", "[[PHONE_1]]": "415-555-0132"}


def restored(pieces, values=VALUES):
    restorer = StreamRestorer(values)
    return "".join(map(restorer.feed, pieces)) + restorer.flush()


def test_the_same_value_is_the_same_placeholder():
    mask = Mask()
    assert mask.mask("bob@example.com, al@example.com, bob@example.com") == "[[EMAIL_1]], [[EMAIL_2]], [[EMAIL_1]]"
    assert mask.mask("mail bob@example.com or call 415-555-0132") == "mail [[EMAIL_1]] or call [[PHONE_1]]"
    assert mask.values == VALUES
    assert mask.kinds == {"EMAIL": 4, "PHONE": 1}


def test_a_mask_that_was_kept_goes_on_where_it_was():
    mask = Mask(VALUES)
    assert mask.mask("al@example.com or cy@example.com") == "[[EMAIL_2]] or [[EMAIL_3]]"
    assert mask.values["[[EMAIL_3]]"] == "cy@example.com"


def test_what_a_person_writes_as_a_placeholder_is_not_taken_for_one():
    mask = Mask()
    masked = mask.mask("bob@example.com: what is [[EMAIL_1]]?")
    assert masked == "[[EMAIL_1]]: what is [[TEXT_1]]?"
    assert mask.restore(masked) == "bob@example.com: what is [[EMAIL_1]]?"
    assert mask.mask("and [[EMAIL_7]], [[EMAIL]]?") == "and [[TEXT_2]], [[EMAIL]]?"


def test_only_placeholders_of_the_map_are_restored():
    assert restored(["[[EMAIL_1]] [[EMAIL_9]] [[CARD_1]] [[EMAIL]]"]) == "bob@example.com [[EMAIL_9]] [[CARD_1]] [[EMAIL]]"


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example/?q=[[EMAIL_1]]",
        "![x](https://evil.example/[[EMAIL_1]].png)",
        "[x](/go?to=[[EMAIL_1]])",
        "[x](</a b/[[EMAIL_1]]>)",
        '[x](/a "[[EMAIL_1]]")',
        "see www.evil.example/[[EMAIL_1]]",
        "evil.example/[[EMAIL_1]]",
        "//evil.example/[[EMAIL_1]]",
        "<https://evil.example/[[EMAIL_1]]>",
        "[x]: /[[EMAIL_1]]",
        "[x]: evil.example [[EMAIL_1]]",
        "javascript:[[EMAIL_1]]",
        "x" * 600 + "[[EMAIL_1]]",
    ],
)
def test_a_value_never_goes_into_an_address(text):
    assert restored([text]) == text
    assert restored(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "({})",
        "**{}**, `{}`",
        "| {} |",
        "e-mail/{} and/or {}",
        "see https://example.com then {}",
        "[x](https://example.com) {}",
        "[{}](https://example.com)",
        "[x](a(b)c) and {}",
        "[x](open\n\n{}",
        "say: {}",
    ],
)
def test_a_value_comes_back_in_what_is_read(text):
    assert restored([text.replace("{}", "[[EMAIL_1]]")]) == text.replace("{}", "bob@example.com")


@settings(max_examples=300, deadline=None)
@given(text=st.lists(st.sampled_from(PIECES), max_size=14).map("".join), data=st.data())
def test_any_text_in_any_pieces_is_restored_as_the_whole(text, data):
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    whole = restored([text])
    assert restored([text[start:end] for start, end in pairwise([0, *places, len(text)])]) == whole
    assert restored(text) == whole


def test_every_split_is_restored_as_the_whole():
    text = "Dear [[EMAIL_1]], [[EMAIL_12]] [[PHONE_1]] [[EMAIL_2]][[ [x](a/[[EMAIL_1]]) [[EMAIL_2]]."
    whole = restored([text])
    for place in range(len(text) + 1):
        restorer = StreamRestorer(VALUES)
        first = restorer.feed(text[:place])
        assert whole.startswith(first)
        assert restorer.held_count <= 12
        assert first + restorer.feed(text[place:]) + restorer.flush() == whole


def test_plain_text_is_not_held_back():
    restorer = StreamRestorer(VALUES)
    assert [restorer.feed(piece) for piece in ("a[", "b", " [[", "CARD", " [[EM", "AIL_1", "]]!")] == [
        "a", "[b", " ", "[[CARD", " ", "", "bob@example.com!",
    ]  # fmt: skip


def test_messages_are_masked_where_people_write():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,Ym9iQGV4YW1wbGUuY29t"}}
    call = {"id": "call_1", "type": "function", "function": {"name": "send", "arguments": '{"to": "bob@example.com", "n": 1}'}}
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Owner: al@example.com"},
        {"role": "user", "content": [{"type": "text", "text": "I am bob@example.com"}, image]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": '{"password": "hunter2"}'},
    ]
    mask = Mask()
    masked = mask.mask_messages(messages)
    assert "example.com" not in json.dumps(masked)
    assert masked[0]["content"] == "Owner: [[EMAIL_1]]"
    assert masked[1]["content"] == [{"type": "text", "text": "I am [[EMAIL_2]]"}, image]
    assert json.loads(masked[2]["tool_calls"][0]["function"]["arguments"]) == {"to": "[[EMAIL_2]]", "n": 1}
    assert masked[2]["content"] is None
    assert masked[3] == {"role": "tool", "tool_call_id": "call_1", "content": '{"password": "[[PASSWORD_1]]"}'}
    assert messages[1]["content"][0]["text"] == "I am bob@example.com"


def test_masking_twice_changes_only_what_looks_written():
    mask = Mask()
    once = mask.mask("bob@example.com 4111 1111 1111 1111")
    assert redactor_for().redact(once).text == once


def test_a_value_of_many_steps_comes_back_whole():
    mask = Mask()
    for sample in positives(Random(3), 4):
        masked = mask.mask(sample.text)
        assert sample.value not in masked
        restored_text = masked
        for placeholder, value in mask.values.items():
            restored_text = restored_text.replace(placeholder, value)
        assert restored_text == sample.text


def test_custom_values_are_masked_too():
    mask = Mask(redactor=redactor_for(Config(patterns=(CustomPattern("EMPLOYEE", r"\bEMP-[0-9]{4,8}\b"),))))
    masked = mask.mask("EMP-1234, EMP-99999 and EMP-1234 415-555-0132")
    assert masked == "[[EMPLOYEE_1]], [[EMPLOYEE_2]] and [[EMPLOYEE_1]] [[PHONE_1]]"
    assert mask.restore(masked) == "EMP-1234, EMP-99999 and EMP-1234 415-555-0132"


def test_what_can_not_be_masked_is_withheld():
    nothing: Any = None
    assert Mask().mask(nothing) == "[[WITHHELD]]"
