"""Vectors of texts, recorded and priced like any call."""

import base64
import struct
from decimal import Decimal

import pytest

from tests.asking import recorded


def numbers(embedded: str) -> list[float]:
    data = base64.b64decode(embedded)
    return list(struct.unpack(f"<{len(data) // 4}f", data))


@pytest.mark.parametrize(
    ("given", "first"),
    [("four", [4.0]), (["a", "bcd"], [1.0, 3.0]), ([1, 2, 3], [3.0]), ([[1, 2], [3]], [2.0, 1.0])],
    ids=["text", "texts", "tokens", "lists-of-tokens"],
)
def test_each_form_of_input_is_embedded(caller, given, first):
    answer = caller.post("/v1/embeddings", json={"model": "openai/embed", "input": given})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert [row["embedding"][0] for row in told["data"]] == first
    assert (told["object"], told["model"]) == ("list", "openai/embed")
    assert [row["index"] for row in told["data"]] == list(range(len(first)))
    assert told["usage"]["prompt_tokens"] == told["usage"]["total_tokens"] > 0


@pytest.mark.parametrize("model", ["openai/embed", "openai/base64"])
@pytest.mark.parametrize("wanted", ["float", "base64"])
def test_vectors_have_the_form_that_was_asked_for_whatever_the_provider_gives(caller, model, wanted):
    body = {"model": model, "input": "four", "encoding_format": wanted, "dimensions": 3}
    vector = caller.post("/v1/embeddings", json=body).json()["data"][0]["embedding"]
    assert (numbers(vector) if wanted == "base64" else vector) == [4.0, 0.5, 0.5]


def test_a_call_is_recorded_with_its_cost_and_its_text_redacted(caller, fake_provider):
    body = {"model": "openai/text-embedding-3-small", "input": "write to alice.liddell@example.org", "user": "u-7"}
    answer = caller.post("/v1/embeddings", json=body)
    assert fake_provider.last.body["input"] == "write to alice.liddell@example.org"
    row = recorded()[0]
    assert str(row.id) == answer.headers["x-ollive-inference-id"]
    assert (row.status, row.operation, row.source, row.end_user) == ("success", "embeddings", "gateway", "u-7")
    assert (row.provider, row.model, row.requested_model) == ("openai", "text-embedding-3-small", "openai/text-embedding-3-small")
    assert row.input_tokens == 3
    assert row.cost_usd == Decimal("0.00000006")
    assert row.input_preview == "write to [[EMAIL]]"
    assert row.is_stream is False


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": "x"}, "model"),
        ({"model": "openai/embed"}, "input"),
        ({"model": "openai/embed", "input": []}, "input"),
        ({"model": "openai/embed", "input": ["a", ""]}, "input"),
        ({"model": "openai/embed", "input": [1, "a"]}, "input"),
        ({"model": "openai/embed", "input": "x", "dimensions": 0}, "dimensions"),
        ({"model": "openai/embed", "input": "x", "encoding_format": "hex"}, "encoding_format"),
    ],
)
def test_what_is_wrong_is_named(caller, fake_provider, body, param):
    answer = caller.post("/v1/embeddings", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert fake_provider.requests == []


def test_a_providers_refusal_is_told_and_recorded(caller):
    answer = caller.post("/v1/embeddings", json={"model": "openai/error-401", "input": "x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_authentication")
    assert answer.headers["x-should-retry"] == "false"
    row = recorded()[0]
    assert (row.status, row.error_class, row.cost_usd) == ("error", "authentication", None)


def test_a_failed_attempt_is_followed_by_another(caller, fake_provider):
    fake_provider.queue("embed", {"status": 503}, {})
    assert caller.post("/v1/embeddings", json={"model": "openai/embed", "input": "x"}).status_code == 200
    assert [(row.attempt, row.status) for row in recorded(2)] == [(1, "error"), (2, "success")]
