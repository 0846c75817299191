"""What the rollups don't tell: why calls failed or ended, and which conversations cost most. Read from rows, within bounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from telemetry.queries.charts import window_of
from telemetry.queries.filters import Filters, by_columns, by_facets

SAMPLE = 20_000  # of the newest calls, for how calls end
COSTLY_SPAN = timedelta(days=1)

# Only failed calls are in the index that this reads.
ERRORS = """
SELECT log.error_class, count(*) FROM inference_log AS log
WHERE log.workspace_id = %(workspace)s AND log.error_class IS NOT NULL
    AND log.received_at >= %(since)s AND log.received_at < %(until)s AND {condition}
GROUP BY 1 ORDER BY 2 DESC, 1
"""
ENDINGS = """
SELECT log.finish_reason, count(*) FROM (
    SELECT * FROM inference_log AS log WHERE log.workspace_id = %(workspace)s
        AND log.received_at >= %(since)s AND log.received_at < %(until)s
    ORDER BY log.received_at DESC, log.id DESC LIMIT %(sample)s
) AS log WHERE log.status <> 'in_progress' AND {condition} GROUP BY 1 ORDER BY 2 DESC, 1
"""
COSTLY = """
SELECT log.conversation_id, count(*), sum(log.cost_usd), max(log.received_at) FROM (
    SELECT log.conversation_id, log.cost_usd, log.received_at FROM inference_log AS log
    WHERE log.workspace_id = %(workspace)s AND log.received_at >= %(since)s AND log.received_at < %(until)s
        AND log.conversation_id IS NOT NULL AND log.cost_usd IS NOT NULL AND {condition} OFFSET 0
) AS log GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Count:
    """How many calls have a value; None where they did not tell."""

    value: str | None
    call_count: int


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a conversation cost in the time that was looked at."""

    conversation_id: UUID
    call_count: int
    cost_usd: Decimal
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Costly:
    """The dearest conversations, and since when was looked."""

    conversations: Sequence[Conversation]
    since: datetime


def error_classes(filters: Filters, *, now: datetime) -> list[Count]:
    """Calls by the class of their error, most first, over the whole period."""
    return [Count(*row) for row in _rows(ERRORS, filters, now)]


def finish_reasons(filters: Filters, *, now: datetime, sample: int = SAMPLE) -> list[Count]:
    """Why calls ended, most first: among the newest 20,000 calls of the period."""
    return [Count(*row) for row in _rows(ENDINGS, filters, now, sample=sample)]


def costly_conversations(filters: Filters, *, limit: int = 10, span: timedelta = COSTLY_SPAN, now: datetime) -> Costly:
    """The conversations that cost the most in the end of the period, a day of it unless more is asked for."""
    window = window_of(filters, now)
    since = max(window.start, window.end - span)
    return Costly([Conversation(*row) for row in _rows(COSTLY, filters, now, since=since, limit=limit)], since)


def _rows(query: str, filters: Filters, now: datetime, **more: Any) -> list[Any]:
    window = window_of(filters, now)
    condition = by_columns(filters)
    if filters.named and not filters.is_exact and query is COSTLY:
        facets = by_facets(filters)
        condition.terms += facets.terms
        condition.parameters |= facets.parameters
    period = {"workspace": filters.workspace_id, "since": window.start, "until": window.end}
    with connection.cursor() as cursor:
        cursor.execute(query.format(condition=condition.sql), condition.parameters | period | more)
        return list(cursor.fetchall())
