"""The cards of the first screen: a key, the Ollama of this machine, the demo model."""

import json
from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import Act, current_membership, may, posted_membership, require
from accounts.models import Membership
from gateway import welcome
from gateway.welcome import NotReady
from telemetry.policies import rules_of


@login_required
@never_cache
@sensitive_post_parameters("api_key")
@sensitive_variables()
@require_POST
def key(request: HttpRequest) -> HttpResponse:
    """Test the key and keep it; the chat goes on with a model of its provider."""
    part = _part(request)
    given, kind = request.POST.get("api_key", "")[:4000], request.POST.get("kind", "")
    return _taken(request, part, lambda: welcome.take_key(part, given, kind, now=timezone.now()))


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def ollama(request: HttpRequest) -> HttpResponse:
    """Look for the Ollama of this machine; with the owner's button, keep it."""
    if request.method == "POST":
        part = _part(request)
        require(part, Act.OWN)
        return _taken(request, part, lambda: welcome.take_ollama(part, now=timezone.now()))
    part = current_membership(request)
    require(part, Act.CONFIGURE)
    context = {"names": welcome.ollama_here(), "is_owner": may(part, Act.OWN), "workspace": part.workspace, "is_looked": True}
    return render(request, "chat/_welcome_ollama.html", context)


@login_required
@require_POST
def dismiss(request: HttpRequest) -> HttpResponse:
    """Put the first screen away, for this person."""
    part = _part(request)
    welcome.dismiss(part)
    return HttpResponse() if request.htmx else redirect("chat:home")  # type: ignore[attr-defined]


def _part(request: HttpRequest) -> Membership:
    part = posted_membership(request)
    require(part, Act.CONFIGURE)
    return part


def _taken(request: HttpRequest, part: Membership, take: Callable[[], str]) -> HttpResponse:
    """The good news in the place of the cards, and the picker told; or the sentence beside the card."""
    try:
        path = take()
    except NotReady as refusal:
        says = rules_of(part.workspace_id).redactor.redact(refusal.message).text
        if not request.htmx:  # type: ignore[attr-defined]
            messages.error(request, says)
            return redirect("gateway:provider_kinds")
        return render(request, "chat/_welcome_trouble.html", {"says": says, "kinds": refusal.kinds})
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("chat:home")
    response = render(request, "chat/_welcome_done.html", {"path": path, "workspace": part.workspace})
    response["HX-Retarget"], response["HX-Reswap"] = "#welcome", "outerHTML"
    response["HX-Trigger"] = json.dumps({"ollive:models": {"path": path}})
    return response
