"""Instrumented programs as others write them, pointed here: calls arrive once, with model, tokens, timing and cost right."""

import json
from decimal import Decimal

import pytest

from telemetry import payloads, tallies
from telemetry.models import InferenceLog, Span
from tests.telemetry.receiver import Receiver

PRICE = {"input": Decimal("0.15"), "cached": Decimal("0.075"), "output": Decimal("0.60")}  # of gpt-4o-mini, a million


def trace(receiver: Receiver, provider_url: str, *instrumentations: str) -> None:
    """Run the program, instrumented as our page says."""
    said = receiver.run(
        "tests.fakes.traced_openai", provider_url,
        TRACE_SETUP=json.dumps([receiver.block(name) for name in instrumentations]),
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
        OTEL_SERVICE_NAME="harbour",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=staging",
    )  # fmt: skip
    assert "Failed to export" not in said
    receiver.settle()


@pytest.fixture
def spoken(fake_provider) -> str:
    """The address of a provider that has answers for the program."""
    fake_provider.script("gpt-4o-mini", chunks=["It ", "rises."], cached_tokens=3, reasoning=["hm"])
    fake_provider.script("streamed", chunks=["It ", "rises."], cached_tokens=3, first_delay=0.05, rate=50)
    call = {"id": "c1", "name": "weather", "arguments": ['{"city": "Dover"}']}
    fake_provider.script("calling", tool_calls=[call], finish_reason="tool_calls")
    fake_provider.script("failing", status=429)
    return str(fake_provider.url)


@pytest.mark.parametrize("instrumentation", ["OpenInference", "OpenLLMetry"])
def test_an_instrumented_openai_client_is_recorded(receiver: Receiver, spoken, instrumentation):
    trace(receiver, spoken, instrumentation)
    rows = {row.model: row for row in InferenceLog.objects.all()}
    assert rows.keys() == {"gpt-4o-mini", "streamed", "calling", "failing"}
    whole, streamed, calling, failing = (rows[name] for name in ("gpt-4o-mini", "streamed", "calling", "failing"))
    for row in rows.values():
        assert (row.source, row.provider, row.operation, row.app, row.environment) == (
            "otlp",
            "openai",
            "chat",
            "harbour",
            "staging",
        )
    assert (whole.input_tokens, whole.cache_read_tokens, whole.output_tokens, whole.reasoning_tokens) == (6, 3, 2, 1)
    assert whole.cost_usd == (6 * PRICE["input"] + 3 * PRICE["cached"] + 3 * PRICE["output"]) / 1_000_000
    assert (whole.status, whole.finish_reason, whole.parameters) == ("success", "stop", {"temperature": 0.2})
    assert (streamed.prompt_tokens, streamed.completion_tokens, streamed.is_stream) == (9, 2, True)
    assert 50 <= streamed.ttft_ms <= streamed.latency_ms
    assert (failing.status, failing.error_class) == ("error", "rate_limit")
    assert payloads.content_of(streamed)["messages"][1] == {"role": "user", "content": "How do tides work?"}
    assert payloads.content_of(streamed)["reply"][0]["content"] == "It rises."
    made = payloads.content_of(calling)
    assert made["reply"][0]["tool_calls"][0]["function"]["name"] == "weather"
    assert made["tools"][0]["function"]["name"] == "weather"
    assert {(span.kind, span.name) for span in Span.objects.all()} == {("chain", "answer"), ("tool", "weather")}
    assert {row.trace_id for row in rows.values()} == set(Span.objects.values_list("trace_id", flat=True))
    assert tallies.balance().missing == 0


def test_a_client_instrumented_twice_over_is_recorded_once(receiver: Receiver, spoken):
    trace(receiver, spoken, "OpenInference", "OpenLLMetry")
    assert sorted(str(row.model) for row in InferenceLog.objects.all()) == ["calling", "failing", "gpt-4o-mini", "streamed"]
    assert Span.objects.filter(kind="chain").count() == 5
    assert tallies.balance().missing == 0
