"""The frame of the pages that show what is recorded: which there are, who sees which, and how each is rendered in it."""

from collections.abc import Mapping
from dataclasses import replace
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
    """Render a template that extends `observe/layout.html`. Raises `PermissionDenied` for who is in no workspace.

    `under` in the context names the page of the list that this one belongs to, where its address does not say so.
    """
    part = current_membership(request)
    under = (context or {}).get("under")
    listed = [replace(line, current="true") if line.page.name == under else line for line in lines(request, OBSERVE, part)]
    frame = {"part": part, "workspace": part.workspace, "workspaces": workspaces(request), "lines": listed}
    return render(request, template, {**frame, **(context or {})}, status=status)
