"""The limits of people: of each person in the workspace, and of one of them. Those of a key are on the page of the key."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts import api_keys, member_limits
from accounts.access import Act, current_membership, person, posted_membership, require
from accounts.entrance import Limits
from accounts.key_forms import LimitsForm
from accounts.models import Membership, Workspace
from accounts.models.limits import Limited
from accounts.settings_pages import settings_page
from gateway import limit_standings


@login_required
@require_http_methods(["GET", "POST"])
def limits_page(request: HttpRequest) -> HttpResponse:
    """What each person may ask, and how much they do; posting changes it for everybody who has no limits of their own."""
    part = posted_membership(request) if request.method == "POST" else current_membership(request)
    require(part, Act.CONFIGURE)
    form = _form(request, part.workspace)
    if request.method == "POST" and form.is_valid():
        _change(request, part, part.workspace, form.limits)
        messages.success(request, "Saved. It holds within five seconds.")
        return redirect("gateway:limits")
    found = limit_standings.of_workspace(Workspace.objects.get(pk=part.workspace_id), after=request.GET.get("after", ""))
    context = {
        "form": form,
        "standings": found.rows,
        "next_after": found.next_after,
        "is_later": bool(request.GET.get("after")),
        "of_keys": api_keys.default_limits(),
    }
    return settings_page(request, "settings/limits.html", context, status=422 if request.method == "POST" else 200)


@login_required
@require_http_methods(["GET", "POST"])
def person_limits(request: HttpRequest, member_id: int) -> HttpResponse:
    """What one person may ask."""
    part = posted_membership(request) if request.method == "POST" else current_membership(request)
    found = get_object_or_404(Membership.objects.select_related("user"), pk=member_id, workspace=part.workspace)
    require(part, Act.CONFIGURE)
    form = _form(request, found, defaults=api_keys.limits_of(part.workspace))
    if request.method == "POST" and form.is_valid():
        _change(request, part, found, form.limits)
        messages.success(request, f"Saved. It holds for {found.user} within five seconds.")
        return redirect("gateway:limits")
    context = {"form": form, "other": found}
    return settings_page(request, "settings/person_limits.html", context, status=422 if request.method == "POST" else 200)


def _form(request: HttpRequest, limited: Limited, *, defaults: Limits | None = None) -> LimitsForm:
    own = api_keys.limits_of(limited)
    initial = {"requests": own.requests, "tokens": own.tokens, "concurrent": own.concurrent}
    return LimitsForm(request.POST if request.method == "POST" else None, defaults=defaults or Limits(), initial=initial)


def _change(request: HttpRequest, part: Membership, limited: Membership | Workspace, limits: Limits) -> None:
    member_limits.change(limited, limits, workspace_id=part.workspace_id, by=person(request), now=timezone.now())
