"""What webhooks are told of calls and budgets: read from the log's feed and from the ledger, by the clock."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from gateway import webhooks
from gateway.webhooks import CONSUMER, OF_CALLS, Event
from telemetry import feed, product_events
from telemetry.consumers import rows_of
from telemetry.scores import Judged, Judgement

NEARLY = "budget.nearly_used_up"
USED_UP = "budget.used_up"
# A call that is written again later, when it is priced anew say, was told before: what was told is kept for longer than this.
RECENT = timedelta(days=3)

EVENT_OF = {"success": "call.finished", "canceled": "call.canceled", "error": "call.failed", "interrupted": "call.failed"}
TOLD = (
    "status", "source", "operation", "provider", "model", "requested_model", "served_model", "variant", "is_cached", "is_stream",
    "attempt", "fallback_of", "conversation_id", "message_id", "session_id", "trace_id", "api_key_id", "tags", "error_class",
    "error_code", "finish_reason", "started_at", "first_token_at", "ended_at", "latency_ms", "ttft_ms", "tokens_per_second",
    "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens", "usage_source", "cost_usd",
    "environment", "app", "version",
)  # fmt: skip
BUDGETS = """
SELECT budget.id, budget.workspace_id, budget.subject, budget.subject_id, budget.period, budget.limit_usd, held.starts_on,
    held.spent_usd
FROM gateway_budget AS budget JOIN gateway_budgetperiod AS held ON held.budget_id = budget.id
    AND held.starts_on = date_trunc(budget.period, %s AT TIME ZONE 'UTC')::date
WHERE budget.workspace_id = ANY(%s) AND budget.is_enabled AND budget.limit_usd > 0 AND held.spent_usd >= 0.8 * budget.limit_usd
"""


def gather(now: datetime) -> int:
    """Hand webhooks what has happened since the last time; returns how many changes of the log were read."""
    tell_of_budgets(now)
    if not webhooks.listening(OF_CALLS):
        feed.leave(CONSUMER)  # nothing is kept for nobody
        return 0
    read = 0
    try:
        while count := feed.consume(CONSUMER, tell_of_calls):
            read += count
    except feed.BusyError:  # another worker is at it
        pass
    return read


def tell_of_calls(changes: Sequence[feed.Change]) -> None:
    """The calls that have ended, to who listens. One that ends twice, interrupted and then finished after all, is told twice."""
    now = datetime.now(UTC)
    recent = [change for change in changes if change.is_ended and change.received_at > now - RECENT]
    hooks = webhooks.listening(OF_CALLS, {change.workspace_id for change in recent})
    listening = {hook.workspace_id for hook in hooks}
    told = []
    for row in rows_of([change for change in recent if change.workspace_id in listening]):
        event = _of_call(row)
        received_at = datetime.fromisoformat(str(row["received_at"]))
        told += [(hook, event) for hook in hooks if webhooks.hears(hook, event) and hook.created_at <= received_at]
    with transaction.atomic():
        webhooks.enter(told, now=now)


def tell_of_budgets(now: datetime) -> None:
    """Each budget that has come near its end, or to it: once in its period, and again when its limit is raised."""
    hooks = webhooks.listening([NEARLY, USED_UP])
    if not hooks:
        return
    with connection.cursor() as cursor:
        cursor.execute(BUDGETS, [now, list({hook.workspace_id for hook in hooks})])
        rows = cursor.fetchall()
    webhooks.tell([_of_budget(*row) for row in rows], now=now)


def _of_call(row: Mapping[str, Any]) -> Event:
    name = EVENT_OF.get(str(row["status"]), "call.failed")
    data = {"inference_id": row["id"], **{column: row[column] for column in TOLD if column in row}}
    if row.get("user_id"):
        data["user"] = product_events.pseudonym(UUID(str(row["user_id"])))
    return Event(UUID(str(row["workspace_id"])), name, f"{row['id']} {name}", data)


def _of_budget(
    budget_id: UUID, workspace_id: UUID, subject: str, subject_id: UUID | None, period: str, limit: Any, start: Any, spent: Any
) -> Event:
    name = USED_UP if spent >= limit else NEARLY
    # Of whom it is, an id that says no name; a person's is a pseudonym, as in the events of calls.
    whose = product_events.pseudonym(subject_id) if subject == "user" and subject_id else subject_id
    data = {
        "budget_id": budget_id,
        "subject": subject,
        "subject_id": whose,
        "period": period,
        "starts_on": start,
        "limit_usd": float(limit),
        "spent_usd": float(spent),
    }
    return Event(workspace_id, name, f"{budget_id} {start} {limit.normalize():f} {name}", data)


def of_feedback(judged: Judged, judgement: Judgement, *, now: datetime) -> Event:
    """What somebody thinks of a reply now, without the words in which they say it."""
    data = {
        "conversation_id": judged.conversation_id,
        "message_id": judged.message_id,
        "inference_id": judged.inference_id,
        "trace_id": judged.trace_id or None,
        "user": product_events.pseudonym(judged.user_id) if judged.user_id else None,
        "thumb": {True: "up", False: "down", None: None}[judgement.thumb],
        "rating": judgement.rating,
        "reasons": judgement.reasons,
        "has_comment": bool(judgement.comment),
        "is_withdrawn": not judgement,
    }
    return Event(judged.workspace_id, "feedback.given", f"{judged.message_id or judged.conversation_id} {now.isoformat()}", data)
