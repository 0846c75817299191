"""What a page shows of the person who reads it: their settings' list, and the workspaces they are in."""

from typing import Any

from django import template
from django.http import HttpRequest

from accounts import settings_pages

register = template.Library()


@register.simple_tag(takes_context=True)
def settings_navigation(context: dict[str, Any]) -> dict[str, Any]:
    """`yours`, `of_workspace`, `workspaces` and `workspace`, for the frame of the settings."""
    request: HttpRequest = context["request"]
    return settings_pages.navigation(request)


@register.simple_tag(takes_context=True)
def my_workspaces(context: dict[str, Any]) -> dict[str, Any]:
    """`all` of them and the `current` one, without a query of its own once the page has asked for one."""
    request: HttpRequest = context["request"]
    part = settings_pages.current_part(request)
    return {"all": settings_pages.workspaces(request), "current": part.workspace if part else None}
