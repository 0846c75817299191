"""Every step of a trace at once, without what was said: what a waterfall is drawn of."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

MOST = 20_000

# Two indexes of the trace's id, whatever day its steps came on.
STEPS = """
SELECT * FROM (
    SELECT id, 'call' AS kind, coalesce(served_model, model, requested_model) AS name, status, span_id, parent_span_id,
        NULL::uuid AS inference_id, coalesce(started_at, received_at) AS started_at, latency_ms, ttft_ms, error_class, cost_usd,
        coalesce(input_tokens, 0) + coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0)
            + coalesce(output_tokens, 0) + coalesce(reasoning_tokens, 0) AS token_count
    FROM inference_log WHERE workspace_id = %(workspace)s AND trace_id = %(trace)s AND {whose}
    UNION ALL
    SELECT id, kind, name, status, span_id, parent_span_id,
        inference_id, coalesce(started_at, received_at), latency_ms, NULL, error_class, NULL, 0
    FROM span WHERE workspace_id = %(workspace)s AND trace_id = %(trace)s AND {whose}
) AS step ORDER BY started_at, id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Step:
    """A call or a step of a trace. `kind` is call, tool, agent, …; the name of a call is its model."""

    id: UUID
    kind: str
    name: str | None
    status: str
    span_id: str | None
    parent_span_id: str | None
    inference_id: UUID | None  # the call that a step belongs to
    started_at: datetime
    latency_ms: int | None
    ttft_ms: int | None
    error_class: str | None
    cost_usd: Decimal | None
    token_count: int

    @property
    def is_call(self) -> bool:
        return self.kind == "call"


def steps_of(workspace_id: UUID, trace_id: str, user_id: UUID | None = None) -> tuple[list[Step], bool]:
    """The steps in the order of time, of one person alone if asked for; and whether there are more than can be drawn."""
    whose = "true" if user_id is None else "user_id = %(user)s"
    parameters: dict[str, Any] = {"workspace": workspace_id, "trace": trace_id, "user": user_id, "limit": MOST + 1}
    with connection.cursor() as cursor:
        cursor.execute(STEPS.format(whose=whose), parameters)
        found = [Step(*row) for row in cursor.fetchall()]
    return found[:MOST], len(found) > MOST
