"""What was thought of calls, one by one and by model: by whom, when and of which call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db import connection
from django.db.models import Q

from accounts.keyset import Cursor
from telemetry.models import Score

PAGE = 50
Mood = Literal["", "good", "bad"]

CALLS = """
SELECT key.inference_id, log.user_id, log.model, log.provider
FROM inference_key AS key JOIN inference_log AS log
    ON log.workspace_id = key.workspace_id AND log.received_at = key.received_at AND log.id = key.inference_id
WHERE key.workspace_id = %(workspace)s AND key.inference_id = ANY(%(ids)s)
"""
BY_MODEL = """
SELECT coalesce(log.model, ''), count(*) FILTER (WHERE score.name = 'thumb' AND score.value = 1),
    count(*) FILTER (WHERE score.name = 'thumb' AND score.value = 0), count(*) FILTER (WHERE score.name = 'rating'),
    avg(score.value) FILTER (WHERE score.name = 'rating')
FROM telemetry_score AS score
JOIN inference_key AS key ON key.workspace_id = score.workspace_id AND key.inference_id = score.inference_id
JOIN inference_log AS log
    ON log.workspace_id = key.workspace_id AND log.received_at = key.received_at AND log.id = key.inference_id
WHERE score.workspace_id = %(workspace)s AND score.created_at >= %(since)s AND score.created_at < %(until)s
    AND score.name IN ('thumb', 'rating') AND score.source <> 'evaluation'
GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 20
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which judgements. `judge` narrows to what one person thought; `mood` to thumbs, ratings and yes or no of one kind."""

    workspace_id: UUID
    since: datetime | None
    name: str = ""
    source: str = ""
    mood: Mood = ""
    has_comment: bool = False
    judge: UUID | None = None


@dataclass(frozen=True, slots=True)
class JudgedCall:
    """The call behind a judgement, as long as it is kept."""

    user_id: UUID | None
    model: str
    provider: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """A score and its call. The call is None where it is gone, has not come yet, or was never named."""

    score: Score
    call: JudgedCall | None


@dataclass(frozen=True, slots=True)
class ModelJudged:
    """What was thought of one model."""

    model: str
    up: int
    down: int
    ratings: int
    mean_rating: float | None

    @property
    def approval(self) -> float | None:
        return self.up / (self.up + self.down) if self.up + self.down else None


def page(wanted: Wanted, after: Cursor | None) -> tuple[list[Judgement], Cursor | None]:
    """The newest first, and where the next page begins: two queries."""
    found = Score.objects.filter(workspace_id=wanted.workspace_id).order_by("-created_at", "-id")
    if wanted.since:
        found = found.filter(created_at__gte=wanted.since)
    if wanted.judge:
        found = found.filter(user_id=wanted.judge)
    if wanted.name:
        found = found.filter(name=wanted.name)
    if wanted.source:
        found = found.filter(source=wanted.source)
    if wanted.has_comment:
        found = found.exclude(comment="")
    if wanted.mood:
        found = found.filter(_of_mood(is_good=wanted.mood == "good"))
    if after:
        found = found.filter(Q(created_at__lt=after.at) | Q(created_at=after.at, id__lt=after.id), created_at__lte=after.at)
    scores = list(found[: PAGE + 1])
    more = Cursor(scores[PAGE - 1].created_at, scores[PAGE - 1].id) if len(scores) > PAGE else None
    scores = scores[:PAGE]
    calls = _calls(wanted.workspace_id, [score.inference_id for score in scores if score.inference_id])
    return [Judgement(score, calls.get(score.inference_id) if score.inference_id else None) for score in scores], more


def by_model(workspace_id: UUID, since: datetime, *, now: datetime) -> list[ModelJudged]:
    """What people and programs thought of each model, the most judged first."""
    return [ModelJudged(*row) for row in _rows(BY_MODEL, {"workspace": workspace_id, "since": since, "until": now})]


def names(workspace_id: UUID) -> list[str]:
    """What is judged here, for the filter."""
    newest = Score.objects.filter(workspace_id=workspace_id).order_by("-created_at").values_list("name", flat=True)[:1000]
    return sorted(set(newest))


def _of_mood(*, is_good: bool) -> Q:
    """A rating of 4 or more is good, of 2 or less bad; a flag is bad."""
    yes = Q(kind=Score.Kind.BOOLEAN) & ~Q(name="flag")
    if is_good:
        return (yes & Q(value=1)) | Q(name="rating", value__gte=4)
    return (yes & Q(value=0)) | Q(name="flag", value=1) | Q(name="rating", value__lte=2)


def _calls(workspace_id: UUID, ids: Sequence[UUID]) -> dict[UUID, JudgedCall]:
    rows = _rows(CALLS, {"workspace": workspace_id, "ids": list(ids)}) if ids else []
    return {call_id: JudgedCall(user_id, model or "", provider or "") for call_id, user_id, model, provider in rows}


def _rows(statement: str, parameters: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
