"""Events are validated, repaired, redacted and cut before anything is stored."""

import json
from decimal import Decimal
from uuid import uuid4

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry import events, values
from tests.telemetry.calls import NOON, WORKSPACE, finished, started

KEY = "sk-proj-Zx81mQw93LkVt72RyBn56TfGh04JdSa8PcXe31Uo"


def body_of(event: events.Event) -> dict:
    return json.loads(event.body)


def test_an_events_id_is_the_calls_and_its_phase():
    call = uuid4()
    assert started(call).event_id == f"{call}:started"
    assert finished(call).event_id == f"{call}:finished"


@pytest.mark.parametrize(
    "wrong",
    [
        {"inference_id": "not an id"},
        {"workspace_id": None},
        {"status": "in_progress"},
        {"status": None},
        {"status": "done"},
        {"cost_usd": 1},
        {"colour": "blue"},
    ],
)
def test_it_refuses_an_event_that_can_not_be_identified_or_is_not_declared(wrong):
    with pytest.raises(events.InvalidEvent) as refused:
        finished(**wrong)
    assert refused.value.field in wrong


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("input_tokens", -1),
        ("output_tokens", 2**40),
        ("latency_ms", float("nan")),
        ("tokens_per_second", float("inf")),
        ("started_at", "yesterday"),
        ("user_id", "alice"),
        ("source", "carrier pigeon"),
        ("is_stream", "yes"),
        ("reported_cost_usd", "much"),
        ("tags", 7),
    ],
)
def test_it_leaves_out_a_value_that_can_not_be_taken_and_says_so(name, value):
    event = finished(**{name: value})
    assert name not in body_of(event)
    assert body_of(event)["cut_fields"] == [name]
    assert event.problems[0].startswith(name)


def test_it_takes_values_in_the_shapes_that_callers_have():
    event = finished(
        latency_ms=12.6,
        reported_cost_usd=0.002,
        started_at="2026-11-21T12:00:00",
        tags=("a", "b"),
        user_id=str(WORKSPACE),
    )
    body = body_of(event)
    assert (body["latency_ms"], body["reported_cost_usd"], body["tags"]) == (13, "0.002", ["a", "b"])
    assert body["started_at"] == NOON.isoformat()


def test_it_redacts_every_sensitive_field_keys_and_nested_json_too():
    secret = {"content": "mail alice@example.com", KEY: {"deep": [f"use {KEY}"]}, "json": json.dumps({"mail": "bob@example.com"})}
    event = finished(
        messages=[secret],
        reply=f"your key is {KEY}",
        metadata=secret,
        tags=["alice@example.com"],
        error_message="bob@example.com is unknown",
        end_user="alice@example.com",
        session_id="alice@example.com",
        parameters={"user": "alice@example.com"},
    )
    assert "example.com" not in event.body
    assert KEY not in event.body
    assert "[[EMAIL]]" in body_of(event)["input_preview"]


def test_it_withholds_what_the_redactor_fails_on(monkeypatch):
    def broken(_redactor, _value):
        raise RuntimeError("out of order")

    monkeypatch.setattr("telemetry.redaction.Redactor.redact_json", broken)
    body = body_of(finished(reply="alice@example.com", messages=[{"role": "user", "content": "bob@example.com"}], tags=["x"]))
    assert "example.com" not in json.dumps(body)
    assert (body["reply"], body["messages"], body["tags"]) == ("[[WITHHELD]]", "[[WITHHELD]]", ["[[WITHHELD]]"])
    assert body["status"] == "success"


def test_nul_and_lone_surrogates_are_repaired_everywhere():
    event = finished(reply="a\0b\ud800c", metadata={"k\0": ["\udfff"]}, model="m\0")
    body = body_of(event)
    assert body["reply"] == "a\ufffdb\ufffdc"
    assert body["metadata"] == {"k\ufffd": ["\ufffd"]}
    assert body["model"] == "m\ufffd"


def test_a_surrogate_pair_becomes_the_character_it_means():
    assert body_of(finished(reply="\ud83d\ude00"))["reply"] == "😀"


def test_texts_are_cut_to_their_length_and_named():
    body = body_of(finished(error_message="no " * 5000, model="m" * 500, tags=["t"] * 80))
    assert len(body["error_message"]) == 4000
    assert len(body["model"]) == 255
    assert len(body["tags"]) == 50
    assert body["cut_fields"] == ["model", "error_message", "tags"] or set(body["cut_fields"]) == {
        "model",
        "error_message",
        "tags",
    }


def test_a_cut_never_leaves_half_a_marker():
    text = "x" * 190 + "[[EMAIL]] and more"
    assert values.shorten(text, 196) == "x" * 190 + "…"


def test_metadata_that_is_too_big_is_left_out():
    body = body_of(finished(metadata={"a": "b c " * 30_000}))
    assert body["metadata"] == "…"
    assert body["cut_fields"] == ["metadata"]


def test_content_that_is_too_big_is_left_out_but_its_preview_stays():
    body = body_of(finished(messages=[{"role": "user", "content": "tide " * 100_000}] * 20))
    assert "messages" not in body
    assert body["input_preview"].startswith("tide tide")
    assert body["cut_fields"] == ["messages", "reply"]


def test_deep_json_is_bounded():
    deep: list = []
    for _ in range(500):
        deep = [deep]
    assert len(finished(metadata={"deep": deep}).body) < 2000


def test_inline_images_are_not_kept():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
    event = finished(messages=[{"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]}])
    assert len(event.body) < 2000
    assert body_of(event)["input_preview"] == "What is it? [image_url]"


def test_previews_are_the_last_words_in_one_line():
    body = body_of(finished(messages=[{"role": "user", "content": "one"}, {"role": "user", "content": "two\n\nthree " * 90}]))
    assert body["input_preview"].startswith("two three two three")
    assert len(body["input_preview"]) == 200
    assert body["output_preview"] == "The moon pulls the water."


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        ("full", {"messages", "reply", "input_preview", "output_preview"}),
        ("preview", {"input_preview", "output_preview"}),
        ("none", set()),
    ],
)
def test_how_much_of_the_content_is_kept_is_a_policy(policy, kept):
    body = body_of(finished(payloads=policy, messages=[{"role": "user", "content": "hello"}]))
    assert body.keys() & {"messages", "reply", "input_preview", "output_preview"} == kept


def test_a_call_may_keep_less_than_the_installation_and_not_more(settings):
    settings.OLLIVE_PAYLOADS = "preview"
    assert "reply" not in body_of(finished())
    assert "output_preview" in body_of(finished())
    assert "reply" not in body_of(finished(payloads="full"))
    assert "output_preview" not in body_of(finished(payloads="none"))


@hypothesis.settings(deadline=None, max_examples=50)
@given(st.text(alphabet=st.characters(codec=None)))
def test_whatever_text_comes_can_be_stored(text):
    repaired = values.repair(text)
    assert "\0" not in repaired
    repaired.encode()


@hypothesis.settings(deadline=None, max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_json_comes_can_be_stored(value):
    event = finished(metadata={"value": value})
    assert "\\u0000" not in event.body
    body_of(event)


def test_money_keeps_its_digits():
    assert Decimal(body_of(finished(reported_cost_usd=Decimal("0.000000123")))["reported_cost_usd"]) == Decimal("0.000000123")
