"""Scores for programs: given to calls, traces and conversations, listed and deleted."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field

from accounts.administration import AskedPage, Body, Name, bearer_of, invalid, nothing_such, page_of
from accounts.entrance import Refused
from accounts.programs import needs
from telemetry import asked, score_reports
from telemetry.models import Score
from telemetry.score_reports import InvalidScore, Reported, Taken

router = Router(tags=["Scores"])
Kind = Literal["numeric", "boolean", "category", "text"]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e12, le=1e12)]


class NewScore(Body):
    """What is judged, and how. A numeric or boolean score has a value (1 or 0), a category a label, a text its comment alone."""

    name: Name = Field(description="What was judged: helpfulness, tone, …", examples=["helpfulness"])
    kind: Kind = "numeric"
    value: Number | None = Field(None, examples=[0.8])
    label: str = Field("", max_length=100)
    comment: str = Field("", max_length=4000, description="Stored redacted. It is content: shown to few.")
    inference_id: UUID | None = Field(None, description="The call; it may arrive later than its score.")
    trace_id: str = Field("", max_length=64)
    conversation_id: UUID | None = None
    id: UUID | None = Field(None, description="Of your own making: sent again, it takes the score's place.")


class GivenScore(Schema):
    """What somebody thinks of a call, a trace or a conversation."""

    id: UUID
    name: str
    kind: str
    value: float | None
    label: str
    comment: str | None = Field(description="Null where it is not the person's to read.")
    source: str = Field(description="person, api or evaluation.")
    user_id: UUID | None
    inference_id: UUID | None
    trace_id: str
    conversation_id: UUID | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, score: Score, *, may_read: bool) -> "GivenScore":
        given = {name: getattr(score, name) for name in cls.model_fields}
        return cls(**given if may_read else given | {"comment": None})


class ScorePage(Schema):
    data: list[GivenScore]
    next_cursor: str | None


class AskedScores(AskedPage):
    """Which scores. All that is given applies."""

    name: str | None = Field(None, min_length=1, max_length=100)
    source: Literal["person", "api", "evaluation"] | None = None
    inference_id: UUID | None = None
    trace_id: str | None = Field(None, min_length=1, max_length=64)
    conversation_id: UUID | None = None
    since: asked.Moment | None = None
    until: asked.Moment | None = None
    reveal: asked.Switch = Field(False, description="Show what others wrote, too. For the workspace's owner; each time is noted.")


@router.post("/scores", auth=needs("ingest"), response={201: GivenScore, 200: GivenScore}, summary="Give a score")
def give_score(request: HttpRequest, given: NewScore) -> Any:
    """To a call, a trace or a conversation. With an `id` of yours it may be sent again: 200, and it is as you sent it last."""
    bearer = bearer_of(request)
    try:
        score, is_new = score_reports.report(bearer.workspace_id, Reported(**given.model_dump()), now=timezone.now())
    except InvalidScore as error:
        raise invalid(str(error), error.field) from None
    except Taken as error:
        raise Refused(409, "conflict", str(error), param="id") from None
    return Status(201 if is_new else 200, GivenScore.of(score, may_read=True))


@router.get("/scores", auth=needs("logs:read"), response=ScorePage, summary="List scores")
def list_scores(request: HttpRequest, given: Query[AskedScores]) -> Any:
    """The newest first. Members see those that they gave, and with `inference_id` those of a call of theirs."""
    asked.check_names(request, AskedScores)
    bearer = bearer_of(request)
    wanted = {name: getattr(given, name) for name in ("name", "source", "inference_id", "trace_id", "conversation_id")}
    rows = Score.objects.filter(
        score_reports.readable(bearer, given.inference_id), **{name: value for name, value in wanted.items() if value is not None}
    )
    if given.since:
        rows = rows.filter(created_at__gte=given.since)
    if given.until:
        rows = rows.filter(created_at__lt=given.until)
    page = page_of(rows, given, newest_first=True)
    own = score_reports.own_words(bearer, page.rows)
    if given.reveal:
        score_reports.reveal(bearer, page.rows, now=timezone.now())
    data = [GivenScore.of(score, may_read=given.reveal or score.id in own) for score in page.rows]
    return ScorePage(data=data, next_cursor=page.next_cursor)


@router.delete("/scores/{uuid:score_id}", auth=needs("logs:delete"), response={204: None}, summary="Delete a score")
def delete_score(request: HttpRequest, score_id: UUID) -> Any:
    """For good; it is noted."""
    bearer = bearer_of(request)
    score = Score.objects.filter(workspace_id=bearer.workspace_id, id=score_id).first()
    if score is None:
        raise nothing_such("score")
    score_reports.delete(score, bearer, now=timezone.now())
    return Status(204, None)
