"""What is thought of calls: written by people under their replies, read beside the calls, gone when their time is over.

A score says which call it judges, and needs no row of it: it may come first. Numbers stay as long as sums do; comments are
content, and go with the calls or the conversation.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from telemetry.models import Score
from telemetry.policies import Rules

RATINGS = range(1, 6)

FORGET_CALLS = """
DELETE FROM telemetry_score USING unnest(%s::uuid[], %s::uuid[]) AS called (workspace_id, id)
WHERE telemetry_score.workspace_id = called.workspace_id AND telemetry_score.inference_id = called.id
"""
# A score that is a comment and nothing else has nothing left to say.
FORGET_TEXTS = "DELETE FROM telemetry_score WHERE kind = 'text' AND {condition}"
FORGET_COMMENTS = "UPDATE telemetry_score SET comment = '' WHERE comment <> '' AND {condition}"
UNLINK = "UPDATE telemetry_score SET conversation_id = NULL, message_id = NULL WHERE {condition}"
OF_CONVERSATION = "workspace_id = %s AND conversation_id = %s"
OLDER = "created_at < %s AND (%s::uuid IS NULL OR workspace_id = %s)"
PRUNE = f"DELETE FROM telemetry_score WHERE {OLDER}"  # noqa: S608  (put together of our own words)


@dataclass(frozen=True, slots=True)
class Judged:
    """The reply that is judged, and the person who does; nobody and no reply where a program reports on a whole conversation."""

    workspace_id: UUID
    user_id: UUID | None
    message_id: UUID | None
    conversation_id: UUID | None = None
    inference_id: UUID | None = None
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """All that one person thinks of one reply. A thumb is up (True), down or not given; ratings go from 1 to 5."""

    thumb: bool | None = None
    rating: int | None = None
    reasons: tuple[str, ...] = ()
    comment: str = ""

    def __bool__(self) -> bool:
        return self != NONE


NONE = Judgement()


def judge(judged: Judged, judgement: Judgement, *, rules: Rules, now: datetime) -> bool:
    """Put this in the place of what the person thought before; says whether it is the first that they think of the reply.

    The caller keeps one person from judging twice at once. The comment is redacted here.
    """
    wanted = {(score.name, score.label): score for score in _scores(judged, judgement, rules)}
    with transaction.atomic():
        held = {(score.name, score.label): score for score in _of_person(judged)}
        Score.objects.filter(id__in=[score.id for key, score in held.items() if key not in wanted]).delete()
        for key, score in wanted.items():
            if (old := held.get(key)) is not None:
                score.id, score.created_at = old.id, old.created_at
                score.updated_at = now
                score.save(force_update=True)
            else:
                score.created_at = score.updated_at = now
                score.save(force_insert=True)
    return bool(wanted) and not held


def report(judged: Judged, judgement: Judgement, *, rules: Rules, now: datetime, is_flagged: bool = False) -> None:
    """Add what a program reports. Nothing takes another's place: behind one program there are many people."""
    told = _scores(judged, judgement, rules)
    if is_flagged:
        told.append(Score(**asdict(judged), name="flag", kind=Score.Kind.BOOLEAN, value=1.0))
    for score in told:
        score.source, score.created_at, score.updated_at = Score.Source.API, now, now
    Score.objects.bulk_create(told)


def of_messages(message_ids: Iterable[UUID]) -> dict[UUID, Judgement]:
    """What their owner thinks of these replies, in one query; those without a word are absent."""
    by_message: dict[UUID, list[Score]] = {}
    for score in Score.objects.filter(message_id__in=list(message_ids), source=Score.Source.PERSON).order_by("created_at", "id"):
        if score.message_id is not None:
            by_message.setdefault(score.message_id, []).append(score)
    return {message_id: _judgement(found) for message_id, found in by_message.items()}


def of_call(workspace_id: UUID, inference_id: UUID) -> list[Score]:
    """Everything that was said about one call, by whomever."""
    return list(Score.objects.filter(workspace_id=workspace_id, inference_id=inference_id).order_by("created_at", "id"))


def forget_calls(cursor: CursorWrapper, workspaces: Sequence[UUID], ids: Sequence[UUID]) -> None:
    """Delete what was said about calls that are erased."""
    cursor.execute(FORGET_CALLS, [list(workspaces), list(ids)])


def unlink_conversation(cursor: CursorWrapper, workspace_id: UUID, conversation_id: UUID) -> None:
    """Keep the numbers of a conversation that is deleted, and nothing of its words."""
    for statement in (FORGET_TEXTS, FORGET_COMMENTS, UNLINK):
        cursor.execute(statement.format(condition=OF_CONVERSATION), [workspace_id, conversation_id])


def forget_user(user_id: UUID) -> int:
    """Delete what a person thought; returns how many scores."""
    return Score.objects.filter(user_id=user_id).delete()[0]


def expire(comments_before: date, scores_before: date, workspace_id: UUID | None) -> int:
    """Forget comments as old as calls that go, and scores as old as sums that go; returns how many scores are deleted."""
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in (FORGET_TEXTS, FORGET_COMMENTS):
            cursor.execute(statement.format(condition=OLDER), [comments_before, workspace_id, workspace_id])
        cursor.execute(PRUNE, [scores_before, workspace_id, workspace_id])
        return int(cursor.rowcount)


def _of_person(judged: Judged) -> list[Score]:
    return list(Score.objects.filter(message_id=judged.message_id, user_id=judged.user_id, source=Score.Source.PERSON))


def _scores(judged: Judged, judgement: Judgement, rules: Rules) -> list[Score]:
    kind = Score.Kind
    told: list[dict[str, Any]] = []
    if judgement.thumb is not None:
        told.append({"name": "thumb", "kind": kind.BOOLEAN, "value": float(judgement.thumb)})
    if judgement.rating is not None:
        told.append({"name": "rating", "kind": kind.NUMERIC, "value": float(judgement.rating)})
    told += [{"name": "reason", "kind": kind.CATEGORY, "label": reason} for reason in dict.fromkeys(judgement.reasons)]
    if judgement.comment:
        said = rules.redactor.redact(judgement.comment).text
        told.append({"name": "comment", "kind": kind.TEXT, "comment": said})
    plain = {"label": "", "comment": "", "redaction_version": rules.version, "source": Score.Source.PERSON}
    return [Score(**(asdict(judged) | plain | one)) for one in told]


def _judgement(found: Sequence[Score]) -> Judgement:
    by_name: Mapping[str, Score] = {score.name: score for score in found}
    thumb, rating, comment = by_name.get("thumb"), by_name.get("rating"), by_name.get("comment")
    return Judgement(
        thumb=None if thumb is None else bool(thumb.value),
        rating=None if rating is None or rating.value is None else round(rating.value),
        reasons=tuple(score.label for score in found if score.name == "reason"),
        comment=comment.comment if comment else "",
    )
