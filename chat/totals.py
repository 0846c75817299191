"""What a reply used and cost in all: the sum of its calls, as it stands in its row."""

from collections.abc import Sequence
from typing import Any

from gateway.calls import Bill, Call

# The least certain of the sources counts for the sum.
CERTAINTY = ("provider", "counted", "estimated")


def columns(bills: Sequence[Bill]) -> dict[str, Any]:
    """The columns of the reply. Unknown is never 0: with one call unpriced, the sum is unpriced."""
    told = [bill for bill in bills if bill.source != "none"]
    if not told:
        return {"usage_source": "none" if bills else ""}
    prices = [bill.price for bill in told]
    return {
        "prompt_tokens": sum(bill.usage.prompt_tokens for bill in told),
        "completion_tokens": sum(bill.usage.completion_tokens for bill in told),
        "cached_tokens": sum(bill.usage.cache_read_tokens for bill in told) or None,
        "reasoning_tokens": sum(bill.usage.reasoning_tokens for bill in told) or None,
        "usage_source": max((bill.source for bill in told), key=CERTAINTY.index),
        "cost_usd": sum(price.usd for price in prices if price) if all(prices) else None,
    }


def times(calls: Sequence[Call]) -> dict[str, int | None]:
    """The time to the first token, and the time in which models wrote: what the tools took between two calls is left out."""
    written = [(call.latency_ms, call.ttft_ms) for call in calls if call.ttft_ms is not None]
    if not written:
        return {"ttft_ms": None, "latency_ms": sum(call.latency_ms for call in calls)}
    first = written[0][1]
    return {"ttft_ms": first, "latency_ms": (first or 0) + sum(latency - (ttft or 0) for latency, ttft in written)}
