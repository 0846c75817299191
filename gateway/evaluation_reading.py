"""Evaluations as their pages show them: the runs of a dataset, and runs beside each other, case by case."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from django.db.models import Avg, Count, Exists, OuterRef, Q, QuerySet
from django.http import Http404

from accounts.access import WHO_MAY, Act
from accounts.entrance import Bearer
from accounts.keyset import Cursor
from gateway import comparisons
from gateway.comparisons import Summary
from gateway.models import Evaluation, EvaluationResult
from telemetry import datasets, reading, tokens
from telemetry.models import Case, Dataset

RUNS, CASES = 25, 20  # on a page
LONGEST = timedelta(days=1)  # that a run takes: one that says so for longer was cut off

Show = Literal["all", "failed", "differ"]


@dataclass(frozen=True, slots=True)
class Line:
    """A run in the list, with how each model did."""

    run: Evaluation
    models: Sequence[tuple[str, float | None, int]]  # its score, and how many answers were scored
    is_cut_off: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A model of a run."""

    run: Evaluation
    summary: Summary
    may_open: bool  # the calls behind it


@dataclass(frozen=True, slots=True)
class Row:
    """A case, and what came of it in each column; None where it was not asked. What is not to be read is empty."""

    case: Case
    title: str
    asked: str
    is_hidden: bool
    cells: Sequence[tuple[EvaluationResult | None, bool]]  # and whether the call may be opened


def runs(dataset: Dataset, now: datetime, cursor: Cursor | None = None) -> tuple[list[Line], Cursor | None]:
    """The newest first, and where the next page begins: three queries, however many there are."""
    found = Evaluation.objects.filter(dataset=dataset).order_by("-started_at", "-id")
    if cursor is not None:
        found = found.filter(Q(started_at__lt=cursor.at) | Q(started_at=cursor.at, id__lt=cursor.id))
    kept = list(found[: RUNS + 1])
    last = kept[RUNS - 1] if len(kept) > RUNS else None
    sums = EvaluationResult.objects.filter(evaluation__in=kept[:RUNS]).values_list("evaluation_id", "model")
    by_model = {(run_id, model): (score, count) for run_id, model, score, count in sums.annotate(Avg("score"), Count("score"))}
    lines = [
        Line(run, [(model, *by_model.get((run.id, model), (None, 0))) for model in run.model_paths], is_cut_off(run, now))
        for run in kept[:RUNS]
    ]
    return lines, Cursor(last.started_at, last.id) if last else None


def is_cut_off(run: Evaluation, now: datetime) -> bool:
    return run.state == Evaluation.State.RUNNING and now - run.started_at > LONGEST


def run_of(dataset: Dataset, run_id: UUID) -> Evaluation:
    """Raises `Http404`."""
    run = Evaluation.objects.select_related("dataset").filter(dataset=dataset, id=run_id).first()
    if run is None:
        raise Http404("There is no such run.")
    return run


def others(run: Evaluation) -> list[Evaluation]:
    """The newest other runs of the dataset, to be put beside it."""
    return list(Evaluation.objects.filter(dataset_id=run.dataset_id).exclude(id=run.id).order_by("-started_at", "-id")[:RUNS])


def may_delete(run: Evaluation, bearer: Bearer) -> bool:
    """Who made it, and who looks after the workspace."""
    return run.user_id == bearer.user_id or bearer.role in WHO_MAY[Act.DELETE_LOGS]


def columns(found: Sequence[Evaluation], bearer: Bearer) -> list[Column]:
    """Each model of each run, in their order."""
    results = list(EvaluationResult.objects.filter(evaluation__in=found).defer("output"))
    return [
        Column(run, summary, reading.sees_all(bearer) or run.user_id == bearer.user_id)
        for run in found
        for summary in comparisons.summaries(run, results)
    ]


def rows(
    beside: Sequence[Column], bearer: Bearer, *, show: Show = "all", cursor: Cursor | None = None
) -> tuple[list[Row], Cursor | None]:
    """The cases in their order, and where the next page begins."""
    run_ids = {column.run.id for column in beside}
    wanted = _cases(run_ids, show).order_by("created_at", "id")
    if cursor is not None:
        wanted = wanted.filter(Q(created_at__gt=cursor.at) | Q(created_at=cursor.at, id__gt=cursor.id))
    kept = list(wanted[: CASES + 1])
    last = kept[CASES - 1] if len(kept) > CASES else None
    shown = kept[:CASES]
    readable = set(
        Case.objects.filter(datasets.readable(bearer), id__in=[case.id for case in shown]).values_list("id", flat=True)
    )
    found = EvaluationResult.objects.filter(evaluation_id__in=run_ids, case__in=shown)
    by_place = {(result.case_id, result.evaluation_id, result.model): result for result in found}
    made = [_row(case, beside, by_place, is_hidden=case.id not in readable) for case in shown]
    return made, Cursor(last.created_at, last.id) if last else None


def _cases(run_ids: set[UUID], show: Show) -> QuerySet[Case]:
    mine = EvaluationResult.objects.filter(case=OuterRef("pk"), evaluation_id__in=run_ids)
    cases = Case.objects.filter(Exists(mine))
    if show == "failed":
        return cases.filter(Exists(mine.filter(is_passed=False)))
    if show == "differ":
        return cases.filter(Exists(mine.filter(is_passed=False)), Exists(mine.filter(is_passed=True)))
    return cases


def _row(
    case: Case, beside: Sequence[Column], by_place: dict[tuple[UUID, UUID, str], EvaluationResult], *, is_hidden: bool
) -> Row:
    cells = [(by_place.get((case.id, column.run.id, column.summary.model)), column.may_open) for column in beside]
    if is_hidden:
        for result, _ in cells:
            if result is not None:
                result.output = result.error = ""
                result.marks = [mark | {"why": ""} for mark in result.marks]
        return Row(Case(id=case.id), "A case of another person’s call", "", True, cells)
    asked = tokens.text_of({"content": case.messages[-1].get("content")})
    return Row(case, case.name or " ".join(asked.split())[:80], asked[:1000], False, cells)
