"""What is found in a text, and what stays as it is."""

from random import Random

import pytest

from bench.redaction_corpus import PROVEN, VENDOR_KEYS, positives
from bench.redaction_lookalikes import CODE, negatives
from telemetry.redaction import LABELS, VERSION, redact
from tests.telemetry.redaction.samples import ANTHROPIC, KEPT, REDACTED


@pytest.mark.parametrize(("text", "expected"), REDACTED)
def test_it_replaces_values_by_their_kind(text, expected):
    assert redact(text).text == expected


@pytest.mark.parametrize("text", [*KEPT, *CODE])
def test_it_keeps_what_only_looks_like_a_value(text):
    redacted = redact(text)
    assert (redacted.text, dict(redacted.kinds)) == (text, {})


@pytest.mark.parametrize("vendor", VENDOR_KEYS)
def test_it_knows_the_keys_of_each_vendor(vendor):
    random = Random(vendor)
    for _ in range(20):
        key = VENDOR_KEYS[vendor](random)
        assert redact(f"it is {key}, so").text == "it is [[API_KEY]], so"
        assert redact(f'{{"a":"{key}"}}').text == '{"a":"[[API_KEY]]"}'


def test_it_counts_what_it_removed_by_kind():
    assert dict(redact("bob@example.com, al@example.com, 4111 1111 1111 1111").kinds) == {"EMAIL": 2, "CARD": 1}


def test_redacting_twice_changes_nothing():
    for text in [*(text for text, _ in REDACTED), *KEPT]:
        once = redact(text).text
        assert redact(once).text == once


@pytest.mark.parametrize("kind", LABELS)
def test_markers_in_the_text_stay(kind):
    text = f"[[{kind}]] [[{kind}_1]] '[[{kind}]]': a, [[{kind}]]=b"
    assert redact(text).text == text


@pytest.mark.parametrize("kind", LABELS)
def test_a_marker_is_no_name_of_a_secret(kind):
    text = f"[[{kind}]]: 3q2Z7x9LmN0pR5tV8wYb, [[{kind}]] = hunter2"
    assert redact(text).text == text


def test_values_side_by_side_are_all_removed():
    joined = "bob@example.com|4111111111111111/536-22-1234 81.2.69.142"
    assert redact(joined).text == "[[EMAIL]]|[[CARD]]/[[US_SSN]] [[IP]]"


def test_a_long_line_is_searched_like_short_ones():
    line = ",".join(f'"field_{index}":"value {index}"' for index in range(3000))
    text = f'{{{line},"mail":"bob@example.com",{line},"key":"{ANTHROPIC}"}}'
    assert redact(text).text == f'{{{line},"mail":"[[EMAIL]]",{line},"key":"[[API_KEY]]"}}'


@pytest.mark.parametrize("before", ["", "A", "QUJD" * 20, "QUJD" * 500, "x." * 300, "1-" * 300])
def test_a_value_after_an_endless_word_is_found(before):
    assert redact(f"{before}/{ANTHROPIC}/").text == f"{before}/[[API_KEY]]/"
    assert redact(f"{before}=bob@example.com").text == f"{before}=[[EMAIL]]"


def test_a_key_without_end_is_removed_to_its_end():
    assert redact(f"x {ANTHROPIC * 200} y").text == "x [[API_KEY]] y"


def test_recall_and_precision_on_the_corpus():
    random = Random(20261121)
    samples = list(positives(random, 25))
    missed = [
        sample
        for sample in samples
        if sample.value in (redacted := redact(sample.text)).text or not redacted.kinds.get(sample.kind)
    ]
    wrong = [sample for sample in negatives(random, 25) if redact(sample.text).kinds]
    assert [sample for sample in missed if sample.kind in PROVEN] == []
    assert len(missed) <= len(samples) * 0.005
    assert len(wrong) <= len(samples) * 0.01


def test_the_version_is_a_number_to_store():
    assert isinstance(VERSION, int)
    assert VERSION >= 1
