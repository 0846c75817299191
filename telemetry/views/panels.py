"""The panels of a dashboard: added, changed, looked at beforehand, moved, sized, doubled, deleted, and each as CSV."""

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import current_membership, posted_membership
from accounts.models import Membership
from accounts.programs import bearer_of
from telemetry import addressed, boards, drawings, panel_drawings, panel_reads, panels
from telemetry.boards import NotPossible
from telemetry.frame import observe_page
from telemetry.models import Dashboard
from telemetry.panel_forms import HEIGHTS, WIDTHS, PanelForm
from telemetry.panels import Panel

FILTERS = ("status", "source", "model", "provider", "user_id", "api_key_id", "tags", "app", "environment")
MOVES = ("first", "up", "down", "last")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def add_panel(request: HttpRequest, board_id: uuid.UUID) -> HttpResponse:
    return _edit(request, board_id, None)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def change_panel(request: HttpRequest, board_id: uuid.UUID, panel_id: str) -> HttpResponse:
    return _edit(request, board_id, panel_id)


@login_required
@require_POST
def move_panel(request: HttpRequest, board_id: uuid.UUID, panel_id: str) -> HttpResponse:
    where: Any = request.POST.get("where", "")
    if where not in MOVES:
        raise Http404("A panel goes first, up, down or last.")
    boards.move_panel(posted_membership(request), board_id, panel_id, where, now=timezone.now())
    return _back(board_id, panel_id)


@login_required
@require_POST
def size_panel(request: HttpRequest, board_id: uuid.UUID, panel_id: str) -> HttpResponse:
    given = {name: request.POST.get(name, "") for name in ("width", "height")}
    if given["width"] not in dict(WIDTHS) or given["height"] not in dict(HEIGHTS):
        raise Http404("There is no such size.")
    boards.size_panel(posted_membership(request), board_id, panel_id, given, now=timezone.now())
    return _back(board_id, panel_id)


@login_required
@require_POST
def copy_panel(request: HttpRequest, board_id: uuid.UUID, panel_id: str) -> HttpResponse:
    try:
        return _back(board_id, boards.copy_panel(posted_membership(request), board_id, panel_id, now=timezone.now()))
    except NotPossible as error:
        messages.error(request, str(error))
        return _back(board_id, panel_id)


@login_required
@require_POST
def delete_panel(request: HttpRequest, board_id: uuid.UUID, panel_id: str) -> HttpResponse:
    boards.delete_panel(posted_membership(request), board_id, panel_id, now=timezone.now())
    messages.success(request, "The panel is deleted.")
    return redirect("change_board", board_id)


@login_required
@require_safe
def panel_csv(request: HttpRequest, board_id: uuid.UUID, panel_id: str) -> HttpResponse:
    """One panel's table, for spreadsheets."""
    part = current_membership(request)
    board = boards.found(part.workspace_id, part.user_id, board_id)
    wanted = addressed.read(request.GET or QueryDict(f"window={board.window}"), timezone.now())
    found = panel_reads.find([_panel(board, panel_id)], wanted, bearer_of(part))
    if found[0].problem:
        return HttpResponse(found[0].problem, status=503, content_type="text/plain; charset=utf-8")
    (drawing,) = panel_drawings.drawings(found, wanted, bearer_of(part))
    file = f"{panel_id}-{wanted.since:%Y-%m-%d}-{wanted.until:%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{file}"'}
    return HttpResponse(drawings.as_csv(drawing), content_type="text/csv; charset=utf-8", headers=headers)


def _edit(request: HttpRequest, board_id: uuid.UUID, panel_id: str | None) -> HttpResponse:
    """The form; posting looks at the panel, or stores it."""
    is_sent, now = request.method == "POST", timezone.now()
    part = posted_membership(request) if is_sent else current_membership(request)
    board = boards.found(part.workspace_id, part.user_id, board_id)
    boards.require_change(part, board)
    stored = _panel(board, panel_id) if panel_id else None
    if not is_sent:
        return _form(request, part, board, PanelForm(part, stored, now=now), stored, shown=stored)
    form = PanelForm(part, stored, request.POST, now=now)
    panel = form.made(panel_id) if form.is_valid() else None
    if panel is None or "look" in request.POST:
        return _form(request, part, board, form, stored, shown=panel, status=422 if panel is None else 200)
    try:
        boards.put_panel(part, board_id, panel, now=now)
    except NotPossible as error:
        form.add_error(None, str(error))
        return _form(request, part, board, form, stored, shown=panel, status=422)
    messages.success(request, f"{panel.label} is saved.")
    return redirect(f"{reverse('board', args=[board_id])}#chart-{panel.id}")


def _form(
    request: HttpRequest,
    part: Membership,
    board: Dashboard,
    form: PanelForm,
    stored: Panel | None,
    *,
    shown: Panel | None,
    status: int = 200,
) -> HttpResponse:
    context: dict[str, Any] = {"board": board, "form": form, "panel": stored}
    if shown is not None:
        wanted = addressed.read(QueryDict(f"window={board.window}"), timezone.now())
        found = panel_reads.find([shown], wanted, bearer_of(part))
        context |= {"looked_at": found[0], "drawing": panel_drawings.drawings(found, wanted, bearer_of(part))[0]}
    context["plain"] = [form[name] for name in form.fields if name not in FILTERS]
    context["filtering"] = [form[name] for name in FILTERS]
    context["is_narrowed"] = bool(shown and shown.given) or any(form.errors.get(name) for name in FILTERS)
    return observe_page(request, "observe/panel.html", context, status=status)


def _panel(board: Dashboard, panel_id: str) -> Panel:
    found = next((panel for panel in panels.read(board.panels) if panel.id == panel_id), None)
    if found is None:
        raise Http404("There is no such panel.")
    return found


def _back(board_id: uuid.UUID, panel_id: str) -> HttpResponse:
    """To where the panel is in the list."""
    return redirect(f"{reverse('change_board', args=[board_id])}#panel-{panel_id}")
