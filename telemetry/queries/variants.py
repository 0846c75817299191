"""How the sides of a comparison did: the figures of each variant, read from the rows that have one."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection

# Rows without a variant are in no index that this reads. A kept answer says nothing about a model.
FIGURES = """
SELECT log.variant, count(*), count(*) FILTER (WHERE status = 'success'), count(*) FILTER (WHERE status = 'error'),
    percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE status = 'success'),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY ttft_ms) FILTER (WHERE status = 'success' AND is_stream),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY tokens_per_second) FILTER (WHERE status = 'success'),
    avg(coalesce(output_tokens, 0) + coalesce(reasoning_tokens, 0)) FILTER (WHERE status = 'success'),
    sum(cost_usd), count(cost_usd), count(thumb.value), count(*) FILTER (WHERE thumb.value > 0)
FROM inference_log AS log LEFT JOIN LATERAL (
    SELECT value FROM telemetry_score WHERE inference_id = log.id AND workspace_id = log.workspace_id AND name = 'thumb'
    ORDER BY updated_at DESC LIMIT 1
) AS thumb ON true
WHERE log.workspace_id = %s AND log.requested_model = %s AND log.received_at >= %s AND log.variant IS NOT NULL
    AND log.status <> 'in_progress' AND log.is_cached IS NOT TRUE
GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """One variant. Durations in ms; None where nothing was measured, or no price is known."""

    variant: str
    call_count: int
    success_count: int
    error_count: int
    latency_ms: float | None
    slow_ms: float | None  # 95 of 100 calls were quicker
    ttft_ms: float | None
    tokens_per_second: float | None
    completion_tokens: float | None
    cost_usd: Decimal | None
    priced_count: int
    judged_count: int
    liked_count: int


def figures(workspace_id: UUID, requested_model: str, *, since: datetime) -> list[Figures]:
    """Each variant's calls since then, by name."""
    with connection.cursor() as cursor:
        cursor.execute(FIGURES, [workspace_id, requested_model, since])
        found = cursor.fetchall()
    return [Figures(*row[:4], *(row[4] or (None, None)), *(_number(value) for value in row[5:8]), *row[8:]) for row in found]


def _number(value: float | Decimal | None) -> float | None:
    return None if value is None else float(value)
