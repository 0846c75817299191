"""The settings page of kept prompts, and what the composer's list asks for."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import Act, current_membership, may, require
from accounts.models import Membership
from accounts.settings_pages import settings_page
from chat import prompts
from chat.models import Prompt
from telemetry import policies


@login_required
@require_http_methods(["GET", "POST"])
def prompts_page(request: HttpRequest) -> HttpResponse:
    """The prompts of the workspace that the person sees, and the form for a new one."""
    part = current_membership(request)
    if request.method == "GET":
        return _page(request, part)
    require(part, Act.CHAT)
    return _save(request, part, Prompt(workspace=part.workspace, owner=part.user))


@login_required
@require_http_methods(["GET", "POST"])
def prompt(request: HttpRequest, prompt_id: uuid.UUID) -> HttpResponse:
    """One prompt of the person's own, to be changed."""
    part = current_membership(request)
    found = prompts.own(part, prompt_id)
    if request.method == "GET":
        return _form_page(request, found)
    require(part, Act.CHAT)
    return _save(request, part, found)


@login_required
@require_POST
def delete(request: HttpRequest, prompt_id: uuid.UUID) -> HttpResponse:
    part = current_membership(request)
    require(part, Act.CHAT)
    found = prompts.own(part, prompt_id)
    found.delete()
    messages.success(request, f"{found} is deleted.")
    return redirect("chat:prompts")


@login_required
@require_GET
def choices(request: HttpRequest) -> HttpResponse:
    """What typing a slash offers."""
    return JsonResponse({"prompts": prompts.choices(current_membership(request))})


@login_required
@require_GET
def body(request: HttpRequest, prompt_id: uuid.UUID) -> HttpResponse:
    """The text of the prompt that was chosen, and what it asks for."""
    found = prompts.of(current_membership(request), prompt_id)
    return JsonResponse({"body": found.body, "variables": prompts.variables(found.body)})


def _save(request: HttpRequest, part: Membership, kept: Prompt) -> HttpResponse:
    given = request.POST
    try:
        written = prompts.read(given.get("name", ""), given.get("body", ""), is_shared=given.get("is_shared") == "1")
        prompts.save(kept, written, rules=policies.rules_of(part.workspace_id), now=timezone.now())
    except prompts.InvalidPromptError as invalid:
        kept.name, kept.body, kept.is_shared = given.get("name", ""), given.get("body", ""), given.get("is_shared") == "1"
        if kept._state.adding:
            return _page(request, part, draft=kept, invalid=invalid)
        return _form_page(request, kept, invalid=invalid)
    messages.success(request, f"{kept} is saved. Type {kept} in a chat to use it.")
    return redirect("chat:prompts")


def _page(
    request: HttpRequest, part: Membership, *, draft: Prompt | None = None, invalid: prompts.InvalidPromptError | None = None
) -> HttpResponse:
    shown = prompts.page(part, after=request.GET.get("after", ""))
    context = {"shown": shown, "draft": draft, "invalid": invalid, "may_write": may(part, Act.CHAT), **_limits()}
    return settings_page(request, "settings/prompts.html", context, status=422 if invalid else 200)


def _form_page(request: HttpRequest, draft: Prompt, *, invalid: prompts.InvalidPromptError | None = None) -> HttpResponse:
    context = {"draft": draft, "invalid": invalid, **_limits()}
    return settings_page(request, "settings/prompt.html", context, status=422 if invalid else 200)


def _limits() -> dict[str, int]:
    return {"longest_body": prompts.LONGEST_BODY}
