"""Prices are exact, say where they come from, and are None where nobody knows them."""

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from telemetry import price_list, price_map, pricing

BEFORE_GROQ_LISTED_IT = datetime(2024, 12, 1, tzinfo=UTC)


def cost(provider: str, model: str, **buckets: Any) -> Decimal | None:
    price = pricing.cost_usd(provider, model, **buckets)
    return price.usd if price else None


def test_disjoint_buckets_are_priced_one_by_one():
    assert cost("openai", "gpt-4o-mini", input_tokens=1_000_000) == Decimal("0.15")
    assert cost("openai", "gpt-4o-mini", cache_read_tokens=1_000_000) == Decimal("0.075")
    assert cost("openai", "gpt-4o-mini", output_tokens=1_000_000) == Decimal("0.60")
    assert cost("anthropic", "claude-sonnet-4-5", cache_write_tokens=1_000) == Decimal("0.00375")


def test_a_bucket_without_a_rate_is_charged_as_what_it_is_part_of():
    assert cost("openai", "gpt-4o-mini", reasoning_tokens=10) == cost("openai", "gpt-4o-mini", output_tokens=10)
    assert cost("openai", "gpt-4", cache_read_tokens=10) == cost("openai", "gpt-4", input_tokens=10)


def test_a_long_prompt_is_priced_by_its_tier():
    short = cost("gemini", "gemini-2.5-pro", input_tokens=200_000)
    assert short == Decimal("0.25")
    assert cost("gemini", "gemini-2.5-pro", input_tokens=200_000, cache_read_tokens=1) > 2 * short - 1
    assert cost("gemini", "gemini-2.5-pro", input_tokens=400_000) == 4 * short


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("gemini", "gemini-2.5-flash-lite"),
        ("groq", "llama-3.3-70b-versatile"),
        ("openai", "gpt-4"),
        ("openai", "gpt-3.5-turbo"),
        ("openai", "gpt-4o-mini"),
        ("anthropic", "claude-3-opus-20240229"),
        ("anthropic", "claude-3-sonnet-20240229"),
        ("anthropic", "claude-3-haiku-20240307"),
        ("azure", "gpt-4o"),
    ],
)
def test_every_model_that_the_product_names_has_a_price(provider, model):
    price = pricing.cost_usd(provider, model, input_tokens=1000, output_tokens=1000)
    assert price is not None
    assert price.usd > 0
    assert model in price.id
    assert price.source


def test_claude_3_costs_what_its_price_list_said():
    assert cost("anthropic", "claude-3-opus-20240229", input_tokens=1000) == Decimal("0.015")
    assert cost("anthropic", "claude-3-opus-20240229", output_tokens=1000) == Decimal("0.075")
    assert cost("anthropic", "claude-3-sonnet-20240229", input_tokens=1000, output_tokens=1000) == Decimal("0.018")


def test_a_listed_price_does_not_reach_back_before_its_day():
    assert pricing.cost_usd("groq", "llama-3.3-70b-versatile", input_tokens=1, at=BEFORE_GROQ_LISTED_IT) is None


@pytest.mark.parametrize(
    ("provider", "model"), [("cellar", "gpt-4o"), ("openai", "gpt-99"), ("gemini", "gemini-exp-1114"), ("", "")]
)
def test_what_nobody_knows_is_none_and_never_zero(provider, model):
    assert pricing.cost_usd(provider, model, input_tokens=1000, output_tokens=1000) is None


@pytest.mark.parametrize(("provider", "model"), [("local", "smollm2"), ("ollama", "codellama")])
def test_a_model_on_this_machine_costs_zero_and_says_why(provider, model):
    price = pricing.cost_usd(provider, model, input_tokens=1000, output_tokens=1000)
    assert price is not None
    assert (price.usd, price.source) == (Decimal(0), pricing.RUNS_HERE)


def test_prices_and_tokens_load_without_litellm():
    priced = "pricing.cost_usd('openai', 'gpt-4o', input_tokens=1)"
    counted = "tokens.count('tides', 'gpt-4o')"
    code = f"import sys; from telemetry import pricing, tokens; {priced}; {counted}; print('litellm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_a_call_is_priced_as_it_was_on_its_day():
    then = datetime(2023, 7, 1, tzinfo=UTC)
    assert cost("openai", "gpt-3.5-turbo", input_tokens=1000, output_tokens=1000, at=then) == Decimal("0.0035")
    assert cost("openai", "gpt-3.5-turbo", input_tokens=1000, output_tokens=1000) == Decimal("0.002")


def test_an_alias_costs_what_its_model_costs():
    assert cost("anthropic", "claude-3-opus", input_tokens=10) == cost("anthropic", "claude-3-opus-20240229", input_tokens=10)


def test_the_last_listed_price_of_a_model_is_what_the_map_says_today():
    today = {(listing.provider, listing.model): listing for listing in price_map.listings()}
    newest = {(row.provider, row.model): row for row in sorted(price_list.listings(), key=lambda row: str(row.effective_from))}
    assert [row.id for named, row in newest.items() if named in today and not row.is_same_price(today[named])] == []


def test_an_embedding_without_an_output_price_is_priced():
    assert cost("openai", "text-embedding-3-small", input_tokens=1_000_000) == Decimal("0.02")
