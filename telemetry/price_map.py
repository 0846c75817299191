"""The prices that LiteLLM bundles, read as a file: LiteLLM itself is never imported here.

A 0 in the map is a gap in the map, unless the model runs on one's own machine. The map tells today's prices and no history.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

from telemetry.rates import RUNS_HERE, Listing, Tier, completed

MAP_FILE = "model_prices_and_context_window_backup.json"
FREE_HERE = {"local", "ollama", "ollama_chat", "lemonade", "llamafile", "lm_studio"}
MAP_NAMES = {
    "input": "input_cost_per_token",
    "cache_read": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
    "output": "output_cost_per_token",
    "reasoning": "output_cost_per_reasoning_token",
}
PLACES = 15  # of a dollar a token; what lies behind them in the map is the noise of binary fractions
TIER = re.compile(r"input_cost_per_token_above_(\d+)k_tokens$")
# The map's own names of providers, where they differ from the first part of a model path.
SAME_PROVIDER = {
    "text-completion-openai": "openai",
    "cohere_chat": "cohere",
    "bedrock_converse": "bedrock",
    "azure_text": "azure",
}


@cache
def listings() -> tuple[Listing, ...]:
    """Every price of the map, once for each provider and model. Parsing takes about a tenth of a second."""
    release = version("litellm")
    found: dict[tuple[str, str], Listing] = {}
    # `provider/model` comes before a bare `model` of the same provider.
    for key, entry in sorted(_entries(), key=lambda named: "/" not in named[0]):
        if (listing := _listing(key, entry, release)) is not None:
            found.setdefault((listing.provider, listing.model), listing)
    return tuple(found.values())


def _listing(key: str, entry: Mapping[str, Any], release: str) -> Listing | None:
    provider = _provider_of(entry)
    by_bucket = _rates_of(entry)
    if not provider or by_bucket is None or not (any(by_bucket.values()) or provider in FREE_HERE):
        return None
    return Listing(
        id=f"litellm-{release}:{key}",
        provider=provider,
        model=key.removeprefix(f"{provider}/"),
        origin="map",
        source=RUNS_HERE if provider in FREE_HERE else f"LiteLLM {release}",
        by_bucket=by_bucket,
        tiers=_tiers(entry),
    )


def _provider_of(entry: Mapping[str, Any]) -> str:
    named = str(entry.get("litellm_provider", ""))
    return SAME_PROVIDER.get(named, "vertex_ai" if named.startswith("vertex_ai") else named)


def _rates_of(entry: Mapping[str, Any], suffix: str = "") -> dict[str, Decimal] | None:
    told = {bucket: entry.get(name + suffix) for bucket, name in MAP_NAMES.items()}
    if entry.get("mode") == "embedding" and told["output"] is None:
        told["output"] = 0  # an embedding has no output to charge for
    if told["input"] is None or told["output"] is None:
        return None
    return completed({bucket: round(Decimal(str(usd)), PLACES) for bucket, usd in told.items() if usd is not None})


def _tiers(entry: Mapping[str, Any]) -> tuple[Tier, ...]:
    thresholds = sorted(int(match[1]) for name in entry if (match := TIER.match(name)))
    tiers = [(thousands * 1000, _rates_of(entry, f"_above_{thousands}k_tokens")) for thousands in thresholds]
    return tuple((threshold, by_bucket) for threshold, by_bucket in tiers if by_bucket)


def _entries() -> Iterator[tuple[str, dict[str, Any]]]:
    spec = find_spec("litellm")
    if spec is None or spec.origin is None:
        return iter(())
    entries: dict[str, dict[str, Any]] = orjson.loads(Path(spec.origin).with_name(MAP_FILE).read_bytes())
    return iter(entries.items())
