"""Dashboards for programs: the person's own and the workspace's, and the figures that their panels show."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field

from accounts.access import Act
from accounts.administration import AskedPage, Body, Name, actor_of, bearer_of, invalid, nothing_such, page_of
from accounts.entrance import Refused
from accounts.models import Membership
from accounts.programs import needs
from telemetry import addressed, asked, boards, panel_reads, panels
from telemetry.models import Dashboard
from telemetry.panels import Panel, WindowName

router = Router(tags=["Dashboards"])
Description = Field("", max_length=500)


class DashboardLine(Schema):
    """A dashboard of a list."""

    id: UUID
    title: str
    description: str
    window: str = Field(description="The period that it shows when no other is chosen.")
    is_shared: bool = Field(description="Whether it is the workspace's; else it is the key's person's own.")
    panel_count: int
    created_at: datetime
    updated_at: datetime


class DashboardOut(DashboardLine):
    """A dashboard with its panels, in order."""

    panels: list[Panel]


class DashboardPage(Schema):
    data: list[DashboardLine]
    next_cursor: str | None


class NewDashboard(Body):
    """What an export holds can be sent as it is."""

    title: Name
    description: str = Description
    window: WindowName = "7d"
    is_shared: bool = Field(False, description="For everybody in the workspace. It takes a key with the scope `admin`.")
    panels: list[Panel] = Field([], max_length=boards.MOST_PANELS)
    form: Literal["ollive-dashboard"] = "ollive-dashboard"
    schema_version: Literal[1] = 1


class DashboardChange(Body):
    """What is left out stays as it is. `panels` are replaced all together."""

    title: Name | None = None
    description: str | None = Field(None, max_length=500)
    window: WindowName | None = None
    is_shared: bool | None = None
    panels: list[Panel] | None = Field(None, max_length=boards.MOST_PANELS)


class AskedData(asked.Asked):
    """Which period, and filters that hold for every panel beside its own."""

    window: WindowName | None = Field(None, description="How far back; the dashboard's own, if there is none.")
    interval: Literal["auto", "minute", "hour", "day"] = Field("auto", description="The steps of what goes over time.")


class DataPoint(Schema):
    at: datetime
    value: float | None


class DataSeries(Schema):
    """One line, bar, slice or row: `value` of the whole period, or `points` over time."""

    group: dict[str, str | None]
    value: float | None = None
    points: list[DataPoint] | None = None
    call_count: int | None = Field(None, description="Of conversations.")


class PanelData(Schema):
    """What a panel shows to the key's person."""

    id: str
    title: str
    kind: panels.Kind
    figure: panels.FigureName
    counted_in: str
    of: Literal["workspace", "own"] = Field(description="Whose calls: members get their own where people are named.")
    series: list[DataSeries]
    previous: float | None = Field(None, description="Of a number: what it was in the period before.")
    note: str
    problem: str = Field(description="Why there are no figures; empty, if there are.")


class DashboardData(Schema):
    """All panels' figures."""

    since: datetime
    until: datetime
    interval: Literal["minute", "hour", "day"]
    panels: list[PanelData]


@router.get("/dashboards", auth=needs("metrics", "logs:read"), response=DashboardPage, summary="List dashboards")
def list_dashboards(request: HttpRequest, asked_for: Query[AskedPage]) -> Any:
    """The person's own and the workspace's, the oldest first."""
    bearer = bearer_of(request)
    page = page_of(boards.seen_by(bearer.workspace_id, bearer.user_id), asked_for)
    return DashboardPage(data=[DashboardLine(**_line(board)) for board in page.rows], next_cursor=page.next_cursor)


@router.post("/dashboards", auth=needs("metrics"), response={201: DashboardOut}, summary="Make a dashboard")
def make_dashboard(request: HttpRequest, given: NewDashboard) -> Any:
    """Of the person's own, or the workspace's."""
    part = _writer(request, is_shared=given.is_shared)
    values = given.model_dump(exclude={"panels", "form", "schema_version"})
    with _refusals():
        board = boards.make(part, **values, panels=given.panels, now=timezone.now())
    return Status(201, _whole(board))


@router.get(
    "/dashboards/{uuid:dashboard_id}", auth=needs("metrics", "logs:read"), response=DashboardOut, summary="Get a dashboard"
)
def get_dashboard(request: HttpRequest, dashboard_id: UUID) -> Any:
    """With its panels."""
    return _whole(_found(request, dashboard_id))


@router.patch("/dashboards/{uuid:dashboard_id}", auth=needs("metrics"), response=DashboardOut, summary="Change a dashboard")
def change_dashboard(request: HttpRequest, dashboard_id: UUID, given: DashboardChange) -> Any:
    """The workspace's take a key with the scope `admin`, sharing too."""
    board = _found(request, dashboard_id)
    part = _writer(request, is_shared=board.is_shared or bool(given.is_shared))
    values = given.model_dump(exclude_none=True, exclude={"panels", "is_shared"})
    now = timezone.now()
    with _refusals(), transaction.atomic():
        board = boards.change(part, dashboard_id, **values, panels=given.panels, now=now)
        if given.is_shared is not None:
            board = boards.share(part, dashboard_id, is_shared=given.is_shared, now=now)
    return _whole(board)


@router.delete("/dashboards/{uuid:dashboard_id}", auth=needs("metrics"), response={204: None}, summary="Delete a dashboard")
def delete_dashboard(request: HttpRequest, dashboard_id: UUID) -> Any:
    """The calls that it shows stay."""
    part = _writer(request, is_shared=_found(request, dashboard_id).is_shared)
    with _refusals():
        boards.delete(part, dashboard_id)
    return Status(204, None)


@router.get(
    "/dashboards/{uuid:dashboard_id}/data",
    auth=needs("metrics", "logs:read"),
    response=DashboardData,
    summary="Get a dashboard's figures",
)
def dashboard_data(request: HttpRequest, dashboard_id: UUID, given: Query[AskedData]) -> Any:
    """What each panel shows. Members get sums of the workspace, and their own calls where people are named."""
    asked.check_names(request, AskedData)
    board = _found(request, dashboard_id)
    told = request.GET.copy()
    told["window"], told["step"] = given.window or board.window, given.interval
    wanted = addressed.read(told, timezone.now())
    if wanted.notices:
        raise invalid(" ".join(wanted.notices))
    found = panel_reads.find(panels.read(board.panels), wanted, bearer_of(request))
    return DashboardData(since=wanted.since, until=wanted.until, interval=wanted.unit, panels=[_data(one) for one in found])


def _data(found: panel_reads.Found) -> PanelData:
    return PanelData(
        id=found.panel.id,
        title=found.panel.label,
        kind=found.panel.kind,
        figure=found.panel.figure,
        counted_in=found.counted_in,
        of=found.whose,
        series=[_series(line, found.moments) for line in found.lines],
        previous=found.before,
        note=found.note,
        problem=found.problem,
    )


def _series(line: panel_reads.Line, moments: Any) -> DataSeries:
    group = dict(line.group)
    if not moments:
        return DataSeries(group=group, value=line.values[0], call_count=line.call_count)
    points = [DataPoint(at=at, value=value) for at, value in zip(moments, line.values, strict=True)]
    return DataSeries(group=group, points=points, call_count=None)


def _found(request: HttpRequest, dashboard_id: UUID) -> Dashboard:
    bearer = bearer_of(request)
    with _refusals():
        return boards.found(bearer.workspace_id, bearer.user_id, dashboard_id)


def _writer(request: HttpRequest, *, is_shared: bool) -> Membership:
    """Everybody sees the workspace's: a key that reads figures does not change them."""
    if is_shared and "admin" not in bearer_of(request).scopes:
        raise Refused(403, "missing_scope", "The workspace's dashboards are changed with a key that has the scope admin.")
    return actor_of(request, Act.MAKE_DASHBOARDS)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except Http404:
        raise nothing_such("dashboard") from None
    except PermissionDenied as error:
        raise Refused(403, "forbidden", str(error)) from None
    except boards.NotPossible as error:
        raise invalid(str(error)) from None


def _line(board: Dashboard) -> dict[str, Any]:
    same = ("id", "title", "description", "window", "is_shared", "created_at", "updated_at")
    return {name: getattr(board, name) for name in same} | {"panel_count": len(board.panels)}


def _whole(board: Dashboard) -> DashboardOut:
    return DashboardOut(**_line(board), panels=[panel for panel in panels.read(board.panels) if not panel.problem])
