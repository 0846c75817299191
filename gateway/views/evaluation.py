"""Runs of a dataset: their list, and runs beside each other, case by case."""

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from accounts.access import Act, current_membership, posted_membership, require
from accounts.keyset import Cursor
from accounts.models import Membership
from accounts.programs import bearer_of
from gateway import evaluation_reading
from gateway.models import Evaluation
from telemetry import datasets
from telemetry.frame import observe_page
from telemetry.models import Dataset

SHOWS: dict[evaluation_reading.Show, str] = {"all": "All cases", "failed": "Not passed", "differ": "Where they differ"}


@login_required
@require_GET
def evaluations_page(request: HttpRequest, dataset_id: uuid.UUID) -> HttpResponse:
    """The runs of a dataset, the newest first."""
    _, dataset = _found(current_membership(request), dataset_id)
    lines, following = evaluation_reading.runs(dataset, timezone.now(), Cursor.parse(request.GET.get("before", "")))
    context = {
        "dataset": dataset,
        "runs": lines,
        "next_before": str(following or ""),
        "is_later": "before" in request.GET,
    }
    return observe_page(request, "observe/evaluations.html", context)


@login_required
@require_GET
def evaluation_page(request: HttpRequest, dataset_id: uuid.UUID, run_id: uuid.UUID) -> HttpResponse:
    """One run, and another one beside it where the address names it."""
    part, dataset = _found(current_membership(request), dataset_id)
    run, bearer = evaluation_reading.run_of(dataset, run_id), bearer_of(part)
    others = evaluation_reading.others(run)
    other = next((one for one in others if str(one.id) == request.GET.get("beside")), None)
    columns = evaluation_reading.columns([run, other] if other else [run], bearer)
    shows: list[evaluation_reading.Show] = [name for name in SHOWS if name == request.GET.get("show")]
    show: evaluation_reading.Show = shows[0] if shows else "all"
    rows, following = evaluation_reading.rows(columns, bearer, show=show, cursor=Cursor.parse(request.GET.get("after", "")))
    chosen = {"beside": str(other.id) if other else "", "show": show if show != "all" else ""}
    context: dict[str, Any] = {
        "dataset": dataset,
        "run": run,
        "other": other,
        "others": others,
        "columns": columns,
        "scorers": list(dict.fromkeys(name for column in columns for name in column.summary.by_scorer)),
        "rows": rows,
        "shows": SHOWS,
        "show": show,
        "next_after": str(following or ""),
        "is_later": "after" in request.GET,
        "query": urlencode({name: value for name, value in chosen.items() if value}),
        "answer_count": sum(column.summary.result_count for column in columns if column.run.id == run.id),
        "whole_count": run.case_count * len(run.model_paths),
        "is_cut_off": evaluation_reading.is_cut_off(run, timezone.now()),
        "may_delete": evaluation_reading.may_delete(run, bearer),
    }
    return observe_page(request, "observe/evaluation.html", context)


@login_required
@require_POST
def delete_evaluation(request: HttpRequest, dataset_id: uuid.UUID, run_id: uuid.UUID) -> HttpResponse:
    part, dataset = _found(posted_membership(request), dataset_id)
    run = evaluation_reading.run_of(dataset, run_id)
    if not evaluation_reading.may_delete(run, bearer_of(part)):
        raise PermissionDenied("Who made a run deletes it, or an owner or admin of the workspace.")
    Evaluation.objects.filter(pk=run.pk).delete()
    messages.success(request, "The run is deleted. Its calls stay in the log.")
    return redirect("evaluations", dataset.pk)


def _found(part: Membership, dataset_id: uuid.UUID) -> tuple[Membership, Dataset]:
    """The dataset, for whoever may ask models in its workspace."""
    require(part, Act.CHAT)
    return part, datasets.found(part.workspace_id, dataset_id)
