"""What is done to a provider with one button: test it, switch it on or off, begin with it, allow its private address."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts import audit
from accounts.access import Act, may, person, posted_membership, require
from accounts.audit import Action
from accounts.models import Membership
from gateway import inventory, sources
from gateway.models import ModelChoices, Provider


@login_required
@require_POST
def test(request: HttpRequest, name: str) -> HttpResponse:
    """Ask the provider now, and show what it said."""
    part = _part(request)
    line = inventory.line(part.workspace, name)
    if line.is_waiting:
        return _answer(request, part, name=name, says="Its address has to be allowed by an owner first.", is_good=False)
    outcome = inventory.test(line, part.workspace, now=timezone.now())
    return _answer(request, part, name=name, says=outcome.says, is_good=outcome.is_ok)


@login_required
@require_POST
def switch(request: HttpRequest, name: str) -> HttpResponse:
    """On or off, as the button says. What the workspace was given is switched off for it alone."""
    part, is_on = _part(request), request.POST.get("is_on") == "yes"
    line = inventory.line(part.workspace, name)
    with transaction.atomic():
        if line.row:
            Provider.objects.filter(id=line.row.id).update(is_enabled=is_on, updated_at=timezone.now())
        else:
            wanted = _wanted(part)
            wanted.switched_off = sorted({*wanted.switched_off, name} - ({name} if is_on else set()))
            wanted.save()
        _note(request, part, line=line, detail={"name": name, "is_enabled": is_on})
    sources.forget()
    return _answer(request, part, name=name, says=f"{line.source.label} is {'on' if is_on else 'off'}.")


@login_required
@require_POST
def make_default(request: HttpRequest, name: str) -> HttpResponse:
    """New conversations begin with the first model of this provider."""
    part = _part(request)
    line = inventory.line(part.workspace, name)
    with transaction.atomic():
        wanted = _wanted(part)
        wanted.default_provider, wanted.default_path = name, ""
        wanted.save()
        _note(request, part, line=line, detail={"name": name, "is_default": True})
    sources.forget()
    says = f"New chats begin with {line.source.label}."
    # Another line loses its mark: the whole page is shown again.
    messages.success(request, says)
    return _whole_page(request)


@login_required
@require_POST
def allow(request: HttpRequest, name: str) -> HttpResponse:
    """The owner's word for the private address of a provider: exactly the host and port that the button named."""
    part = posted_membership(request)
    require(part, Act.OWN)
    row = Provider.objects.filter(workspace=part.workspace, name=name).exclude(private_host="").first()
    if row is None:
        raise Http404("There is no such provider.")
    now = timezone.now()
    with transaction.atomic():
        # Conditional: between the page and the button the address may have been changed to another one.
        done = Provider.objects.filter(id=row.id, private_host=request.POST.get("host", "")).update(allowed_at=now)
        if done:
            detail = {"name": name, "is_address_allowed": True}
            audit.note(Action.PROVIDER_CHANGED, person(request), now=now, workspace=part.workspace, subject=row, detail=detail)
    sources.forget()
    if not done:
        messages.error(request, f"The address of {name} was changed meanwhile. Look at it again.")
    return _answer(request, part, name=name, says=f"{name} may be asked at {row.private_host}.", is_good=bool(done))


def _part(request: HttpRequest) -> Membership:
    part = posted_membership(request)
    require(part, Act.CONFIGURE)
    return part


def _wanted(part: Membership) -> ModelChoices:
    """The workspace's choices, locked."""
    ModelChoices.objects.get_or_create(workspace=part.workspace)
    return ModelChoices.objects.select_for_update().get(workspace=part.workspace)


def _note(request: HttpRequest, part: Membership, *, line: inventory.Line, detail: Mapping[str, Any]) -> None:
    now = timezone.now()
    audit.note(Action.PROVIDER_CHANGED, person(request), now=now, workspace=part.workspace, subject=line.row, detail=dict(detail))


def _answer(request: HttpRequest, part: Membership, *, name: str, says: str, is_good: bool = True) -> HttpResponse:
    """The provider's line as it is now; without scripts the page, with a sentence."""
    if not request.htmx:  # type: ignore[attr-defined]
        (messages.success if is_good else messages.error)(request, says)
        return redirect("gateway:providers")
    context = {"line": inventory.line(part.workspace, name), "workspace": part.workspace, "is_owner": may(part, Act.OWN)}
    return render(request, "settings/_provider.html", {**context, "news": says, "is_asked": True})


def _whole_page(request: HttpRequest) -> HttpResponse:
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("gateway:providers")
    response = HttpResponse(status=204)
    response["HX-Refresh"] = "true"
    return response
