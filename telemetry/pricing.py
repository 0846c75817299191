"""What a call cost. Prices come from the map that LiteLLM bundles, read as a file: LiteLLM itself is never imported here.

A price that is not known is None, never 0. A 0 in the map is a gap in the map, unless the model runs on one's own machine.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

MAP_FILE = "model_prices_and_context_window_backup.json"
FREE_HERE = {"local", "ollama", "ollama_chat", "lemonade", "llamafile", "lm_studio"}
RUNS_HERE = "runs on this machine"
BUCKETS = ("input", "cache_read", "cache_write", "output", "reasoning")
MAP_NAMES = {
    "input": "input_cost_per_token",
    "cache_read": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
    "output": "output_cost_per_token",
    "reasoning": "output_cost_per_reasoning_token",
}
TIER = re.compile(r"input_cost_per_token_above_(\d+)k_tokens$")
# The map's own names of providers, where they differ from the first part of a model path.
SAME_PROVIDER = {
    "text-completion-openai": "openai",
    "cohere_chat": "cohere",
    "bedrock_converse": "bedrock",
    "azure_text": "azure",
}
MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars a token, by bucket. `tiers` are the map's raw rates from a number of prompt tokens on."""

    id: str
    source: str
    by_bucket: Mapping[str, Decimal]
    tiers: tuple[tuple[int, Mapping[str, Decimal]], ...] = ()

    def of(self, prompt_tokens: int) -> Mapping[str, Decimal]:
        reached = [rates for threshold, rates in self.tiers if prompt_tokens > threshold]
        return dict(self.by_bucket) | dict(reached[-1]) if reached else self.by_bucket


@dataclass(frozen=True, slots=True)
class Price:
    """What a call cost, and by which price."""

    usd: Decimal
    id: str
    source: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A price that the map lacks: US dollars a million tokens, from the day on that it was first listed."""

    provider: str
    models: tuple[str, ...]
    since: date
    source: str
    by_bucket: Mapping[str, str]


SUPPLEMENT = (
    Listed(
        "anthropic",
        ("claude-3-opus-20240229", "claude-3-opus-latest", "claude-3-opus"),
        date(2024, 3, 4),
        "Anthropic's price list",
        {"input": "15", "cache_read": "1.50", "cache_write": "18.75", "output": "75"},
    ),
    Listed(
        "anthropic",
        ("claude-3-sonnet-20240229", "claude-3-sonnet"),
        date(2024, 3, 4),
        "Anthropic's price list",
        {"input": "3", "output": "15"},
    ),
    Listed(
        "anthropic",
        ("claude-3-haiku-20240307", "claude-3-haiku"),
        date(2024, 3, 13),
        "Anthropic's price list",
        {"input": "0.25", "cache_read": "0.03", "cache_write": "0.30", "output": "1.25"},
    ),
    Listed(
        "groq",
        ("llama-3.3-70b-versatile",),
        date(2024, 12, 6),
        "Groq's price list",
        {"input": "0.59", "output": "0.79"},
    ),
)


def cost_usd(
    provider: str,
    model: str,
    *,
    input_tokens: int = 0,
    cache_read_tokens: int = 0,
    cache_write_tokens: int = 0,
    output_tokens: int = 0,
    reasoning_tokens: int = 0,
    at: datetime | None = None,
) -> Price | None:
    """The price of a call's disjoint buckets at a time (now by default); None when the model's price is not known."""
    found = rates(provider, model, (at or datetime.now(UTC)).date())
    if found is None:
        return None
    counts = (input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens)
    by_bucket = found.of(input_tokens + cache_read_tokens + cache_write_tokens)
    return Price(
        sum((by_bucket[bucket] * count for bucket, count in zip(BUCKETS, counts, strict=True)), Decimal(0)),
        found.id,
        found.source,
    )


def rates(provider: str, model: str, on: date) -> Rates | None:
    """What a provider asks for a model, by its own name, on a day."""
    if provider == "local":
        return Rates("local", RUNS_HERE, dict.fromkeys(BUCKETS, Decimal(0)))
    return _from_map(provider, model) or _from_supplement(provider, model, on)


@lru_cache(maxsize=4096)  # callers name whatever models they like
def _from_map(provider: str, model: str) -> Rates | None:
    for key in (f"{provider}/{model}", model):
        entry = _map().get(key)
        if entry is None or _provider_of(entry) != provider:
            continue
        by_bucket = _rates_of(entry)
        if by_bucket is None:
            continue
        if not any(by_bucket.values()) and provider not in FREE_HERE:
            continue
        source = RUNS_HERE if provider in FREE_HERE else f"LiteLLM {version('litellm')}"
        return Rates(f"litellm-{version('litellm')}:{key}", source, by_bucket, _tiers(entry))
    return None


def _from_supplement(provider: str, model: str, on: date) -> Rates | None:
    for listed in SUPPLEMENT:
        if listed.provider == provider and model in listed.models and listed.since <= on:
            per_token = _completed({bucket: Decimal(usd) / MILLION for bucket, usd in listed.by_bucket.items()})
            return Rates(f"ollive-{listed.since}:{provider}/{listed.models[0]}", listed.source, per_token)
    return None


def _provider_of(entry: Mapping[str, Any]) -> str:
    named = str(entry.get("litellm_provider", ""))
    return SAME_PROVIDER.get(named, "vertex_ai" if named.startswith("vertex_ai") else named)


def _rates_of(entry: Mapping[str, Any], suffix: str = "") -> dict[str, Decimal] | None:
    if entry.get(f"input_cost_per_token{suffix}") is None or entry.get(f"output_cost_per_token{suffix}") is None:
        return None
    told = {bucket: entry.get(name + suffix) for bucket, name in MAP_NAMES.items()}
    return _completed({bucket: Decimal(str(usd)) for bucket, usd in told.items() if usd is not None})


def _completed(told: dict[str, Decimal]) -> dict[str, Decimal]:
    """A bucket without a rate of its own is charged as what it is part of."""
    whole = {"cache_read": told["input"], "cache_write": told["input"], "reasoning": told["output"]}
    return whole | told


def _tiers(entry: Mapping[str, Any]) -> tuple[tuple[int, Mapping[str, Decimal]], ...]:
    thresholds = sorted(int(match[1]) for name in entry if (match := TIER.match(name)))
    tiers = [(thousands * 1000, _rates_of(entry, f"_above_{thousands}k_tokens")) for thousands in thresholds]
    return tuple((threshold, by_bucket) for threshold, by_bucket in tiers if by_bucket)


@cache
def _map() -> dict[str, dict[str, Any]]:
    spec = find_spec("litellm")
    if spec is None or spec.origin is None:
        return {}
    entries: dict[str, dict[str, Any]] = orjson.loads(Path(spec.origin).with_name(MAP_FILE).read_bytes())
    return entries
