"""One short name: its models and how they stand, what happens when they fail, the answers that are kept, and the comparison."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import audit
from accounts.access import Act, current_membership, person, posted_membership, require
from accounts.audit import Action
from accounts.models import Membership
from accounts.settings_pages import settings_page
from gateway import deployments, experiments, shelves, sources
from gateway.alias_forms import AliasForm, place_set, save
from gateway.cooling import Rest, health
from gateway.deployments import Place
from gateway.models import ModelAlias
from gateway.protocol import ProviderError

MAX_LISTED = 300
FAILING = ("max_attempts", "first_byte_seconds", "idle_seconds", "failures_to_rest", "rest_seconds")
PERIODS = {"7": "the last 7 days", "30": "the last 30 days"}


@dataclass(frozen=True, slots=True)
class Standing:
    """How one model of a name stands. `percent` is its share of the requests while all are well."""

    place: Place
    percent: int
    rest: Rest | None

    @property
    def rests_until(self) -> datetime | None:
        return datetime.fromtimestamp(self.rest.until, UTC) if self.rest else None

    @property
    def why(self) -> str:
        return self.rest.code.replace("_", " ") if self.rest else ""


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def alias(request: HttpRequest, alias_id: uuid.UUID) -> HttpResponse:
    """A short name, to look at and to change."""
    part = posted_membership(request) if request.method == "POST" else current_membership(request)
    found = _found(part, alias_id)
    form = AliasForm(request.POST if request.method == "POST" else None, instance=found)
    places = place_set(part.workspace, request.POST if request.method == "POST" else None, found)
    if request.method == "POST" and form.is_valid() and places.is_valid():
        with transaction.atomic():
            stored = save(form, places)
            told = {"alias": stored.name, "models": [one["path"] for one in places.given], "fields": form.changed_data}
            _note(request, part, stored, told)
        sources.forget()
        messages.success(request, f"{stored.name} is changed.")
        return redirect("gateway:alias", found.id)
    stored = _found(part, alias_id)
    fail_fields = [form[name] for name in FAILING]
    context = {"alias": stored, "form": form, "places": places, "fail_fields": fail_fields, **_standings(stored, part)}
    return settings_page(request, "settings/alias.html", context, status=422 if form.is_bound else 200)


@login_required
@never_cache
@require_GET
def comparison(request: HttpRequest, alias_id: uuid.UUID) -> HttpResponse:
    """How the models that share did beside each other."""
    found = _found(current_membership(request), alias_id)
    now, period = timezone.now(), request.GET.get("days", "")
    since = now - timedelta(days=int(period)) if period in PERIODS else found.compared_since or now - timedelta(days=30)
    context = {
        "alias": found,
        "compared": experiments.compare(found, since=since),
        "since": since,
        "periods": PERIODS,
        "period": period if period in PERIODS else "",
    }
    return settings_page(request, "settings/comparison.html", context)


@login_required
@require_POST
def wake(request: HttpRequest, alias_id: uuid.UUID) -> HttpResponse:
    """Have every model of a name asked again at once."""
    part = posted_membership(request)
    found = _found(part, alias_id)
    health.wake([place.health_id for place in _places(found, part)])
    _note(request, part, found, {"alias": found.name, "is_woken": True})
    messages.success(request, "No model rests any more.")
    return redirect("gateway:alias", found.id)


@login_required
@require_POST
def forget_answers(request: HttpRequest, alias_id: uuid.UUID) -> HttpResponse:
    """Give none of the answers again that were kept until now."""
    part = posted_membership(request)
    found = _found(part, alias_id)
    ModelAlias.objects.filter(id=found.id).update(cache_epoch=F("cache_epoch") + 1)
    _note(request, part, found, {"alias": found.name, "answers_forgotten": True})
    sources.forget()
    messages.success(request, "The kept answers are forgotten.")
    return redirect("gateway:alias", found.id)


def _found(part: Membership, alias_id: uuid.UUID) -> ModelAlias:
    """A short name of the workspace that the person is in, for who may change it."""
    found = get_object_or_404(ModelAlias.objects.prefetch_related("deployments"), id=alias_id, workspace=part.workspace)
    require(part, Act.CONFIGURE)
    return found


def _places(found: ModelAlias, part: Membership) -> tuple[Place, ...]:
    try:
        return deployments.alias_of(found, shelves.of(part.workspace.id), part.workspace.id).places
    except ProviderError:
        return ()


def _standings(found: ModelAlias, part: Membership) -> Mapping[str, Any]:
    """The models that can be reached, those that can't, and what may be typed."""
    places = _places(found, part)
    rests = health.resting(place.health_id for place in places)
    total = sum(place.weight for place in places if not place.is_fallback) or 1
    reached = {place.path for place in places}
    told = [found.path, *(one.path for one in found.deployments.all())]
    return {
        "standings": [
            Standing(place, 0 if place.is_fallback else round(100 * place.weight / total), rests.get(place.health_id))
            for place in places
        ],
        "lost": [path for path in told if path not in reached],
        "is_any_resting": bool(rests),
        "paths": [choice.path for choice in shelves.of(part.workspace.id).visible("") if not choice.stands_for][:MAX_LISTED],
    }


def _note(request: HttpRequest, part: Membership, subject: ModelAlias, detail: dict[str, Any]) -> None:
    now = timezone.now()
    audit.note(Action.MODELS_CHANGED, person(request), now=now, workspace=part.workspace, subject=subject, detail=detail)
