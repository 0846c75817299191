"""The REST API under /api/v1: every app's routes, one kind of key, one shape of errors."""

from typing import Any

from django.urls import URLPattern, path
from ninja import NinjaAPI

import accounts.api
import chat.api
import gateway.api
import telemetry.api
from ollive import problems
from ollive.health import VERSION

api = NinjaAPI(
    title="Ollive", version=VERSION, docs_url=None, openapi_url=None, urls_namespace="api", parser=problems.TextParser()
)
api.add_router("", chat.api.router)
api.add_router("", telemetry.api.router)
api.add_router("", gateway.api.router)
api.add_router("", accounts.api.router)
problems.handle(api)


def urls() -> tuple[list[Any], str, str]:
    """The routes, each with problems for errors, and what answers where there is none."""
    patterns, app_name, namespace = api.urls
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            pattern.callback = problems.shaped(pattern.callback)
    return [*patterns, path("<path:rest>", problems.nothing_here, name="nothing-here")], app_name, namespace
