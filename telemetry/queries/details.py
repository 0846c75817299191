"""One call with what was said and its steps, and the rows of a trace."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from telemetry import payloads
from telemetry.models import InferenceKey, InferenceLog, Span

STEPS_LIMIT = 500

# Two indexes of the trace's id; whatever its length, a page of it is read in the order of time.
TRACE = """
SELECT * FROM (
    SELECT id, 'call' AS kind, coalesce(model, requested_model) AS name, status, span_id, parent_span_id,
        NULL::uuid AS inference_id, received_at, coalesce(started_at, received_at) AS started_at, latency_ms, ttft_ms, error_class
    FROM inference_log WHERE workspace_id = %(workspace)s AND trace_id = %(trace)s
    UNION ALL
    SELECT id, kind, name, status, span_id, parent_span_id,
        inference_id, received_at, coalesce(started_at, received_at), latency_ms, NULL, error_class
    FROM span WHERE workspace_id = %(workspace)s AND trace_id = %(trace)s
) AS step WHERE {beyond} ORDER BY started_at, id LIMIT %(limit)s
"""
SUMMARY = """
SELECT count(*), min(started_at), max(started_at + make_interval(secs => coalesce(latency_ms, 0) / 1000.0)),
    count(*) FILTER (WHERE status = 'error')
FROM (
    SELECT status, coalesce(started_at, received_at) AS started_at, latency_ms FROM inference_log
    WHERE workspace_id = %(workspace)s AND trace_id = %(trace)s
    UNION ALL
    SELECT status, coalesce(started_at, received_at), latency_ms FROM span
    WHERE workspace_id = %(workspace)s AND trace_id = %(trace)s
) AS step
"""


@dataclass(frozen=True, slots=True)
class Call:
    """A call's row, its content by part (messages, reply, …) and the steps that it led to, in the order of time."""

    log: InferenceLog
    content: Mapping[str, Any]
    steps: Sequence[Span]


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
    received_at: datetime
    started_at: datetime
    latency_ms: int | None
    ttft_ms: int | None
    error_class: str | None


class After(NamedTuple):
    """The last step of the page before."""

    started_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Trace:
    """A page of a trace in the order of time; what it holds in all, and where the next page begins."""

    steps: Sequence[Step]
    step_count: int
    error_count: int
    started_at: datetime | None
    ended_at: datetime | None
    next: After | None


def row(workspace_id: UUID, inference_id: UUID) -> InferenceLog | None:
    """One call of a workspace, found on its day by its key."""
    key = InferenceKey.objects.filter(workspace_id=workspace_id, inference_id=inference_id).first()
    if key is None:
        return None
    return InferenceLog.objects.filter(workspace_id=workspace_id, received_at=key.received_at, id=inference_id).first()


def steps_of(workspace_id: UUID, inference_id: UUID) -> list[Span]:
    """What a call led to, in the order of time."""
    return list(
        Span.objects.filter(workspace_id=workspace_id, inference_id=inference_id).order_by("started_at", "id")[:STEPS_LIMIT]
    )


def step(workspace_id: UUID, step_id: UUID) -> Span | None:
    """One step of a workspace, found on its day by its key."""
    key = InferenceKey.objects.filter(workspace_id=workspace_id, inference_id=step_id).first()
    if key is None:
        return None
    return Span.objects.filter(workspace_id=workspace_id, received_at=key.received_at, id=step_id).first()


def call(workspace_id: UUID, inference_id: UUID) -> Call | None:
    """One call of a workspace with all that belongs to it."""
    log = row(workspace_id, inference_id)
    return Call(log, payloads.shown_content_of(log), steps_of(workspace_id, inference_id)) if log else None


def trace(workspace_id: UUID, trace_id: str, after: After | None = None, *, limit: int = STEPS_LIMIT) -> Trace:
    """A page of a trace. A trace that nobody has heard of has no steps."""
    parameters: dict[str, Any] = {"workspace": workspace_id, "trace": trace_id, "limit": limit + 1}
    if after:
        parameters |= {"after_at": after.started_at, "after_id": after.id}
    beyond = "(started_at, id) > (%(after_at)s, %(after_id)s)" if after else "true"
    with connection.cursor() as cursor:
        cursor.execute(TRACE.format(beyond=beyond), parameters)
        found = [Step(*row) for row in cursor.fetchall()]
        cursor.execute(SUMMARY, parameters)
        count, started_at, ended_at, errors = cursor.fetchone()
    steps = found[:limit]
    following = After(steps[-1].started_at, steps[-1].id) if len(found) > limit else None
    return Trace(steps, count, errors, started_at, ended_at, following)
