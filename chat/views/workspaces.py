"""Deleting a workspace: what goes is said, and its name is typed."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.access import Act, current_membership, posted_membership, require
from accounts.settings_pages import settings_page
from chat import workspace_deletion


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete_workspace(request: HttpRequest) -> HttpResponse:
    part = posted_membership(request) if request.method == "POST" else current_membership(request)
    require(part, Act.OWN)
    problem, typed = "", request.POST.get("name", "")
    if request.method == "POST":
        try:
            workspace_deletion.begin(part, typed, now=timezone.now())
        except workspace_deletion.NotPossible as error:
            problem = str(error)
        else:
            messages.success(request, f"{part.workspace} is deleted. What it held is being erased.")
            return redirect("workspace")
    context = {"held": workspace_deletion.held(part.workspace), "problem": problem, "typed": typed}
    return settings_page(request, "settings/delete_workspace.html", context, status=422 if problem else 200)
