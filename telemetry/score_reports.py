"""Scores that programs give to calls, traces and conversations, and who may read which."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts import audit
from accounts.audit import Action
from accounts.entrance import Bearer
from accounts.storable import without_nul
from telemetry import policies, reading
from telemetry.models import InferenceKey, InferenceLog, Score

NUMBERS = {Score.Kind.NUMERIC, Score.Kind.BOOLEAN}


class InvalidScore(ValueError):
    """It says nothing, or of nothing; `field` is to blame."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


class Taken(ValueError):
    """The id is that of a score which is not the program's to replace."""


@dataclass(frozen=True, slots=True)
class Reported:
    """One score as a program tells of it. With an `id` it may be sent again, and takes its own place."""

    name: str
    kind: str
    value: float | None = None
    label: str = ""
    comment: str = ""
    inference_id: UUID | None = None
    trace_id: str = ""
    conversation_id: UUID | None = None
    id: UUID | None = None


def report(workspace_id: UUID, told: Reported, *, now: datetime) -> tuple[Score, bool]:
    """Store it; says whether it is new. Raises `InvalidScore` and `Taken`."""
    _check(told)
    rules = policies.rules_of(workspace_id)
    score = Score(
        workspace_id=workspace_id,
        source=Score.Source.API,
        name=without_nul(told.name),
        kind=told.kind,
        value=told.value,
        label=rules.redactor.redact(without_nul(told.label)).text,
        comment=rules.redactor.redact(without_nul(told.comment)).text,
        redaction_version=rules.version,
        inference_id=told.inference_id,
        trace_id=without_nul(told.trace_id),
        conversation_id=told.conversation_id,
        created_at=now,
        updated_at=now,
    )
    if told.id is None:
        score.save(force_insert=True)
        return score, True
    return _put(score, told.id)


def readable(bearer: Bearer, inference_id: UUID | None) -> Q:
    """Which scores the program is told of: all, or those that its person gave or of a call of theirs. Raises `Http404`."""
    everything = Q(workspace_id=bearer.workspace_id)
    if reading.sees_all(bearer):
        return everything
    if inference_id is None:
        return everything & Q(user_id=bearer.user_id)
    return everything & Q(inference_id=reading.call_of(bearer, inference_id).id)


def own_words(bearer: Bearer, found: Sequence[Score]) -> set[UUID]:
    """The scores whose comments are the person's to read: what they wrote, and what is said of their own calls."""
    judged = [score.inference_id for score in found if score.comment and score.inference_id]
    mine = _calls_of(bearer, judged) if judged else set()
    return {score.id for score in found if score.user_id == bearer.user_id or score.inference_id in mine}


def reveal(bearer: Bearer, found: Sequence[Score], *, now: datetime) -> None:
    """Note that others' comments are shown. Raises `Refused`."""
    own = own_words(bearer, found)
    others = [score for score in found if score.comment and score.id not in own]
    reading.reveal(bearer, [(score.inference_id or score.id, None) for score in others], now=now)


def delete(score: Score, bearer: Bearer, *, now: datetime) -> None:
    with transaction.atomic():
        detail = {"api_key": str(bearer.api_key_id)}
        audit.note(Action.DATA_ERASED, bearer.user_id, now=now, workspace=bearer.workspace_id, subject=score, detail=detail)
        score.delete()


def _check(told: Reported) -> None:
    if told.kind in NUMBERS and told.value is None:
        raise InvalidScore(f"A {told.kind} score has a value.", "value")
    if told.kind == Score.Kind.BOOLEAN and told.value not in (0, 1):
        raise InvalidScore("A boolean score has the value 1 or 0.", "value")
    if told.kind == Score.Kind.CATEGORY and not told.label.strip():
        raise InvalidScore("A category has a label.", "label")
    if told.kind == Score.Kind.TEXT and not told.comment.strip():
        raise InvalidScore("A text has a comment.", "comment")
    if told.kind not in NUMBERS and told.value is not None:
        raise InvalidScore(f"A {told.kind} has no value.", "value")
    if told.kind != Score.Kind.CATEGORY and told.label:
        raise InvalidScore("Only a category has a label.", "label")
    if not (told.inference_id or told.trace_id or told.conversation_id):
        raise InvalidScore("Say what is judged: inference_id, trace_id or conversation_id.", "inference_id")


def _put(score: Score, score_id: UUID) -> tuple[Score, bool]:
    """In its place, whoever sends it at the same time."""
    score.id = score_id
    with transaction.atomic():
        new = Score.objects.bulk_create([score], ignore_conflicts=True)[0]
        held = Score.objects.select_for_update().get(id=score_id)
        if held.workspace_id != score.workspace_id or held.source != Score.Source.API:
            raise Taken("Another score has this id.")
        is_new = held.created_at == new.created_at
        if not is_new:
            score.created_at = held.created_at
            score.save(force_update=True)
    return score, is_new


def _calls_of(bearer: Bearer, ids: Iterable[UUID]) -> set[UUID]:
    keys = InferenceKey.objects.filter(workspace_id=bearer.workspace_id, inference_id__in=set(ids))
    moments = dict(keys.values_list("inference_id", "received_at"))
    mine = InferenceLog.objects.filter(
        workspace_id=bearer.workspace_id, received_at__in=set(moments.values()), id__in=moments, user_id=bearer.user_id
    )
    return set(mine.values_list("id", flat=True))
