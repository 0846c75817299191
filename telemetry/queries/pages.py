"""The list of calls, newest first, paged by key in both directions.

A page is gathered by walking back in time, one partition at a time. The newest calls are looked at first: where many of them pass
the filters, the page is full at once. How many did says how far to look next, by the inverted index. So a page costs the same
for a common filter and for a rare one, and nothing more when the log grows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from telemetry.queries import walk
from telemetry.queries.filters import Condition, Filters, by_columns, by_facets

LIMIT = 50
COLUMNS = (
    "id", "received_at", "status", "source", "operation", "provider", "model", "served_model", "requested_model", "user_id",
    "api_key_id", "end_user", "conversation_id", "session_id", "trace_id", "is_stream", "attempt", "error_class", "error_message",
    "finish_reason", "latency_ms", "ttft_ms", "tokens_per_second", "input_tokens", "cache_read_tokens", "cache_write_tokens",
    "output_tokens", "reasoning_tokens", "usage_source", "cost_usd", "tags", "environment", "app", "version", "input_preview",
    "output_preview", "variant", "is_cached",
)  # fmt: skip
SELECT = ", ".join(f"log.{name}" for name in COLUMNS)

# An OFFSET keeps the order out of the planner's sight: it would rather walk the newest rows until enough have passed, and for a
# rare filter that is all of them.
FOUND = """
SELECT * FROM (
    SELECT {select} FROM inference_log AS log
    WHERE log.workspace_id = %(workspace)s AND log.received_at >= %(low_{place})s AND log.received_at < %(high_{place})s
        AND {beyond} AND {condition} OFFSET 0
) AS log ORDER BY received_at {direction}, id {direction} LIMIT %(limit)s
"""
NEWEST = """
SELECT {select} FROM inference_log AS log
WHERE log.workspace_id = %(workspace)s AND log.received_at >= %(low_{place})s AND log.received_at < %(high_{place})s AND {beyond}
ORDER BY log.received_at {direction}, log.id {direction} LIMIT %(limit)s
"""


class Cursor(NamedTuple):
    """Where a page begins: the call before it."""

    received_at: datetime
    id: UUID

    def __str__(self) -> str:
        return f"{self.received_at.isoformat()}~{self.id}"

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """From a link. Raises ValueError."""
        at, _, identity = text.partition("~")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("a time without its zone")
        return cls(moment, UUID(identity))


@dataclass(frozen=True, slots=True)
class Line:
    """A call as a list shows it: durations in ms, tokens in disjoint buckets, money in US dollars, None for what is not known."""

    id: UUID
    received_at: datetime
    status: str
    source: str | None
    operation: str | None
    provider: str | None
    model: str | None
    served_model: str | None
    requested_model: str | None
    user_id: UUID | None
    api_key_id: UUID | None
    end_user: str | None
    conversation_id: UUID | None
    session_id: str | None
    trace_id: str | None
    is_stream: bool | None
    attempt: int | None
    error_class: str | None
    error_message: str | None
    finish_reason: str | None
    latency_ms: int | None
    ttft_ms: int | None
    tokens_per_second: float | None
    input_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    usage_source: str | None
    cost_usd: Decimal | None
    tags: list[str] | None
    environment: str | None
    app: str | None
    version: str | None
    input_preview: str | None
    output_preview: str | None
    variant: str | None = None
    is_cached: bool | None = None

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.received_at, self.id)


@dataclass(frozen=True, slots=True)
class Page:
    """Calls, newest first, and the cursors of the neighbouring pages, None where there is none.

    `searched_since` is how far back was looked when the time ran out before the page was full; None when all was looked at.
    """

    lines: Sequence[Line]
    older: Cursor | None
    newer: Cursor | None
    searched_since: datetime | None = None


def logs_page(
    filters: Filters,
    cursor: Cursor | None = None,
    limit: int = LIMIT,
    *,
    is_newer: bool = False,
    now: datetime,
    seconds: float | None = None,
) -> Page:
    """The page after the cursor: older calls, or newer ones with `is_newer`. Lines are newest first in both.

    `seconds` bounds how long the log is walked for a page that doesn't fill.
    """
    source = Calls(filters, is_plain=filters.is_plain, is_exact=filters.is_exact)
    wanted = walk.Wanted(
        workspace_id=filters.workspace_id,
        since=filters.since,
        until=filters.until,
        after=cursor,
        limit=limit + 1,
        is_newer=is_newer,
    )
    found = walk.walk(source, wanted, now=now, seconds=seconds)
    return assemble(found, wanted)


def assemble(found: walk.Found, wanted: walk.Wanted) -> Page:
    """A page of what a walk found: one row more than was asked for says that there is another page."""
    has_more = len(found.rows) == wanted.limit
    kept = [Line(*row[: len(COLUMNS)]) for row in found.rows[: wanted.limit - 1]]
    lines = kept[::-1] if wanted.is_newer else kept
    stopped = found.reached_at
    older = lines and (has_more or wanted.is_newer)
    newer = lines and (has_more if wanted.is_newer else wanted.after is not None)
    ends = lines[-1].cursor if older else None
    if stopped and not ends and not wanted.is_newer:
        ends = Cursor(stopped, UUID(int=0))
    return Page(lines, older=ends, newer=lines[0].cursor if newer else None, searched_since=stopped)


@dataclass(frozen=True, slots=True)
class Calls:
    """The log itself as what is walked."""

    filters: Filters
    is_plain: bool
    is_exact: bool
    key_table: str = "inference_log"

    def read(self, spans: Sequence[walk.Span], *, is_near: bool) -> list[Any]:
        """The calls of the spans that pass. Near ones are looked at one by one, others found by the index."""
        condition = Condition() if self.is_plain else by_columns(self.filters)
        if not (self.is_plain or self.is_exact or is_near):
            facets = by_facets(self.filters)
            condition.terms += facets.terms
            condition.parameters |= facets.parameters
        query = NEWEST if self.is_plain else FOUND
        return read_spans(query, spans, condition, alias="log")


def read_spans(query: str, spans: Sequence[walk.Span], condition: Condition, *, alias: str) -> list[Any]:
    """Run a query for each of the spans, in one statement."""
    parameters, parts = dict(condition.parameters), []
    for place, span in enumerate(spans):
        told = {"select": SELECT, "beyond": span.beyond(alias), "condition": condition.sql, "direction": span.direction}
        parts.append(query.format(place=place, **told))
        parameters |= span.parameters(place)
    with connection.cursor() as cursor:
        cursor.execute(walk.union(parts), parameters)
        return list(cursor.fetchall())
