"""The overview: what the models cost, how fast and how reliable they are, who uses them, and what went wrong."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import SESSION_KEY, Act, current_membership, may, membership, person
from accounts.models import Membership
from accounts.programs import bearer_of
from telemetry import addressed, drawings, figures, overview_charts, overview_choices, reading
from telemetry.addressed import Wanted
from telemetry.frame import observe_page
from telemetry.overview import Overview
from telemetry.overview_charts import CHARTS

PERIODS = ("1h", "6h", "24h", "7d", "30d", "90d")
REFRESH = ((0, "Off"), (10, "10 s"), (60, "1 min"))
GROUPS = (
    ("", "All together"), ("model", "Model"), ("provider", "Provider"), ("source", "Source"), ("status", "Status"),
    ("user_id", "Person"), ("api_key_id", "API key"),
)  # fmt: skip
LABELS = {
    "model": "Model", "provider": "Provider", "user_id": "Person", "api_key_id": "API key", "source": "Source",
    "status": "Status", "tags": "Tag",
}  # fmt: skip
OWN = "These are your own calls alone: who sees others' calls in sums gets their own where people are named."


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that holds, and the page without it."""

    label: str
    value: str
    url: str


@dataclass(frozen=True, slots=True)
class Field:
    """A filter that can be added. One without choices is typed."""

    name: str
    label: str
    choices: Sequence[tuple[str, str]]


@login_required
@require_safe
def overview_page(request: HttpRequest) -> HttpResponse:
    """The whole page, or what is refreshed of it."""
    part = _part(request)
    wanted = addressed.read(request.GET, timezone.now())
    read = Overview(wanted, bearer_of(part))
    context: dict[str, Any] = {"wanted": wanted, "read": read}
    try:
        context |= figures.within_time(lambda: _figures(request, part, read))
    except figures.TooMuch as error:
        context["too_much"] = str(error)
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "observe/_overview.html", context)
    context |= _controls(read, () if "too_much" in context else read.models)
    context["periods"] = [(name, wanted.url(window=name), name == wanted.window) for name in PERIODS]
    context["refresh_choices"], context["groups"] = REFRESH, GROUPS
    return observe_page(request, "observe/overview.html", context)


@login_required
@require_safe
def chart_csv(request: HttpRequest, name: str) -> HttpResponse:
    """One chart's table, for spreadsheets."""
    if name not in CHARTS:
        raise Http404("There is no such chart.")
    wanted = addressed.read(request.GET, timezone.now())
    read = Overview(wanted, bearer_of(_part(request)))
    try:
        content = figures.within_time(lambda: drawings.as_csv(CHARTS[name](read)))
    except figures.TooMuch as error:
        return HttpResponse(str(error), status=503, content_type="text/plain; charset=utf-8")
    file = f"{name.replace('_', '-')}-{wanted.since:%Y-%m-%d}-{wanted.until:%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{file}"'}
    return HttpResponse(content, content_type="text/csv; charset=utf-8", headers=headers)


def _part(request: HttpRequest) -> Membership:
    """An address may name the workspace that it was copied in: who is in it goes there. Raises `Http404`."""
    if given := request.GET.get("workspace"):
        try:
            found = membership(person(request), uuid.UUID(given))
        except ValueError:
            raise Http404("There is no such workspace.") from None
        if found.workspace_id != current_membership(request).workspace_id:
            request.session[SESSION_KEY] = str(found.workspace_id)
    return current_membership(request)


def _figures(request: HttpRequest, part: Membership, read: Overview) -> Mapping[str, Any]:
    query = read.wanted.url()
    found = [replace(draw(read), csv_url=f"{reverse('chart_csv', args=[name])}{query}") for name, draw in CHARTS.items()]
    told: dict[str, Any] = {
        "tiles": overview_charts.tiles(read),
        "drawings": found,
        "is_empty": not read.whole.call_count and not read.judged,
        "own": OWN if read.is_own and not reading.sees_all(read.bearer) else "",
        "is_compared": read.is_compared,
    }
    # The equation is of the whole installation: for who runs it, and who owns a workspace in it.
    if person(request).is_staff or may(part, Act.OWN):
        told |= {"balance": read.balance, "waiting": drawings.written(read.waiting_seconds * 1000, "ms")}
    return told


def _controls(read: Overview, models: Iterable[str]) -> Mapping[str, Any]:
    """What the page can be narrowed by."""
    choices = overview_choices.choices(read.wanted, read.bearer, models)
    given = read.wanted.given
    chips = []
    for name, values in given.items():
        known = dict(choices.get(name, ()))
        for value in values:
            rest = [other for other in values if other != value]
            label = LABELS.get(name, name.replace("_", " ").capitalize())
            chips.append(Chip(label, known.get(value, value), read.wanted.url(**{name: rest})))
    fields = [
        Field(name, label, [choice for choice in choices.get(name, ()) if choice[0] not in given.get(name, ())])
        for name, label in LABELS.items()
        if choices.get(name) or name in {"model", "provider", "tags"}
    ]
    return {"chips": chips, "fields": fields, "hidden": _hidden(read.wanted)}


def _hidden(wanted: Wanted) -> Mapping[str, list[tuple[str, str]]]:
    """What a form must send along so that the page stays as it is otherwise."""
    filters = [(name, value) for name, values in wanted.given.items() for value in values]
    return {"filters": filters, "period": list(wanted.period.items())}
