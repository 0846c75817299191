"""Datasets: their list, one with its cases, cases by hand, from files and from calls, and a dataset as a file."""

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import audit
from accounts.access import Act, current_membership, person, posted_membership, require
from accounts.audit import Action
from accounts.entrance import Bearer, Refused
from accounts.keyset import Cursor
from accounts.models import Membership
from accounts.programs import bearer_of
from telemetry import cases, datasets, reading, tokens
from telemetry.dataset_forms import CaseForm, DatasetForm, FileForm
from telemetry.frame import observe_page
from telemetry.models import Case, Dataset


@login_required
@require_http_methods(["GET", "POST"])
def datasets_page(request: HttpRequest) -> HttpResponse:
    """The list of them; posting makes one."""
    part = _part(request)
    form = DatasetForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = datasets.make(part.workspace_id, **form.cleaned_data, now=timezone.now(), by=part.user_id)
            return redirect("dataset", made.pk)
        except datasets.InvalidDataset as error:
            form.refuse(error)
    status = 422 if form.errors else 200
    context = {"datasets": datasets.of_workspace(part.workspace_id), "form": form}
    return observe_page(request, "observe/datasets.html", context, status=status)


@login_required
@require_GET
def dataset_page(request: HttpRequest, dataset_id: uuid.UUID) -> HttpResponse:
    """A dataset's cases."""
    part = _part(request)
    return _one(request, part, datasets.found(part.workspace_id, dataset_id))


@login_required
@require_POST
def change_dataset(request: HttpRequest, dataset_id: uuid.UUID) -> HttpResponse:
    part = _part(request)
    dataset = datasets.found(part.workspace_id, dataset_id)
    form = DatasetForm(request.POST)
    if form.is_valid():
        try:
            datasets.change(dataset, **form.cleaned_data, now=timezone.now())
            messages.success(request, "Saved.")
            return redirect("dataset", dataset.pk)
        except datasets.InvalidDataset as error:
            form.refuse(error)
    return _one(request, part, datasets.found(part.workspace_id, dataset_id), change_form=form)


@login_required
@require_POST
def delete_dataset(request: HttpRequest, dataset_id: uuid.UUID) -> HttpResponse:
    part = _part(request)
    dataset = datasets.found(part.workspace_id, dataset_id)
    if not datasets.may_delete(dataset, bearer_of(part)):
        raise PermissionDenied("Who made a dataset deletes it, or an owner or admin of the workspace.")
    datasets.delete(dataset, now=timezone.now(), by=part.user_id)
    messages.success(request, f"{dataset.name} is deleted.")
    return redirect("datasets")


@login_required
@require_POST
def add_case(request: HttpRequest, dataset_id: uuid.UUID) -> HttpResponse:
    part = _part(request)
    dataset, form = datasets.found(part.workspace_id, dataset_id), CaseForm(request.POST)
    if (given := form.draft()) is not None:
        try:
            added, _ = datasets.add(dataset, [given], now=timezone.now(), by=part.user_id)
            messages.success(request, "The case is in." if added else "The dataset has this case already.")
            return redirect("dataset", dataset.pk)
        except cases.InvalidCase as error:
            form.refuse(error)
    return _one(request, part, dataset, case_form=form)


@login_required
@require_POST
def import_cases(request: HttpRequest, dataset_id: uuid.UUID) -> HttpResponse:
    """All cases of a file, or none where a line is broken."""
    part = _part(request)
    dataset, form = datasets.found(part.workspace_id, dataset_id), FileForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            given = list(cases.read_lines(form.cleaned_data["file"]))
            added, known = datasets.add(dataset, given, now=timezone.now(), by=part.user_id)
            told = f"{added} case{'' if added == 1 else 's'} came in."
            messages.success(request, f"{told} {known} were there before." if known else told)
            return redirect("dataset", dataset.pk)
        except cases.InvalidCase as error:
            form.add_error("file", str(error))
    return _one(request, part, dataset, file_form=form)


@login_required
@require_POST
def export_cases(request: HttpRequest, dataset_id: uuid.UUID) -> StreamingHttpResponse:
    """The cases as a file of the form that is imported. That it was taken is noted."""
    part, now = _part(request), timezone.now()
    dataset = datasets.found(part.workspace_id, dataset_id)
    detail = {"name": "dataset"}
    audit.note(Action.DATA_EXPORTED, person(request), now=now, workspace=part.workspace_id, subject=dataset, detail=detail)
    name = slugify(dataset.name) or "dataset"
    headers = {"Content-Disposition": f'attachment; filename="{name}-{now:%Y-%m-%d}.jsonl"'}
    lines = datasets.export(dataset, bearer_of(part))
    return StreamingHttpResponse(lines, content_type="application/jsonl; charset=utf-8", headers=headers)


@login_required
@require_http_methods(["GET", "POST"])
def case_page(request: HttpRequest, dataset_id: uuid.UUID, case_id: uuid.UUID) -> HttpResponse:
    """One case; posting changes it."""
    part = _part(request)
    case = datasets.case_of(bearer_of(part), dataset_id, case_id)
    form = CaseForm(request.POST) if request.method == "POST" else CaseForm.of(case)
    if request.method == "POST" and (given := form.draft()) is not None:
        try:
            datasets.change_case(case, given, now=timezone.now())
            messages.success(request, "Saved.")
            return redirect("dataset", dataset_id)
        except cases.InvalidCase as error:
            form.refuse(error)
    context = {"dataset": case.dataset, "case": case, "form": form, "is_own_call": case.user_id == part.user_id}
    return observe_page(request, "observe/case.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def delete_case(request: HttpRequest, dataset_id: uuid.UUID, case_id: uuid.UUID) -> HttpResponse:
    datasets.case_of(bearer_of(_part(request)), dataset_id, case_id).delete()
    messages.success(request, "The case is deleted.")
    return redirect("dataset", dataset_id)


@login_required
@require_http_methods(["GET", "POST"])
def save_case(request: HttpRequest, inference_id: uuid.UUID) -> HttpResponse:
    """Which dataset a call is to be a case of; posting saves it."""
    part = _part(request)
    bearer = bearer_of(part)
    call = reading.call_of(bearer, inference_id)
    if not reading.is_own(bearer, call.user_id):
        require(part, Act.SEE_CONTENT)
    trouble = ""
    if request.method == "POST":
        try:
            dataset = _chosen(request, part)
            expected = None if "with_reply" in request.POST else request.POST.get("expected", "")
            is_new = datasets.save_call(dataset, call, expected, bearer=bearer, now=timezone.now())
            messages.success(request, f"It is a case of {dataset.name}." if is_new else f"{dataset.name} has this case already.")
            return redirect("dataset", dataset.pk)
        except (datasets.InvalidDataset, cases.InvalidCase) as error:
            trouble = str(error)
        except Refused as error:
            raise PermissionDenied(error.message) from None
    context = {
        "call": call,
        "expected": request.POST.get("expected", _reply(bearer, call)),
        "is_others": not reading.is_own(bearer, call.user_id),
        "datasets": datasets.of_workspace(part.workspace_id),
        "chosen": request.POST.get("dataset", ""),
        "new_name": request.POST.get("name", ""),
        "trouble": trouble,
    }
    return observe_page(request, "observe/save_case.html", context, status=422 if trouble else 200)


def _reply(bearer: Bearer, call: Any) -> str:
    """What was answered, to begin with; what another said is not shown for the asking."""
    return datasets.reply_of(call) if reading.is_own(bearer, call.user_id) else ""


def _chosen(request: HttpRequest, part: Membership) -> Dataset:
    """The dataset that was chosen, or a new one of the name that was typed."""
    chosen = request.POST.get("dataset", "")
    if not chosen:
        return datasets.make(part.workspace_id, request.POST.get("name", "")[:100], now=timezone.now(), by=part.user_id)
    try:
        return datasets.found(part.workspace_id, uuid.UUID(chosen))
    except ValueError:
        raise datasets.InvalidDataset("Choose one of the datasets.") from None


def _part(request: HttpRequest) -> Membership:
    """Whoever may ask models may have datasets."""
    part = posted_membership(request) if request.method == "POST" else current_membership(request)
    require(part, Act.CHAT)
    return part


def _one(request: HttpRequest, part: Membership, dataset: Dataset, **forms: Any) -> HttpResponse:
    bearer = bearer_of(part)
    rows, following = datasets.page(dataset, bearer, Cursor.parse(request.GET.get("after", "")))
    context = {
        "dataset": dataset,
        "cases": [_shown(case) for case in rows],
        "case_count": dataset.cases.count(),
        "hidden_count": datasets.hidden_count(dataset, bearer),
        "is_later": "after" in request.GET,
        "next_after": str(following or ""),
        "may_delete": datasets.may_delete(dataset, bearer),
        "case_form": CaseForm(),
        "file_form": FileForm(),
        "change_form": DatasetForm.of(dataset),
        "opened": next(iter(forms), ""),
    }
    return observe_page(request, "observe/dataset.html", context | forms, status=422 if forms else 200)


def _shown(case: Case) -> dict[str, Any]:
    """A case as a line of the list: the last question of its talk, and what is expected."""
    asked = next((message for message in reversed(case.messages) if message.get("role") == "user"), case.messages[-1])
    return {
        "case": case,
        "asked": tokens.text_of({"content": asked.get("content")})[:300],
        "turns": len(case.messages),
        "expected": case.expected[:300],
    }
