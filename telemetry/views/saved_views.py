"""Keeping a state of the list of calls under a name, and letting go of it."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.access import posted_membership
from telemetry import listed, log_columns, saved_views


@login_required
@require_POST
def keep_view(request: HttpRequest) -> HttpResponse:
    part, now = posted_membership(request), timezone.now()
    look = listed.read(QueryDict(request.POST.get("query", "")), now, columns=tuple(log_columns.COLUMNS))
    try:
        view = saved_views.keep(part, look, request.POST.get("name", ""), is_shared=request.POST.get("shared") == "yes", now=now)
        messages.success(request, f"Kept as “{view.name}”.")
    except saved_views.NotKept as error:
        messages.error(request, str(error))
    return redirect(f"{reverse('logs')}{look.url()}")


@login_required
@require_POST
def delete_view(request: HttpRequest, view_id: UUID) -> HttpResponse:
    name = saved_views.delete(posted_membership(request), view_id)
    messages.success(request, f"“{name}” is gone; the calls it showed are not touched.")
    return redirect("logs")
