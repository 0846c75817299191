"""Calls to tell telemetry of, with what a test doesn't care for filled in."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from telemetry import digest, events, inbox
from telemetry.models import InboxEvent, InferenceLog, Tally

WORKSPACE = UUID("00000000-0000-4000-8000-000000000001")
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def started(inference_id: UUID | None = None, **fields: Any) -> events.Event:
    told: dict[str, Any] = {
        "inference_id": inference_id or uuid7(),
        "workspace_id": WORKSPACE,
        "source": "chat",
        "provider": "openai",
        "model": "gpt-4o-mini",
        "started_at": NOON,
        "messages": [{"role": "user", "content": "How do tides work?"}],
    }
    return events.started(**(told | fields))


def finished(inference_id: UUID | None = None, **fields: Any) -> events.Event:
    told: dict[str, Any] = {
        "inference_id": inference_id or uuid7(),
        "workspace_id": WORKSPACE,
        "status": "success",
        "first_token_at": NOON + timedelta(milliseconds=400),
        "ended_at": NOON + timedelta(milliseconds=2400),
        "input_tokens": 100,
        "output_tokens": 50,
        "usage_source": "provider",
        "reply": "The moon pulls the water.",
    }
    return events.finished(**(told | fields))


def append(*given: events.Event) -> inbox.Appended:
    with transaction.atomic(), connection.cursor() as cursor:
        return inbox.append(given, cursor)


def record(*given: events.Event) -> digest.Drained:
    append(*given)
    return digest.drain()


def record_calls(count: int, **fields: Any) -> list[InferenceLog]:
    """Finished calls; `fields` go with each started event."""
    ids = [uuid7() for _ in range(count)]
    record(*[event for inference_id in ids for event in (started(inference_id, **fields), finished(inference_id))])
    return list(InferenceLog.objects.filter(id__in=ids).order_by("received_at", "id"))


def let_time_pass() -> None:
    """Events that failed may be tried again."""
    InboxEvent.objects.update(available_at=Now() - timedelta(hours=1))


def only_row() -> InferenceLog:
    return InferenceLog.objects.get()


def spoil(*bodies: str, workspace: UUID = WORKSPACE) -> Sequence[str]:
    """Put events into the inbox that nothing of ours would make; returns their ids."""
    made = [
        InboxEvent.objects.create(workspace_id=workspace, inference_id=uuid7(), event_id=f"spoiled:{number}", body=body)
        for number, body in enumerate(bodies)
    ]
    Tally.objects.create(day=NOON.date(), received_count=len(made))
    return [event.event_id for event in made]
