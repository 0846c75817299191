"""What a conversation has cost so far, over all its branches; unknown is never 0."""

import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, Sum
from django.template.loader import render_to_string

from chat.models import Message


@dataclass(frozen=True, slots=True)
class Total:
    """US dollars of the replies with a price, and how many there are without one. Stopped and failed replies count too."""

    usd: Decimal
    priced_count: int
    unpriced_count: int
    is_estimated: bool

    def __bool__(self) -> bool:
        return bool(self.priced_count or self.unpriced_count)


def total_of(conversation_id: uuid.UUID) -> Total:
    used = Message.objects.filter(conversation_id=conversation_id, role=Message.Role.ASSISTANT, completion_tokens__isnull=False)
    priced = Q(cost_usd__isnull=False)
    sums = used.aggregate(
        usd=Sum("cost_usd"),
        priced=Count("id", filter=priced),
        unpriced=Count("id", filter=~priced),
        estimated=Count("id", filter=priced & Q(usage_source__in=("counted", "estimated"))),
    )
    return Total(sums["usd"] or Decimal(0), sums["priced"], sums["unpriced"], bool(sums["estimated"]))


def told(conversation_id: uuid.UUID) -> dict[str, Any]:
    """What stands in the bar, for a page that is open: of two such, the one with the higher count is newer."""
    spent = total_of(conversation_id)
    html = render_to_string("chat/_spent.html", {"spent": spent}).strip()
    return {"count": spent.priced_count + spent.unpriced_count, "html": html}
