"""Prices that LiteLLM's map lacks, and what some models cost in former days: dated rows, complete up to today for each model."""

from datetime import UTC, date, datetime
from functools import cache

from telemetry.rates import Listing, per_million

OPENAI, ANTHROPIC, GROQ, GOOGLE = (f"{name}'s price list" for name in ("OpenAI", "Anthropic", "Groq", "Google"))


def _listed(
    provider: str, model: str, since: tuple[int, int, int], *, source: str, aliases: tuple[str, ...] = (), **usd: str
) -> Listing:
    """`usd`: dollars a million tokens, by bucket."""
    day = date(*since)
    return Listing(
        id=f"ollive-{day}:{provider}/{model}",
        provider=provider,
        model=model,
        aliases=aliases,
        origin="listed",
        source=source,
        by_bucket=per_million(usd),
        effective_from=datetime(*since, tzinfo=UTC),
    )


@cache
def listings() -> tuple[Listing, ...]:
    """Every dated row, in no order."""
    return (
        _listed("openai", "gpt-4", (2023, 3, 14), source=OPENAI, input="30", output="60"),
        _listed("openai", "gpt-3.5-turbo", (2023, 3, 1), source=OPENAI, input="2", output="2"),
        _listed("openai", "gpt-3.5-turbo", (2023, 6, 13), source=OPENAI, input="1.5", output="2"),
        _listed("openai", "gpt-3.5-turbo", (2024, 2, 16), source=OPENAI, input="0.5", output="1.5"),
        _listed("openai", "gpt-4o-mini", (2024, 7, 18), source=OPENAI, input="0.15", cache_read="0.075", output="0.6"),
        _listed(
            "anthropic", "claude-3-opus-20240229", (2024, 3, 4), source=ANTHROPIC,
            aliases=("claude-3-opus-latest", "claude-3-opus"),
            input="15", cache_read="1.50", cache_write="18.75", output="75",
        ),
        _listed(
            "anthropic", "claude-3-sonnet-20240229", (2024, 3, 4), source=ANTHROPIC,
            aliases=("claude-3-sonnet-latest", "claude-3-sonnet"), input="3", output="15",
        ),
        _listed(
            "anthropic", "claude-3-haiku-20240307", (2024, 3, 13), source=ANTHROPIC,
            aliases=("claude-3-haiku-latest", "claude-3-haiku"),
            input="0.25", cache_read="0.03", cache_write="0.30", output="1.25",
        ),
        _listed("groq", "llama-3.3-70b-versatile", (2024, 12, 6), source=GROQ, input="0.59", output="0.79"),
        _listed(
            "gemini", "gemini-2.5-flash-lite", (2025, 7, 22), source=GOOGLE,
            input="0.10", cache_read="0.01", output="0.40",
        ),
    )  # fmt: skip
