"""The frame of the settings: which pages there are, who sees which, and how each is rendered in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse

from accounts.access import Act, current_membership, may, person
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
    Page("api_keys", "API keys", "key-round"),
    Page("privacy", "Privacy", "shield", Act.SET_POLICY),
    Page("audit_log", "Audit log", "scroll-text", Act.SEE_AUDIT_LOG),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line as the page shows it."""

    page: Page
    url: str
    is_current: bool


def settings_page(
    request: HttpRequest, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Render a template that extends `settings/layout.html`."""
    part = current_membership(request)
    return render(request, template, {"part": part, **navigation(request, part), **(context or {})}, status=status)


def navigation(request: HttpRequest, part: Membership) -> dict[str, Any]:
    """What `settings/layout.html` needs: the lines of both groups, and the workspaces to choose from."""
    return {
        "yours": _lines(request, YOURS, part),
        "of_workspace": _lines(request, WORKSPACE, part),
        "workspaces": list(Workspace.objects.filter(memberships__user=person(request)).order_by("name")),
        "workspace": part.workspace,
    }


def _lines(request: HttpRequest, pages: tuple[Page, ...], part: Membership) -> list[Line]:
    match = request.resolver_match
    current = match.view_name if match else ""
    found = []
    for page in pages:
        if page.act is None or may(part, page.act):
            try:
                found.append(Line(page, reverse(page.name), page.name == current))
            except NoReverseMatch:
                continue
    return found
