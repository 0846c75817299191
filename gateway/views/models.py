"""The catalogue: every model of every provider, the short names, and what new chats begin with."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import audit
from accounts.access import Act, current_membership, person, posted_membership, require
from accounts.audit import Action
from accounts.models import Membership, Workspace
from accounts.settings_pages import settings_page
from gateway import catalogue, listing, prices, shelves, sources
from gateway.entry_forms import AliasForm, ChoicesForm, EntryForm
from gateway.models import ModelAlias, ModelEntry
from gateway.shelves import ModelChoice, Shelf

PAGE = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One model as the page shows it."""

    choice: ModelChoice
    price: prices.Price | None
    roles: str

    @property
    def window(self) -> str:
        return f"{self.choice.context_window:,} tokens" if self.choice.context_window else ""


@login_required
@never_cache
@require_GET
def models_page(request: HttpRequest) -> HttpResponse:
    part = current_membership(request)
    require(part, Act.CONFIGURE)
    return _page(request, part)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def entry(request: HttpRequest) -> HttpResponse:
    """What the workspace says of one model; its path is in the query, as paths hold slashes."""
    part = _part(request) if request.method == "POST" else current_membership(request)
    require(part, Act.CONFIGURE)
    shelf = shelves.of(part.workspace.id)
    choice = _choice(request, shelf)
    form = EntryForm(choice.path, part.workspace, request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            _note(request, part, detail={"model": choice.path, "fields": form.changed_data}, subject=form.save())
        sources.forget()
        messages.success(request, f"{choice.path} is changed.")
        return redirect(f"{reverse('gateway:models')}?{urlencode({'q': choice.path})}")
    abilities = [form[name] for name in ("has_vision", "has_tools", "has_reasoning")]
    context = {"form": form, "line": _line(choice, shelf), "ability_fields": abilities}
    return settings_page(request, "settings/model.html", context, status=422 if form.is_bound else 200)


@login_required
@require_POST
def show(request: HttpRequest) -> HttpResponse:
    """Show or hide one model in the lists."""
    part = _part(request)
    choice = _choice(request, shelves.of(part.workspace.id))
    is_hidden = request.POST.get("is_hidden") == "yes"
    with transaction.atomic():
        stored, _ = ModelEntry.objects.update_or_create(
            workspace=part.workspace, path=choice.path, defaults={"is_hidden": is_hidden}
        )
        _note(request, part, detail={"model": choice.path, "is_hidden": is_hidden}, subject=stored)
    sources.forget()
    shelf = shelves.of(part.workspace.id)
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(f"{reverse('gateway:models')}?{urlencode({'q': choice.path})}")
    context = {"line": _line(shelf.by_path[choice.path], shelf), "workspace": part.workspace}
    return render(request, "settings/_model.html", context)


@login_required
@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """What new chats begin with, what finds titles, who may type paths."""
    part = _part(request)
    form = ChoicesForm(part.workspace, request.POST)
    if not form.is_valid():
        return _page(request, part, choices=form)
    with transaction.atomic():
        _note(request, part, detail={name: form.cleaned_data[name] for name in form.changed_data}, subject=form.save())
    sources.forget()
    messages.success(request, "The models to begin with are saved.")
    return redirect("gateway:models")


@login_required
@require_POST
def add_alias(request: HttpRequest) -> HttpResponse:
    part = _part(request)
    form = AliasForm(part.workspace, request.POST)
    if not form.is_valid():
        return _page(request, part, alias=form)
    with transaction.atomic():
        stored = form.save()
        _note(request, part, detail={"alias": stored.name, "model": stored.path}, subject=stored)
    sources.forget()
    messages.success(request, f"{stored.name} stands for {stored.path}.")
    return redirect("gateway:models")


@login_required
@require_POST
def delete_alias(request: HttpRequest, alias_id: uuid.UUID) -> HttpResponse:
    part = _part(request)
    stored = get_object_or_404(ModelAlias, id=alias_id, workspace=part.workspace)
    with transaction.atomic():
        _note(request, part, detail={"alias": stored.name, "is_deleted": True}, subject=stored)
        stored.delete()
    sources.forget()
    messages.success(request, f"{stored.name} is no model's name any more.")
    return redirect("gateway:models")


@login_required
@require_POST
def refresh(request: HttpRequest) -> HttpResponse:
    """Ask every provider again for its list, in the background."""
    part = _part(request)
    for source in shelves.of(part.workspace.id).sources.values():
        listing.ask_again(source)
    sources.forget()
    listing.prepare(shelves.of(part.workspace.id).sources.values())
    messages.success(request, "The providers are being asked for their lists. Reload the page in a moment.")
    return redirect("gateway:models")


def _part(request: HttpRequest) -> Membership:
    part = posted_membership(request)
    require(part, Act.CONFIGURE)
    return part


def _choice(request: HttpRequest, shelf: Shelf) -> ModelChoice:
    """The model of the query, listed or typed; for one that has no provider here: `Http404`."""
    path = request.GET.get("path", "") or request.POST.get("path", "")
    found = shelf.by_path.get(path)
    prefix, _, name = path.partition("/")
    source = shelf.sources.get(prefix)
    if (found is None or found.stands_for) and (source is None or not name or len(path) > catalogue.MAX_PATH):
        raise Http404("There is no such model.")
    return found or shelf.choice(source, name)  # type: ignore[arg-type]  # one of the two is there


def _page(
    request: HttpRequest, part: Membership, *, choices: ChoicesForm | None = None, alias: AliasForm | None = None
) -> HttpResponse:
    shelf = shelves.of(part.workspace.id)
    context: dict[str, Any] = {
        **_found(request, shelf),
        "choices_form": choices or ChoicesForm(part.workspace),
        "alias_form": alias or AliasForm(part.workspace),
        "aliases": _aliases(part.workspace, shelf),
        "providers": list(shelf.sources.values()),
        "default_path": catalogue.default_path(part.workspace.id),
    }
    return settings_page(request, "settings/models.html", context, status=422 if choices or alias else 200)


def _found(request: HttpRequest, shelf: Shelf) -> dict[str, Any]:
    """One page of the models that match, and where the next one begins."""
    words, provider = request.GET.get("q", "")[:100].lower().split(), request.GET.get("provider", "")
    matching = [
        choice
        for choice in shelf.choices
        if not choice.stands_for
        and (not provider or choice.path.startswith(f"{provider}/"))
        and all(word in f"{choice.path} {choice.label}".lower() for word in words)
    ]
    after = request.GET.get("after", "")
    start = next((place + 1 for place, choice in enumerate(matching) if choice.path == after), 0)
    shown = matching[start : start + PAGE]
    return {
        "lines": [_line(choice, shelf) for choice in shown],
        "count": len(matching),
        "wanted": request.GET.get("q", "")[:100],
        "wanted_provider": provider,
        "next_after": shown[-1].path if len(matching) > start + PAGE else "",
    }


def _line(choice: ModelChoice, shelf: Shelf) -> Line:
    roles = " and ".join(f"{role}s" for role in choice.roles)
    return Line(choice, prices.price_of(choice, shelf, now=timezone.now()), roles)


def _aliases(workspace: Workspace, shelf: Shelf) -> list[tuple[ModelAlias, bool]]:
    """Each short name, and whether it leads somewhere."""
    named = ModelAlias.objects.filter(workspace=workspace).prefetch_related("deployments")
    return [(alias, alias.name in shelf.by_path) for alias in named]


def _note(request: HttpRequest, part: Membership, *, detail: dict[str, Any], subject: Any) -> None:
    now = timezone.now()
    audit.note(Action.MODELS_CHANGED, person(request), now=now, workspace=part.workspace, subject=subject, detail=detail)
