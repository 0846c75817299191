"""How the product is used: a page for everybody in the workspace, of sums that name nobody, and its files."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.access import Act, current_membership, may, memberships
from accounts.models import User
from telemetry import figures, product_analytics, product_charts
from telemetry.addressed import rfc_3339
from telemetry.drawings import as_csv, with_csv
from telemetry.frame import observe_page
from telemetry.product_analytics import COHORT_WEEKS, PERIODS, USUAL

ALL = "all"
GONE = "Somebody who is no longer here"
PERIOD_LABELS = {"7d": "7 days", "30d": "30 days", "90d": "90 days", "365d": "A year"}


class Asked:
    """Which days of which workspaces, as the address says it; what it says wrongly is told in `notices`."""

    def __init__(self, request: HttpRequest) -> None:
        self.notices: list[str] = []
        self.part = current_membership(request)
        self.parts = memberships(request)
        period, of = request.GET.get("window", USUAL), request.GET.get("of", "")
        if period not in PERIODS:
            self.notices.append(f"There is no period {period[:20]!r}: the last {PERIOD_LABELS[USUAL]} are shown.")
            period = USUAL
        self.period = period
        self.is_all = of == ALL and len(self.parts) > 1
        self.given = {"window": period, "of": ALL if self.is_all else ""}

    @property
    def workspaces(self) -> list[UUID]:
        return [part.workspace_id for part in self.parts] if self.is_all else [self.part.workspace_id]

    def url(self, **changes: str) -> str:
        told = {name: value for name, value in {**self.given, **changes}.items() if value}
        return f"?{urlencode(told)}"


@login_required
@require_GET
def analytics_page(request: HttpRequest) -> HttpResponse:
    """Active people, newcomers and who came back, success, tokens, time, feedback and models."""
    asked, now = Asked(request), timezone.now()
    context: dict[str, Any] = {
        "notices": asked.notices,
        "is_all": asked.is_all,
        "periods": [(label, asked.url(window=name), name == asked.period) for name, label in PERIOD_LABELS.items()],
        "period_label": PERIOD_LABELS[asked.period],
        "one_url": asked.url(of=""),
        "all_url": asked.url(of=ALL),
    }
    try:
        context |= figures.within_time(lambda: _found(asked, now))
    except figures.TooMuch as error:
        return observe_page(request, "observe/analytics.html", {**context, "too_much": str(error)}, status=503)
    return observe_page(request, "observe/analytics.html", context)


@login_required
@require_GET
def analytics_csv(request: HttpRequest, name: str) -> HttpResponse:
    """One chart or table of the page."""
    asked, now = Asked(request), timezone.now()
    try:
        found = figures.within_time(lambda: product_analytics.read(asked.workspaces, asked.period, now=now))
    except figures.TooMuch as error:
        return HttpResponse(str(error), status=503, content_type="text/plain; charset=utf-8")
    drawing = product_charts.drawing_of(found, name)
    if drawing is None:
        raise Http404("There is no such chart.")
    headers = {"Content-Disposition": f'attachment; filename="analytics-{name}-{asked.period}-{now:%Y-%m-%d}.csv"'}
    return HttpResponse(as_csv(drawing), content_type="text/csv; charset=utf-8", headers=headers)


def _found(asked: Asked, now: datetime) -> dict[str, Any]:
    found = product_analytics.read(asked.workspaces, asked.period, now=now)

    def csv_url(name: str) -> str:
        return reverse("analytics_csv", args=[name]) + asked.url()

    return {
        "tiles": product_charts.tiles(found),
        "charts": [with_csv(drawing, csv_url(drawing.name)) for drawing in product_charts.charts(found)],
        "retention": product_charts.retention(found),
        "retention_csv": csv_url("retention"),
        "cohort_weeks": COHORT_WEEKS[asked.period],
        "tables": [product_charts.models(found, csv_url("models")), *_more_tables(asked, now)],
        "median_minutes": None if found.median_seconds is None else round(found.median_seconds / 60),
        "has_before": found.before is not None,
        "is_empty": not found.now.people and not found.now.total("calls"),
    }


def _more_tables(asked: Asked, now: datetime) -> list[product_charts.Table]:
    """Each workspace by name where all are looked at; in one, people by name for who sees their calls anyway."""
    if asked.is_all:
        names = {part.workspace_id: part.workspace.name for part in asked.parts}
        found = product_analytics.by_workspace(asked.workspaces, asked.period, now=now)
        return [product_charts.workspaces([(names[use.workspace_id], use) for use in found])]
    if not may(asked.part, Act.SEE_LOGS):
        return []
    uses = product_analytics.by_person(asked.part.workspace_id, asked.period, now=now)
    users = {user.pk: str(user) for user in User.objects.filter(pk__in=[use.user_id for use in uses]).only("id", "name", "email")}
    since = rfc_3339(now - timedelta(days=PERIODS[asked.period]))
    return [product_charts.people([(users.get(use.user_id, GONE), use, _logs_of(use.user_id, since)) for use in uses])]


def _logs_of(user_id: UUID, since: str) -> str | None:
    try:
        return f"{reverse('logs')}?{urlencode({'user_id': user_id, 'since': since})}"
    except NoReverseMatch:
        return None
