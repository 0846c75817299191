"""What a reply came to: each call that was made for it, with its tokens by bucket, its price and how it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from chat.models import Message
from telemetry import pricing
from telemetry.models import InferenceLog

AROUND = timedelta(days=1)  # the clocks of two servers, and a reply that was waited for
BUCKETS = (
    ("input_tokens", "Prompt"),
    ("cache_read_tokens", "Prompt, read from a cache"),
    ("cache_write_tokens", "Prompt, written to a cache"),
    ("output_tokens", "Completion"),
    ("reasoning_tokens", "Reasoning"),
)


@dataclass(frozen=True, slots=True)
class CallView:
    """One call. `buckets` are those that hold tokens; `price` says where the price comes from."""

    log: InferenceLog
    buckets: Sequence[tuple[str, int]]
    price: str
    cost_usd: Decimal | None

    @property
    def is_estimated(self) -> bool:
        return self.log.usage_source in ("counted", "estimated")


def calls_of(reply: Message) -> list[CallView]:
    """The calls in the order in which they were made; none while they are still being recorded, or no longer kept."""
    if not reply.trace_id:
        return []
    found = InferenceLog.objects.filter(
        workspace_id=reply.conversation.workspace_id,
        trace_id=reply.trace_id,
        received_at__gte=reply.created_at - AROUND,
        received_at__lt=(reply.ended_at or reply.created_at) + AROUND,
    )
    return [_view(log) for log in found.order_by("started_at", "id")]


def _view(log: InferenceLog) -> CallView:
    counts = [(label, getattr(log, name)) for name, label in BUCKETS]
    return CallView(log, [(label, count) for label, count in counts if count], _price(log), log.cost_usd)


def _price(log: InferenceLog) -> str:
    if log.price_id is None:
        return ""
    rates = pricing.rates(log.provider or "", log.served_model or log.model or "", log.started_at or log.received_at)
    return f"{log.price_id}, {rates.source}" if rates and rates.id == log.price_id else log.price_id
