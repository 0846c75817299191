"""Structured values: names of fields, values, numbers, JSON inside strings."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from telemetry.redaction import redact_json

NOW = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)
ID = UUID("550e8400-e29b-41d4-a716-446655440000")


def test_it_walks_lists_and_mappings():
    value = {"messages": [{"role": "user", "content": "I am bob@example.com"}], "n": 3}
    assert redact_json(value) == {"messages": [{"role": "user", "content": "I am [[EMAIL]]"}], "n": 3}


def test_it_redacts_names_of_fields_and_keeps_them_apart():
    assert redact_json({"bob@example.com": 1, "al@example.com": 2}) == {"[[EMAIL]]": 1, "[[EMAIL]] 2": 2}


def test_the_name_of_a_field_tells_what_its_value_is():
    value = {"password": "hunter2", "api_key": "9f86d081884c7d659a2feaa0c55ad015", "ssn": "536221234", "phone": 4155550132}
    assert redact_json(value) == {"password": "[[PASSWORD]]", "api_key": "[[API_KEY]]", "ssn": "[[US_SSN]]", "phone": "[[PHONE]]"}


def test_a_number_that_is_a_card_becomes_its_marker():
    assert redact_json([4111111111111111, 1_700_000_000_000, 42, -5]) == ["[[CARD]]", 1_700_000_000_000, 42, -5]


def test_it_reads_json_inside_strings():
    arguments = json.dumps({"to": "bob@example.com", "text": json.dumps({"card": "4111 1111 1111 1111"})})
    redacted = redact_json({"arguments": arguments})["arguments"]
    assert json.loads(redacted)["to"] == "[[EMAIL]]"
    assert json.loads(json.loads(redacted)["text"]) == {"card": "[[CARD]]"}


def test_an_escape_in_json_hides_nothing():
    assert redact_json('{"to": "bob\\u0040example.com"}') == '{"to": "[[EMAIL]]"}'


@pytest.mark.parametrize(
    "text", ['{ "a" : 1.50 , "b":[ ] }', "{not json", "[1, 2", '{"a": 1, "a": 2}', "[" * 100_000, "{}", "[[EMAIL]]"]
)
def test_a_string_without_values_stays_as_it_is_spelled(text):
    assert redact_json(text) == text


def test_a_name_that_json_gives_twice_hides_nothing():
    assert redact_json('{"a": "bob@example.com", "a": "x"}') == '{"a": "[[EMAIL]]", "a": "x"}'


@pytest.mark.parametrize("value", [None, True, False, 1.5, Decimal("10.50"), NOW, ID, "", [], {}, float("inf")])
def test_other_values_stay_themselves(value):
    assert redact_json(value) is value or redact_json(value) == value


def test_an_object_that_shows_a_value_becomes_its_redacted_text():
    @dataclass
    class Person:
        mail: str

    assert redact_json({"p": Person("bob@example.com")})["p"].endswith("Person(mail='[[EMAIL]]')")
    assert redact_json(b"bob@example.com") == "[[EMAIL]]"


def test_tuples_keep_their_shape():
    assert redact_json(("bob@example.com", 1)) == ("[[EMAIL]]", 1)


def test_what_is_too_deep_is_withheld():
    deep: list[object] = ["bob@example.com"]
    for _ in range(200):
        deep = [deep]
    assert "bob" not in str(redact_json(deep))
    assert "[[WITHHELD]]" in str(redact_json(deep))


def test_the_value_given_is_not_changed():
    value = {"a": ["bob@example.com"]}
    redact_json(value)
    assert value == {"a": ["bob@example.com"]}


def test_redacting_a_document_twice_changes_nothing():
    value = {"password": "hunter2", "text": '{"a": "bob@example.com"}', "al@example.com": [4111111111111111]}
    once = redact_json(value)
    assert redact_json(once) == once
