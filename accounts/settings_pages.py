"""The frame of the settings: which pages there are, who sees which, and how each is rendered in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from accounts.access import Act, current_membership, may, memberships
from accounts.models import Membership, Workspace


@dataclass(frozen=True, slots=True)
class Page:
    """One line of the settings' navigation. `act` is what a role must allow for it to be listed."""

    name: str
    label: str
    icon: str
    act: Act | None = None


YOURS = (
    Page("profile", "Profile", "user"),
    Page("appearance", "Appearance", "sun"),
    Page("sign_in_settings", "Sign-in", "lock"),
    Page("chat:prompts", "Prompts", "text-quote"),
    Page("chat:your_data", "Your data", "download"),
)
WORKSPACE = (
    Page("workspace", "General", "building"),
    Page("members", "Members", "users"),
    Page("gateway:providers", "Providers", "plug", Act.CONFIGURE),
    Page("gateway:models", "Models", "box", Act.CONFIGURE),
    Page("chat:tools", "Tools", "wrench", Act.CONFIGURE),
    Page("gateway:budgets", "Budgets", "wallet", Act.CONFIGURE),
    Page("gateway:limits", "Limits", "sliders-horizontal", Act.CONFIGURE),
    Page("api_keys", "API keys", "key-round"),
    Page("gateway:webhooks", "Webhooks", "webhook", Act.CONFIGURE),
    Page("privacy", "Privacy", "shield"),
    Page("metrics", "Activity", "activity"),
    Page("audit_log", "Audit log", "scroll-text", Act.SEE_AUDIT_LOG),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line as the page shows it."""

    page: Page
    url: str
    current: str  # the value of `aria-current`: page, true for a page below it, or nothing


def settings_page(
    request: HttpRequest, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Render a template that extends `settings/layout.html`. Who is in no workspace sees their own pages alone."""
    part = current_part(request)
    known = {"part": part, "workspace": part.workspace if part else None, "workspaces": workspaces(request)}
    return render(request, template, {**known, **(context or {})}, status=status)


def current_part(request: HttpRequest) -> Membership | None:
    """As `current_membership`, but None for who is in no workspace."""
    return current_membership(request) if memberships(request) else None


def workspaces(request: HttpRequest) -> list[Workspace]:
    """Where the person could be working, by name."""
    return sorted((part.workspace for part in memberships(request)), key=lambda workspace: workspace.name.lower())


def navigation(request: HttpRequest) -> dict[str, Any]:
    """What the frame shows beside a page: the lines of both groups, and the workspaces to choose from."""
    part = current_part(request)
    return {
        "yours": lines(request, YOURS, part),
        "of_workspace": lines(request, WORKSPACE, part) if part else [],
        "workspaces": workspaces(request),
        "workspace": part.workspace if part else None,
    }


def lines(request: HttpRequest, pages: tuple[Page, ...], part: Membership | None) -> list[Line]:
    """Those that the role allows, and which one is open."""
    shown = [(page, reverse(page.name)) for page in pages if page.act is None or (part and may(part, page.act))]
    # A page below one of the list, such as a provider's, belongs to its line: of several the one that is nearest above it.
    nearest = max((url for _, url in shown if request.path.startswith(url)), key=len, default="")
    is_itself = "page" if nearest == request.path else "true"
    return [Line(page, url, is_itself if url == nearest else "") for page, url in shown]
