"""What the log says a call used and cost: what is known, from where, and nothing that is not."""

from decimal import Decimal

import pytest

from telemetry import digest, pricing
from telemetry.models import InferenceLog
from tests.chat.browser import Browser, ended
from tests.fakes.fixtures import RunningProvider

TEN_WORDS = ("one ", "two ", "three ", "four ", "five ", "six ", "seven ", "eight ", "nine ", "ten")


def row_of(browser: Browser, model: str) -> InferenceLog:
    sent = browser.send("How do tides work?", model=model)
    ended(sent.run)
    digest.drain()
    return InferenceLog.objects.get()


def expected_cost(row: InferenceLog) -> Decimal:
    """Bucket by bucket, by the row's own price."""
    assert row.provider
    assert row.model
    assert row.started_at
    rates = pricing.rates(row.provider, row.model, row.started_at)
    assert rates is not None
    assert rates.id == row.price_id
    counts = {
        "input": row.input_tokens, "cache_read": row.cache_read_tokens, "cache_write": row.cache_write_tokens,
        "output": row.output_tokens, "reasoning": row.reasoning_tokens,
    }  # fmt: skip
    return sum((rates.by_bucket[bucket] * (count or 0) for bucket, count in counts.items()), Decimal(0))


def test_cached_tokens_are_prompt_tokens_counted_once_at_their_own_rate(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("gpt-4o-mini", chunks=TEN_WORDS, cached_tokens=1000)
    row = row_of(as_alice, "openai/gpt-4o-mini")
    assert row.usage_source == "provider"
    assert (row.cache_read_tokens, row.output_tokens) == (1000, 10)
    assert row.prompt_tokens == row.usage["prompt_tokens"] == row.input_tokens + 1000
    assert row.total_tokens == row.usage["total_tokens"]
    assert row.cost_usd == expected_cost(row) > 0
    assert row.cost_usd < pricing.cost_usd("openai", "gpt-4o-mini", input_tokens=row.prompt_tokens, output_tokens=10).usd


def test_a_stream_without_usage_is_counted_and_says_so(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("gpt-4o-mini", chunks=TEN_WORDS, has_usage=False)
    row = row_of(as_alice, "openai/gpt-4o-mini")
    assert (row.status, row.usage_source, row.usage) == ("success", "counted", None)
    assert row.is_estimated
    assert row.output_tokens == 10
    assert row.cost_usd == expected_cost(row) > 0


def test_a_canceled_stream_costs_what_was_counted(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("gpt-4o-mini", chunks=TEN_WORDS * 30, rate=30)
    sent = as_alice.send("How do tides work?", model="openai/gpt-4o-mini")
    with as_alice.page() as page:
        shown = page.sync(sent.conversation, sent.run)
        page.read_until(lambda: shown.seq >= 3)
        as_alice.stop(sent.run)
        page.read_until(lambda: shown.end)
    ended(sent.run)
    digest.drain()
    row = InferenceLog.objects.get()
    assert (row.status, row.usage_source) == ("canceled", "estimated")
    assert 0 < row.output_tokens < 300
    assert row.cost_usd == expected_cost(row) > 0


@pytest.mark.parametrize("model", ["openai/gpt-99-imagined", "openai/plain"])
def test_a_model_that_no_price_names_has_no_cost(as_alice: Browser, model: str):
    row = row_of(as_alice, model)
    assert row.usage_source == "provider"
    assert row.total_tokens
    assert (row.cost_usd, row.price_id) == (None, None)


def test_a_call_that_was_refused_used_nothing(as_alice: Browser):
    row = row_of(as_alice, "openai/error-401")
    assert (row.status, row.error_class) == ("error", "authentication")
    assert (row.usage_source, row.total_tokens or 0, row.cost_usd) == ("none", 0, None)
