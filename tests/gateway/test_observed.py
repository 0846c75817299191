"""A call that has ended is counted once, whatever becomes of its record."""

import uuid
from decimal import Decimal
from typing import Any

import pytest

from gateway.calls import Bill, Call, Origin
from gateway.protocol import ProviderError, Usage
from telemetry import metrics, tracing
from telemetry.pricing import Price
from tests.gateway.exchanges import ask
from tests.telemetry.calls import WORKSPACE

BILL = Bill(Usage(input_tokens=30, cache_read_tokens=10, output_tokens=5), "provider", Price(Decimal("0.25"), "1", "operator"))


@pytest.fixture
def observed(monkeypatch) -> list[metrics.Spoken]:
    seen: list[metrics.Spoken] = []
    monkeypatch.setattr(metrics, "observe_call", seen.append)
    return seen


def call(**options: Any) -> Call:
    origin = Origin(workspace_id=WORKSPACE, user_id=None, process_id=None, source="gateway", **options)
    return Call(ask("http://127.0.0.1:1/v1", "gpt-4o-mini"), origin)


def test_a_call_is_counted_once_though_its_end_is_told_again(observed):
    """An end that can't be stored is told to the spool, and again to the database once that is back."""
    ended = call()
    for _ in range(3):
        ended.finished("success", BILL)
    (told,) = observed
    assert (told.source, told.provider, told.model, told.status, told.error) == (
        "gateway",
        "openai",
        "gpt-4o-mini",
        "success",
        None,
    )
    assert (told.prompt_tokens, told.completion_tokens, told.cost_usd) == (40, 5, Decimal("0.25"))


def test_a_failed_call_names_its_error(observed):
    error = ProviderError("overloaded", "The provider is busy.", status=529)
    call().finished("error", Bill(Usage(), "none", None), error=error)
    (told,) = observed
    assert (told.status, told.error, told.cost_usd) == ("error", "overloaded", None)


def test_an_answer_that_was_kept_is_no_call_at_a_provider(observed):
    call(is_cached=True).finished("success", Bill(Usage(), "none", None))
    assert [told.status for told in observed] == [metrics.CACHED]


def test_a_request_names_the_calls_that_were_made_for_it(settings):
    settings.OTLP_COLLECTOR_URL = "http://127.0.0.1:1"
    trace_id = uuid.uuid4().hex
    with tracing.visiting(trace_id) as visit:
        same, other = call(trace_id=trace_id), call()
    assert visit is not None
    assert visit.calls == [str(same.inference_id), str(other.inference_id)]
    assert (same._request_span_id, other._request_span_id) == (visit.span_id, None)
