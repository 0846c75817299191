"""Datasets for programs: made, filled with cases, read and deleted."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field

from accounts.access import Act
from accounts.administration import AskedPage, Body, Name, actor_of, bearer_of, invalid, nothing_such, page_of
from accounts.entrance import Refused
from accounts.programs import needs
from telemetry import cases, datasets
from telemetry.models import Case, Dataset

router = Router(tags=["Datasets"])
MOST_AT_ONCE = 500


class NewDataset(Body):
    name: Name = Field(examples=["capitals"])
    description: str = Field("", max_length=500)


class DatasetOut(Schema):
    """A list of questions that models are tried with."""

    id: UUID
    name: str
    description: str
    case_count: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, dataset: Dataset) -> "DatasetOut":
        same = ("id", "name", "description", "created_at", "updated_at")
        return cls(**{name: getattr(dataset, name) for name in same}, case_count=dataset.cases.count())


class DatasetPage(Schema):
    data: list[DatasetOut]
    next_cursor: str | None


class NewCase(Body):
    """`messages` as models are asked, or `input`, which is one question."""

    messages: list[dict[str, Any]] | None = Field(None, max_length=cases.MOST_MESSAGES)
    input: str | None = Field(None, min_length=1, max_length=cases.LONGEST, examples=["What is the capital of France?"])
    expected: str = Field("", max_length=cases.LONGEST, examples=["Paris"])
    name: str = Field("", max_length=cases.LONGEST_NAME)
    scorers: list[Annotated[str, Field(max_length=cases.LONGEST_SCORER)]] = Field(
        [], max_length=cases.MOST_SCORERS, examples=[["icontains"]]
    )


class NewCases(Body):
    cases: list[NewCase] = Field(min_length=1, max_length=MOST_AT_ONCE)


class Added(Schema):
    """How many cases came in, and how many were there before."""

    added_count: int
    known_count: int


class CaseOut(Schema):
    """What a model is asked, redacted, and what is expected of the answer."""

    id: UUID
    name: str
    messages: list[dict[str, Any]]
    expected: str
    scorers: list[str]
    inference_id: UUID | None = Field(description="The call that it was saved from.")
    created_at: datetime

    @classmethod
    def of(cls, case: Case) -> "CaseOut":
        return cls(**{name: getattr(case, name) for name in cls.model_fields})


class CasePage(Schema):
    data: list[CaseOut]
    next_cursor: str | None


@router.get("/datasets", auth=needs("logs:read"), response=DatasetPage, summary="List datasets")
def list_datasets(request: HttpRequest, given: Query[AskedPage]) -> Any:
    """The oldest first."""
    part = actor_of(request, Act.CHAT)
    page = page_of(datasets.of_workspace(part.workspace_id).order_by(), given)
    same = ("id", "name", "description", "created_at", "updated_at", "case_count")
    data = [DatasetOut(**{name: getattr(row, name) for name in same}) for row in page.rows]
    return DatasetPage(data=data, next_cursor=page.next_cursor)


@router.post("/datasets", auth=needs("ingest"), response={201: DatasetOut}, summary="Begin a dataset")
def make_dataset(request: HttpRequest, given: NewDataset) -> Any:
    """Its name is the workspace's only one."""
    part = actor_of(request, Act.CHAT)
    try:
        made = datasets.make(part.workspace_id, **given.model_dump(), now=timezone.now(), by=part.user_id)
    except datasets.InvalidDataset as error:
        raise invalid(str(error), error.field) from None
    return Status(201, DatasetOut.of(made))


@router.get("/datasets/{uuid:dataset_id}", auth=needs("logs:read"), response=DatasetOut, summary="Get a dataset")
def get_dataset(request: HttpRequest, dataset_id: UUID) -> Any:
    return DatasetOut.of(_found(request, dataset_id))


@router.delete("/datasets/{uuid:dataset_id}", auth=needs("ingest"), response={204: None}, summary="Delete a dataset")
def remove_dataset(request: HttpRequest, dataset_id: UUID) -> Any:
    """With its cases and its runs. Who made it does so, or an owner or admin."""
    dataset, bearer = _found(request, dataset_id), bearer_of(request)
    if not datasets.may_delete(dataset, bearer):
        raise Refused(403, "forbidden", "Who made a dataset deletes it, or an owner or admin of the workspace.")
    datasets.delete(dataset, now=timezone.now(), by=bearer.user_id)
    return Status(204, None)


@router.get("/datasets/{uuid:dataset_id}/cases", auth=needs("logs:read"), response=CasePage, summary="List cases")
def list_cases(request: HttpRequest, dataset_id: UUID, given: Query[AskedPage]) -> Any:
    """The oldest first. What others said is left out, save for the workspace's owner."""
    mine = _found(request, dataset_id).cases.filter(datasets.readable(bearer_of(request)))
    page = page_of(mine, given)
    return CasePage(data=[CaseOut.of(case) for case in page.rows], next_cursor=page.next_cursor)


@router.post("/datasets/{uuid:dataset_id}/cases", auth=needs("ingest"), response=Added, summary="Add cases")
def add_cases(request: HttpRequest, dataset_id: UUID, given: NewCases) -> Any:
    """All of them, or none where one is broken. What is there already is left as it is, so sending again is safe."""
    dataset = _found(request, dataset_id)
    try:
        with transaction.atomic():
            drafts = [_draft(one, number) for number, one in enumerate(given.cases)]
            added, known = datasets.add(dataset, drafts, now=timezone.now(), by=bearer_of(request).user_id)
    except cases.InvalidCase as error:
        raise invalid(str(error), "cases") from None
    return Added(added_count=added, known_count=known)


@router.delete(
    "/datasets/{uuid:dataset_id}/cases/{uuid:case_id}", auth=needs("ingest"), response={204: None}, summary="Delete a case"
)
def remove_case(request: HttpRequest, dataset_id: UUID, case_id: UUID) -> Any:
    """With what models answered to it."""
    dataset = _found(request, dataset_id)
    case = dataset.cases.filter(datasets.readable(bearer_of(request)), id=case_id).first()
    if case is None:
        raise nothing_such("case")
    case.delete()
    return Status(204, None)


def _draft(given: NewCase, number: int) -> cases.Draft:
    asked: Any = given.messages if given.messages is not None else given.input
    try:
        return cases.draft(asked, expected=given.expected, name=given.name, scorers=given.scorers)
    except cases.InvalidCase as error:
        raise cases.InvalidCase(f"cases[{number}]: {error}") from None


def _found(request: HttpRequest, dataset_id: UUID) -> Dataset:
    """A dataset of the key's workspace, for whom may ask models."""
    part = actor_of(request, Act.CHAT)
    found = Dataset.objects.filter(workspace_id=part.workspace_id, id=dataset_id).first()
    if found is None:
        raise nothing_such("dataset")
    return found
