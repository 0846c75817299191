"""Feedback that programs report: kept as it was sent, redacted, and beside it as scores of the calls that it judges."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.http import Http404

from chat.making import LABEL_CHARACTERS
from chat.models import Conversation, Feedback, Message
from gateway import happenings, webhooks
from telemetry import policies, product_events, scores
from telemetry.product_events import Name
from telemetry.values import shorten

THUMBS = {Feedback.Kind.THUMBS_UP: True, Feedback.Kind.THUMBS_DOWN: False}
DETAILS = {Feedback.Kind.THUMBS_UP: "up", Feedback.Kind.THUMBS_DOWN: "down", Feedback.Kind.FLAG: "flag"}


@dataclass(frozen=True, slots=True)
class Report:
    """What a program sends. Without a message it is about the conversation."""

    kind: Feedback.Kind
    message_id: uuid.UUID | None = None
    end_user: str = ""
    rating: int | None = None
    comment: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


def take(conversation: Conversation, report: Report, *, now: datetime) -> Feedback:
    """Raises `Http404` where the message is none of the conversation's."""
    message = None
    if report.message_id is not None:
        message = Message.objects.filter(id=report.message_id, conversation=conversation).first()
        if message is None:
            raise Http404("There is no such message in this conversation.")
    rules = policies.rules_of(conversation.workspace_id)
    row = Feedback(
        conversation=conversation,
        message=message,
        end_user=shorten(rules.redactor.redact(report.end_user).text, LABEL_CHARACTERS),
        kind=report.kind,
        rating=report.rating,
        comment=rules.redactor.redact(report.comment).text,
        metadata=rules.redactor.redact_json(dict(report.metadata)),
        redaction_version=rules.version,
        created_at=now,
    )
    judged = scores.Judged(
        workspace_id=conversation.workspace_id,
        user_id=None,
        message_id=message.id if message else None,
        conversation_id=conversation.id,
        inference_id=message.inference_id if message else None,
        trace_id=message.trace_id if message else "",
    )
    judgement = scores.Judgement(THUMBS.get(report.kind), report.rating, comment=report.comment)
    with transaction.atomic():
        row.save(force_insert=True)
        webhooks.tell([happenings.of_feedback(judged, judgement, now=now)], now=now)
        scores.report(judged, judgement, rules=rules, now=now, is_flagged=report.kind == Feedback.Kind.FLAG)
        product_events.note(
            Name.FEEDBACK_GIVEN,
            conversation.workspace_id,
            user_id=conversation.owner_id,
            conversation_id=conversation.id,
            detail=DETAILS[report.kind],
        )
    return row
