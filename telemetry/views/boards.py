"""Dashboards that people put together: their list, one of them, and what can be done with it as a whole."""

import uuid
from dataclasses import replace
from datetime import datetime
from typing import Any, get_args

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Act, current_membership, may, posted_membership
from accounts.keyset import Cursor
from accounts.models import Membership
from accounts.programs import bearer_of
from ollive_sdk.events import Source, Status
from telemetry import addressed, board_files, boards, panel_drawings, panel_reads, panels
from telemetry.addressed import Wanted
from telemetry.boards import NotPossible
from telemetry.frame import observe_page
from telemetry.models import Dashboard
from telemetry.panel_forms import HEIGHTS, WIDTHS, WINDOWS, BoardForm, ImportForm, NewBoardForm

PAGE = 50
FIELDS = (
    ("model", "Model", ()),
    ("provider", "Provider", ()),
    ("source", "Source", get_args(Source)),
    ("status", "Status", get_args(Status)),
    ("tags", "Tag", ()),
)
REFRESH = ((0, "Off"), (10, "10 s"), (60, "1 min"))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def boards_page(request: HttpRequest) -> HttpResponse:
    """The list of them; posting makes one."""
    if request.method != "POST":
        return _list(request, current_membership(request), NewBoardForm(), ImportForm())
    part, form = posted_membership(request), NewBoardForm(request.POST)
    if form.is_valid():
        panels_of_it = board_files.starter(form.cleaned_data["starter"])
        try:
            made = boards.make(part, **_said(form), panels=panels_of_it, now=timezone.now())
            return redirect("board" if made.panels else "change_board", made.pk)
        except NotPossible as error:
            form.add_error(None, str(error))
    return _list(request, part, form, ImportForm(), status=422)


@login_required
@require_POST
def import_board(request: HttpRequest) -> HttpResponse:
    """One of the person's own, from a file."""
    part, form = posted_membership(request), ImportForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            file = board_files.read(form.cleaned_data["file"].read(board_files.LARGEST + 1))
            values: dict[str, Any] = {"title": file.title, "description": file.description, "window": file.window}
            made = boards.make(part, **values, panels=file.panels, now=timezone.now())
            messages.success(request, f"{made.title} is here.")
            return redirect("board", made.pk)
        except (board_files.Unreadable, NotPossible) as error:
            form.add_error("file", str(error))
    return _list(request, part, NewBoardForm(), form, status=422)


@login_required
@require_safe
def board_page(request: HttpRequest, board_id: uuid.UUID) -> HttpResponse:
    """Its panels, over the period that the address asks for."""
    part = current_membership(request)
    board = boards.found(part.workspace_id, part.user_id, board_id)
    wanted = _wanted(request, board, timezone.now())
    found = panel_reads.find(panels.read(board.panels), wanted, bearer_of(part))
    is_mine = boards.may_change(part, board)
    query = wanted.url()
    drawn = []
    for one, drawing in zip(found, panel_drawings.drawings(found, wanted, bearer_of(part)), strict=True):
        csv_url = f"{reverse('panel_csv', args=[board.pk, one.panel.id])}{query}"
        edit_url = reverse("change_panel", args=[board.pk, one.panel.id]) if is_mine else ""
        drawn.append((one, replace(drawing, csv_url=csv_url, edit_url=edit_url)))
    context = {
        "board": board,
        "wanted": wanted,
        "drawn": drawn,
        "is_mine": is_mine,
        "may_copy": may(part, Act.MAKE_DASHBOARDS),
        "periods": [(name, told, wanted.url(window=name), name == wanted.window) for name, told in WINDOWS],
        "filters": _filters(wanted),
        "hidden": _hidden(wanted),
        "refresh_choices": REFRESH,
        "fields": FIELDS,
    }
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "observe/_board_panels.html", context)
    return observe_page(request, "observe/board.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def change_board(request: HttpRequest, board_id: uuid.UUID) -> HttpResponse:
    """What it is called, its panels in order, whose it is; posting changes the first."""
    if request.method != "POST":
        part = current_membership(request)
        board = _changeable(part, board_id)
        values = {"title": board.title, "description": board.description, "window": board.window}
        return _change(request, part, board, BoardForm(initial=values))
    part = posted_membership(request)
    board, form = _changeable(part, board_id), BoardForm(request.POST)
    if form.is_valid():
        boards.change(part, board_id, **_said(form), now=timezone.now())
        messages.success(request, "Saved.")
        return redirect("change_board", board_id)
    return _change(request, part, board, form, status=422)


@login_required
@require_POST
def copy_board(request: HttpRequest, board_id: uuid.UUID) -> HttpResponse:
    try:
        made = boards.copy(posted_membership(request), board_id, now=timezone.now())
    except NotPossible as error:
        messages.error(request, str(error))
        return redirect("board", board_id)
    messages.success(request, f"{made.title} is yours alone.")
    return redirect("change_board", made.pk)


@login_required
@require_POST
def share_board(request: HttpRequest, board_id: uuid.UUID) -> HttpResponse:
    """Show it to everybody in the workspace, or take it back."""
    is_shared = request.POST.get("shared") == "yes"
    try:
        board = boards.share(posted_membership(request), board_id, is_shared=is_shared, now=timezone.now())
    except NotPossible as error:
        messages.error(request, str(error))
    else:
        told = "is everybody's now" if board.is_shared else "is yours alone now"
        messages.success(request, f"{board.title} {told}.")
    return redirect("change_board", board_id)


@login_required
@require_POST
def delete_board(request: HttpRequest, board_id: uuid.UUID) -> HttpResponse:
    board = boards.delete(posted_membership(request), board_id)
    messages.success(request, f"{board.title} is deleted.")
    return redirect("boards")


@login_required
@require_safe
def export_board(request: HttpRequest, board_id: uuid.UUID) -> HttpResponse:
    """A file that can be kept beside code, and imported anywhere."""
    part = current_membership(request)
    board = boards.found(part.workspace_id, part.user_id, board_id)
    name = slugify(board.title) or "dashboard"
    headers = {"Content-Disposition": f'attachment; filename="{name}.json"'}
    return HttpResponse(board_files.written(board), content_type="application/json", headers=headers)


def _said(form: forms.Form) -> dict[str, Any]:
    return {name: " ".join(form.cleaned_data[name].split()) for name in ("title", "description", "window")}


def _wanted(request: HttpRequest, board: Dashboard, now: datetime) -> Wanted:
    """The address, and the dashboard's own period where it names none."""
    query = request.GET.copy()
    if not query.get("window") and not query.get("since"):
        query["window"] = board.window
    return addressed.read(query, now)


def _filters(wanted: Wanted) -> list[tuple[str, str, str]]:
    """The page's own filters: what each is, its value, and the page without it."""
    return [
        (name.replace("_", " "), value, wanted.url(**{name: [other for other in values if other != value]}))
        for name, values in wanted.given.items()
        for value in values
    ]


def _hidden(wanted: Wanted) -> dict[str, list[tuple[str, str]]]:
    """What a form must send along so that the page stays as it is otherwise."""
    filters = [(name, value) for name, values in wanted.given.items() for value in values]
    return {"filters": filters, "period": list(wanted.period.items())}


def _changeable(part: Membership, board_id: uuid.UUID) -> Dashboard:
    board = boards.found(part.workspace_id, part.user_id, board_id)
    boards.require_change(part, board)
    return board


def _change(request: HttpRequest, part: Membership, board: Dashboard, form: BoardForm, *, status: int = 200) -> HttpResponse:
    context = {
        "board": board,
        "form": form,
        "panels": panels.read(board.panels),
        "is_full": len(board.panels) >= boards.MOST_PANELS,
        "may_share": may(part, Act.SHARE_DASHBOARDS),
        "widths": WIDTHS,
        "heights": HEIGHTS,
    }
    return observe_page(request, "observe/board_change.html", context, status=status)


def _list(
    request: HttpRequest, part: Membership, form: forms.Form, import_form: forms.Form, *, status: int = 200
) -> HttpResponse:
    found = boards.seen_by(part.workspace_id, part.user_id).order_by("-created_at", "-id")
    if (cursor := Cursor.parse(request.GET.get("before", ""))) is not None:
        found = found.filter(Q(created_at__lt=cursor.at) | Q(created_at=cursor.at, id__lt=cursor.id))
    rows = list(found[: PAGE + 1])
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    context = {
        "boards": [(board, boards.may_change(part, board)) for board in rows[:PAGE]],
        "next_before": str(Cursor(last.created_at, last.id)) if last else "",
        "is_later": cursor is not None,
        "may_make": may(part, Act.MAKE_DASHBOARDS),
        "form": form,
        "import_form": import_form,
    }
    return observe_page(request, "observe/boards.html", context, status=status)
