"""The frame of the pages that show what is recorded: which there are, who sees which, and how each is rendered in it."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.access import Act, current_membership
from accounts.settings_pages import Page, lines, workspaces

OBSERVE: tuple[Page, ...] = (
    Page("overview", "Overview", "chart-line"),
    Page("boards", "Dashboards", "layout-dashboard"),
    Page("logs", "Logs", "list-filter"),
    Page("sessions", "Sessions", "messages-square"),
    Page("analytics", "Analytics", "user-check"),
    Page("feedback_list", "Feedback", "thumbs-up"),
    Page("datasets", "Datasets", "flask-conical", Act.CHAT),
    Page("alerts", "Alerts", "bell", Act.SET_ALERTS),
)


def observe_page(
    request: HttpRequest, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Render a template that extends `observe/layout.html`. Raises `PermissionDenied` for who is in no workspace."""
    part = current_membership(request)
    frame = {"part": part, "workspace": part.workspace, "workspaces": workspaces(request), "lines": lines(request, OBSERVE, part)}
    return render(request, template, {**frame, **(context or {})}, status=status)
