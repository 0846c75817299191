"""What a person thinks of a reply: a thumb at one click, then a rating, reasons and a comment, changed and withdrawn at will."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from django.db import transaction

from chat.models import Message
from gateway import happenings, webhooks
from telemetry import policies, product_events, scores
from telemetry.product_events import Name
from telemetry.scores import NONE, RATINGS, Judged, Judgement

MAX_COMMENT = 5000
# What is stored → what the chip says. The first group goes with a thumb up, the second with a thumb down.
PRAISE = {"correct": "Correct", "helpful": "Helpful", "clear": "Clear", "well_written": "Well written"}
BLAME = {
    "wrong": "Wrong",
    "incomplete": "Incomplete",
    "off_task": "Not what I asked for",
    "too_long": "Too long",
    "slow": "Slow",
    "unsafe": "Unsafe",
}
REASONS = PRAISE | BLAME


class Form(Protocol):
    """What a posted form offers."""

    def get(self, key: str, default: str, /) -> str: ...
    def getlist(self, key: str, /) -> Sequence[str]: ...


class FeedbackError(ValueError):
    """Feedback that cannot be taken; the message says why."""


def reasons_for(thumb: bool | None) -> Mapping[str, str]:
    """The chips to offer."""
    return PRAISE if thumb else BLAME if thumb is False else REASONS


def of(reply: Message) -> Judgement:
    """What its owner thinks of this reply so far."""
    return scores.of_messages([reply.id]).get(reply.id, NONE)


def give(reply: Message, form: Form, *, now: datetime) -> Judgement:
    """Take what was posted: a thumb alone, the whole panel, or nothing at all (`withdraw`). Raises `FeedbackError`.

    `reply` comes with its conversation; its owner is the one who judges.
    """
    with transaction.atomic():
        Message.objects.select_for_update().get(id=reply.id)  # two clicks follow each other
        held = of(reply)
        given = _merged(held, form)
        conversation = reply.conversation
        if conversation.is_temporary and given.comment:
            raise FeedbackError("A comment would outlive a temporary chat, so none is taken here. A thumb and a rating are.")
        judged = Judged(
            workspace_id=conversation.workspace_id,
            user_id=conversation.owner_id,
            message_id=reply.id,
            conversation_id=conversation.id,
            inference_id=reply.inference_id,
            trace_id=reply.trace_id,
        )
        is_first = scores.judge(judged, given, rules=policies.rules_of(conversation.workspace_id), now=now)
        if given != held:
            webhooks.tell([happenings.of_feedback(judged, given, now=now)], now=now)
        if is_first:
            product_events.note(
                Name.FEEDBACK_GIVEN,
                conversation.workspace_id,
                user_id=conversation.owner_id,
                conversation_id=conversation.id,
                detail={True: "up", False: "down", None: "rating" if given.rating else "words"}[given.thumb],
            )
    return of(reply)


def _merged(held: Judgement, form: Form) -> Judgement:
    """What the person thinks now. A part that the form doesn't speak of stays as it was."""
    if form.get("withdraw", ""):
        return NONE
    given = held
    if (thumb := form.get("thumb", "-")) != "-":
        given = replace(given, thumb={"up": True, "down": False}.get(thumb))
        if given.thumb != held.thumb:
            offered = reasons_for(given.thumb)
            given = replace(given, reasons=tuple(reason for reason in given.reasons if reason in offered))
    if form.get("panel", ""):
        comment = form.get("comment", "").replace("\x00", "").replace("\r\n", "\n").strip()
        if len(comment) > MAX_COMMENT:
            raise FeedbackError(f"This comment has {len(comment):,} characters; {MAX_COMMENT:,} is the most.")
        chosen = tuple(reason for reason in REASONS if reason in form.getlist("reason"))
        given = replace(given, rating=_rating(form.get("rating", "")), reasons=chosen, comment=comment)
    return given


def _rating(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or int(text) not in RATINGS:
        raise FeedbackError("A rating goes from 1 to 5.")
    return int(text)
