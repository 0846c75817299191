"""The workspace itself: its name, another one, and the way out."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts import members, throttle
from accounts.access import SESSION_KEY, Act, current_membership, may, person, posted_membership
from accounts.models import Membership, Workspace
from accounts.settings_pages import settings_page

FOUNDING = "10/h/user"
NAME_LENGTH = Workspace._meta.get_field("name").max_length


@login_required
@require_GET
def workspace_page(request: HttpRequest) -> HttpResponse:
    return _page(request)


@login_required
@require_POST
def rename(request: HttpRequest) -> HttpResponse:
    part = posted_membership(request)
    name, problem = _name(request)
    if problem:
        return _page(request, name_problem=problem, name=name)
    members.rename(part, name, now=timezone.now())
    messages.success(request, f"The workspace is called {name} now.")
    return redirect("workspace")


@login_required
@require_POST
def create(request: HttpRequest) -> HttpResponse:
    """Another workspace, which the person goes on in."""
    user = person(request)
    if not members.may_found(user):
        raise PermissionDenied("Owners and admins make workspaces. Ask one of them.")
    if too_often := throttle.refusal(request, "workspace", FOUNDING, user=user):
        return too_often
    name, problem = _name(request)
    if problem:
        return _page(request, new_problem=problem, new_name=name)
    workspace = members.found(user, name, now=timezone.now())
    request.session[SESSION_KEY] = str(workspace.pk)
    messages.success(request, f"{workspace} is yours. Invite the people who share it.")
    return redirect("members")


def _page(request: HttpRequest, **problems: str) -> HttpResponse:
    part = current_membership(request)
    of_workspace = Membership.objects.filter(workspace_id=part.workspace_id)
    context = {
        "member_count": of_workspace.count(),
        "is_last_owner": part.role == Membership.Role.OWNER
        and not of_workspace.exclude(pk=part.pk).filter(role="owner").exists(),
        "may_rename": may(part, Act.SET_POLICY),
        "may_delete": may(part, Act.OWN),
        "may_found": members.may_found(person(request)),
        "told": members.TOLD_OF[part.role],
        "name": part.workspace.name,
        **problems,
    }
    return settings_page(request, "settings/workspace.html", context, status=422 if problems else 200)


def _name(request: HttpRequest) -> tuple[str, str]:
    """The name that was typed, and what is wrong with it."""
    name = " ".join(request.POST.get("name", "").split())
    if not name:
        return name, "Give it a name."
    if len(name) > (NAME_LENGTH or 0):
        return name, f"That is too long: at most {NAME_LENGTH} characters."
    return name, ""
