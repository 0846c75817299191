"""A call that has ended, told to whoever watches Ollive: counted for Prometheus, and as a span of its trace."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from telemetry import metrics, tracing

if TYPE_CHECKING:
    from gateway.calls import Bill, Call


def observe(call: "Call", ending: str, bill: "Bill", error_code: str | None, *, parent_id: str | None) -> None:
    """Once a call, whatever becomes of its record. A kept answer that is given again was no call at a provider."""
    target, origin, usage = call.request.target, call.origin, bill.usage
    metrics.observe_call(
        metrics.Spoken(
            source=origin.source,
            operation=origin.operation,
            provider=target.provider,
            model=target.model,
            status=metrics.CACHED if origin.is_cached else ending,
            error=error_code,
            latency_ms=call.latency_ms,
            ttft_ms=call.ttft_ms,
            prompt_tokens=usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens,
            completion_tokens=usage.output_tokens + usage.reasoning_tokens,
            cost_usd=bill.price.usd if bill.price else None,
        )
    )
    if tracing.is_on():
        tracing.tell(
            f"{origin.operation} {target.model}",
            trace_id=origin.trace_id,
            span_id=call.span_id,
            parent_id=parent_id,
            seconds=call.latency_ms / 1000,
            ended_at=call.ended_at,
            kind="client",
            attributes=_attributes(call, ending, bill),
            error=error_code if ending == "error" else None,
        )


def _attributes(call: "Call", ending: str, bill: "Bill") -> Mapping[str, Any]:
    """By OpenTelemetry's conventions for generative AI, and nothing of what was said."""
    target = call.request.target
    return {
        "ollive.inference_id": str(call.inference_id),
        "ollive.source": call.origin.source,
        "ollive.status": ending,
        "ollive.attempt": call.attempt,
        "gen_ai.operation.name": call.origin.operation,
        "gen_ai.provider.name": target.provider,
        "gen_ai.request.model": target.model,
        "gen_ai.response.model": call.finish.served_model or None,
        "gen_ai.response.finish_reasons": [call.finish.reason] if call.finish.reason else None,
        "gen_ai.response.time_to_first_chunk": None if call.ttft_ms is None else call.ttft_ms / 1000,
        "gen_ai.usage.input_tokens": bill.usage.input_tokens,
        "gen_ai.usage.output_tokens": bill.usage.output_tokens,
    }
