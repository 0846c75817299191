"""The fixed table of faults, asked with what real servers say."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from gateway.adapters.faults import TABLE, fault, of_error, refusal, retry_after_seconds


@pytest.mark.parametrize(
    ("status", "body", "code", "reason"),
    [
        (
            400,
            b'[{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}]',
            "authentication",
            "API key",
        ),
        (422, b'{"detail": [{"loc": ["body", "n"], "msg": "Input should be 1"}]}', "invalid_request", "Input should be 1"),
        (400, b'{"object": "error", "message": "maximum context length is 8", "code": 400}', "context_length", "maximum context"),
        (429, b'{"error": {"message": "Billed out", "code": "insufficient_quota"}}', "quota", "Billed out"),
        (502, b"<html><h1>Bad gateway</h1></html>", "unavailable", "status 502"),
        (503, b"upstream is at capacity", "overloaded", "at capacity"),
        (529, b"{}", "overloaded", "status 529"),
        (418, b'"tea"', "invalid_request", "tea"),
        (500, b"\xff\xfe", "unavailable", "It said"),
        (404, b'{"error": "model llama9 not found, try pulling it first"}', "not_found", "try pulling it"),
        (403, b'{"error": {"message": "no", "metadata": {"raw": "the real reason"}}}', "permission", "the real reason"),
    ],
)
def test_a_refusal_finds_its_code_and_keeps_its_reason(status, body, code, reason):
    error = refusal("Somebody", status, body)
    assert error.code == code
    assert reason in error.message


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": 429, "message": "Slow down"}, "rate_limit"),
        ({"code": "503", "message": "Busy"}, "unavailable"),
        ({"type": "overloaded_error", "message": "Overloaded"}, "overloaded"),
        ({"type": "invalid_request_error", "message": "No"}, "invalid_request"),
        ("it broke", "unavailable"),
    ],
)
def test_an_error_object_without_a_status_is_judged_by_its_words(error, code):
    assert of_error("Somebody", error).code == code


def test_every_sentence_is_one_and_names_nobody_else():
    for code, (sentence, _) in TABLE.items():
        message = fault(code, "Somebody").message
        assert message == sentence.format(who="Somebody")
        assert message[0].isupper()
        assert message.endswith(".")


def test_a_reason_is_one_line():
    assert fault("unavailable", "Somebody", " a\n\n b ").message.endswith(" a b")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_the_wait_that_was_asked_for_is_read(headers, seconds):
    assert retry_after_seconds(headers) == seconds


def test_a_wait_may_be_told_as_a_date():
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    seconds = retry_after_seconds({"retry-after": at})
    assert seconds is not None
    assert 90 < seconds <= 100
