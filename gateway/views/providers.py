"""The page of providers, and the forms that add and change one."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import audit
from accounts.access import Act, current_membership, may, person, posted_membership, require
from accounts.audit import Action
from accounts.models import Membership
from accounts.settings_pages import settings_page
from gateway import directory, inventory, sources
from gateway.forms import ProviderForm, kinds_to_add
from gateway.models import Provider


@login_required
@never_cache
@require_GET
def providers_page(request: HttpRequest) -> HttpResponse:
    """What is configured, from wherever."""
    part = current_membership(request)
    require(part, Act.CONFIGURE)
    context = {"lines": inventory.lines(part.workspace), "is_owner": may(part, Act.OWN)}
    return settings_page(request, "settings/providers.html", context)


@login_required
@require_GET
def kinds(request: HttpRequest) -> HttpResponse:
    """What can be added."""
    require(current_membership(request), Act.CONFIGURE)
    return settings_page(request, "settings/provider_kinds.html", {"groups": kinds_to_add()})


@login_required
@never_cache
@sensitive_post_parameters("api_key")
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest, kind: str) -> HttpResponse:
    part = posted_membership(request)
    require(part, Act.CONFIGURE)
    known = directory.kinds().get(kind)
    if known is None or known.is_for_commands or known.name == sources.LOCAL:
        raise Http404("There is no such kind of provider.")
    form = ProviderForm(known, part.workspace, None, request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _form_page(request, form, part)
    with transaction.atomic():
        form.row.save(force_insert=True)
        _note(Action.PROVIDER_CREATED, request, part, row=form.row)
    return _saved(request, form.row, "added")


@login_required
@never_cache
@sensitive_post_parameters("api_key")
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, name: str) -> HttpResponse:
    part = posted_membership(request)
    require(part, Act.CONFIGURE)
    row = _row(part, name)
    kind = sources.kind_named(row.kind)
    if kind is None:
        raise Http404("This version does not know such providers.")
    form = ProviderForm(kind, part.workspace, row, request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _form_page(request, form, part)
    with transaction.atomic():
        # What was tested was another address or key.
        form.row.tested_at, form.row.test_result = None, {}
        form.row.save()
        _note(Action.PROVIDER_CHANGED, request, part, row=form.row, detail={"fields": form.changed_data})
    return _saved(request, form.row, "changed")


@login_required
@require_POST
def delete(request: HttpRequest, name: str) -> HttpResponse:
    """Delete it with its key. Chats keep their messages; to go on they need another model."""
    part = posted_membership(request)
    require(part, Act.CONFIGURE)
    row = _row(part, name)
    with transaction.atomic():
        _note(Action.PROVIDER_DELETED, request, part, row=row)
        row.delete()
    sources.forget()
    messages.success(request, f"{name} is deleted, and its key with it.")
    return redirect("gateway:providers")


def _row(part: Membership, name: str) -> Provider:
    row = Provider.objects.filter(workspace=part.workspace, name=name).first()
    if row is None:
        raise Http404("There is no such provider.")
    return row


def _form_page(request: HttpRequest, form: ProviderForm, part: Membership) -> HttpResponse:
    context = {"form": form, "kind": form.kind, "row": form.provider, "is_owner": may(part, Act.OWN)}
    return settings_page(request, "settings/provider.html", context, status=422 if form.is_bound else 200)


def _saved(request: HttpRequest, row: Provider, done: str) -> HttpResponse:
    sources.forget()
    messages.success(request, f"{row.name} is {done}.")
    return redirect("gateway:providers")


def _note(
    action: Action, request: HttpRequest, part: Membership, *, row: Provider, detail: dict[str, object] | None = None
) -> None:
    said = {"name": row.name, "kind": row.kind, **(detail or {})}
    audit.note(action, person(request), now=timezone.now(), workspace=part.workspace, subject=row, detail=said)
