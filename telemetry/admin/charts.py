"""Charts for who runs the installation: what all workspaces ask, spend, wait and fail; each point leads to its calls."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from accounts.models import Workspace
from telemetry import figures
from telemetry.drawings import Drawing, DrawnLine, as_csv, with_csv
from telemetry.queries import installation
from telemetry.queries.charts import error_rate
from telemetry.rollup_reads import Percentiles, Totals
from telemetry.rollup_sums import Unit

PERIODS = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
LINES, BARS = 8, 12
OTHERS, NOT_TOLD = "others", "not told"
PERCENTILES = ((0, "p50"), (2, "p95"), (3, "p99"))


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for; what makes no sense in it is left out."""

    period: str
    workspace: Workspace | None
    now: datetime

    @property
    def since(self) -> datetime:
        return self.now - figures.WINDOWS[self.period]

    @property
    def step(self) -> Unit:
        return figures.step_for(figures.WINDOWS[self.period], since=self.since, now=self.now)

    def url(self, **changes: str) -> str:
        told = {"period": self.period} | ({"workspace": str(self.workspace.id)} if self.workspace else {})
        return f"?{urlencode(told | changes)}"

    def calls(self, since: datetime, until: datetime, **filters: str) -> str:
        """The list of these calls."""
        told = {"received_at__gte": since.isoformat(), "received_at__lt": until.isoformat()} | filters
        if self.workspace:
            told["workspace_id"] = str(self.workspace.id)
        return f"{reverse('admin:telemetry_inferencelog_changelist')}?{urlencode(told)}"


def charts_page(request: HttpRequest, site: admin.AdminSite) -> HttpResponse:
    """Needs what the list of calls needs: these are its sums."""
    if not request.user.has_perm("telemetry.view_inferencelog"):
        raise PermissionDenied
    asked = _asked(request, timezone.now())
    drawn = [with_csv(drawing, asked.url(csv=drawing.name)) for drawing in _drawings(asked)]
    if found := next((drawing for drawing in drawn if drawing.name == request.GET.get("csv")), None):
        answer = HttpResponse(as_csv(found), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="{found.name}.csv"'
        return answer
    context = {
        **site.each_context(request),
        "title": "Charts",
        "drawings": drawn,
        "asked": asked,
        "periods": [(asked.url(period=name), label, name == asked.period) for name, label in PERIODS.items()],
        "everywhere": f"?{urlencode({'period': asked.period})}",
    }
    return TemplateResponse(request, "admin/telemetry/charts.html", context)


def _asked(request: HttpRequest, now: datetime) -> Asked:
    try:
        workspace = Workspace.objects.filter(id=UUID(request.GET.get("workspace", ""))).first()
    except ValueError:
        workspace = None
    period = request.GET.get("period", "")
    return Asked(period if period in PERIODS else "24h", workspace, now)


def _drawings(asked: Asked) -> list[Drawing]:
    whole = asked.workspace.id if asked.workspace else None
    read = installation.read(asked.since, asked.now, workspace_id=whole, step=asked.step, now=asked.now)
    drawn = [*_over_time(asked, read), *_durations(asked, read), _providers(asked, read.providers)]
    return drawn if asked.workspace else [*drawn, _workspaces(asked, read.workspaces)]


def _over_time(asked: Asked, read: installation.Installation) -> list[Drawing]:
    sums: dict[datetime, list[Totals]] = defaultdict(list)
    for point in read.by_model:
        if point.bucket_at:
            sums[point.bucket_at].append(point)

    def line(label: str, of: Callable[[Totals], int], **filters: str) -> DrawnLine:
        values = [sum(of(point) for point in sums[at]) for at in moments]
        return DrawnLine(label, values, [asked.calls(at, at + size, **filters) for at in moments])

    moments, size = figures.moments(asked.since, asked.now, asked.step), figures.STEPS[asked.step]
    told = {"moments": moments, "step": asked.step}
    calls = [
        line("Calls", lambda point: point.call_count),
        line("Errors", lambda point: point.error_count, status__exact="error"),
    ]
    tokens = [line("Prompt", lambda point: point.prompt_tokens), line("Completion", lambda point: point.completion_tokens)]
    return [
        Drawing("calls", "Calls and errors", "line", "calls", calls, **told),  # type: ignore[arg-type]
        Drawing("cost", "Cost by model", "bar", "usd", _costs(asked, sums, moments, size), is_stacked=True, **told),  # type: ignore[arg-type]
        Drawing("tokens", "Tokens", "bar", "tokens", tokens, is_stacked=True, **told),  # type: ignore[arg-type]
    ]


def _costs(asked: Asked, sums: dict[datetime, list[Totals]], moments: Sequence[datetime], size: timedelta) -> list[DrawnLine]:
    by_model: dict[str, dict[datetime, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for at, points in sums.items():
        for point in points:
            by_model[str(point.group["model"] or NOT_TOLD)][at] += point.cost_usd
    ordered = sorted(by_model, key=lambda model: -sum(by_model[model].values()))
    lines = [
        DrawnLine(
            model,
            [by_model[model][at] for at in moments],
            [asked.calls(at, at + size, model=model) for at in moments] if model != NOT_TOLD else None,
        )
        for model in ordered[:LINES]
    ]
    if rest := ordered[LINES:]:
        lines.append(DrawnLine(OTHERS, [sum((by_model[model][at] for model in rest), Decimal()) for at in moments]))
    return lines


def _durations(asked: Asked, read: installation.Installation) -> list[Drawing]:
    moments, size = figures.moments(asked.since, asked.now, asked.step), figures.STEPS[asked.step]
    links = [asked.calls(at, at + size) for at in moments]

    def drawing(name: str, title: str, points: Sequence[Percentiles]) -> Drawing:
        found = {point.bucket_at: point.values_ms for point in points}
        lines = [
            DrawnLine(label, [found[at][place] if at in found else None for at in moments], links) for place, label in PERCENTILES
        ]
        return Drawing(name, title, "line", "ms", lines, moments, step=asked.step)

    return [drawing("latency", "Latency", read.latency), drawing("ttft", "Time to first token", read.ttft)]


def _providers(asked: Asked, found: Sequence[Totals]) -> Drawing:
    failing = sorted(found, key=lambda sums: -(error_rate(sums) or 0))[:BARS]
    told = [sums.group["provider"] for sums in failing]
    names = [str(name or NOT_TOLD) for name in told]
    links = [asked.calls(asked.since, asked.now, provider=str(name), status__exact="error") if name else None for name in told]
    lines = [DrawnLine("Error rate", [error_rate(sums) for sums in failing], links)]
    return Drawing("providers", "Error rate by provider", "bar", "share", lines, categories=names, of="Provider")


def _workspaces(asked: Asked, found: Sequence[Totals]) -> Drawing:
    shown = found[:BARS]
    ids = [sums.group["workspace_id"] for sums in shown]
    known = Workspace.objects.in_bulk([workspace_id for workspace_id in ids if isinstance(workspace_id, UUID)])
    names = [known[each].name if isinstance(each, UUID) and each in known else str(each) for each in ids]
    links = [f"?{urlencode({'period': asked.period, 'workspace': str(each)})}" for each in ids]
    lines = [DrawnLine("Cost", [sums.cost_usd for sums in shown], links)]
    note = f"The first {BARS} of {len(found)}." if len(found) > BARS else ""
    return Drawing("workspaces", "Cost by workspace", "bar", "usd", lines, categories=names, of="Workspace", note=note)
