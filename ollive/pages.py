"""How pages are answered: in one thread a request, compressed, and each with its line in the log."""

import re
import time
from collections.abc import Mapping
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

from ollive import doors
from telemetry import metrics, tracing

UNMATCHED = "(unmatched)"
PIECE = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)")
SECRETS = {"token", "key", "uidb36"}  # pieces of an address that open what lies there: the log has the route instead

log = structlog.get_logger(__name__)


class PageHandler(ASGIHandler):
    """Runs middleware and view in one thread, one after the other.

    Left to itself, Django hops between the event loop and a thread at every middleware that knows both ways: a fifth of the cost.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        ids = _ids(scope)
        with structlog.contextvars.bound_contextvars(request_id=ids.request_id, trace_id=ids.trace_id):
            await super().__call__(scope, receive, send)

    async def get_response_async(self, request: Any) -> HttpResponseBase:
        began = time.perf_counter()
        ids = _ids(request.scope)
        with tracing.visiting(ids.trace_id) as span:
            response: HttpResponseBase = await sync_to_async(self.get_response, thread_sensitive=True)(request)
        seconds, status, route = time.perf_counter() - began, response.status_code, route_of(request)
        metrics.observe_request(request.method, route, status, seconds)
        tracing.tell_request(span, parent_id=ids.parent_id, method=request.method, path=route, status=status, seconds=seconds)
        told = log.debug if request.path.startswith(f"/{settings.STATIC_URL.lstrip('/')}") else log.info
        told("request", method=request.method, path=_loggable(request, route), status=status, latency_ms=round(seconds * 1000, 1))
        return response


def _ids(scope: Mapping[str, Any]) -> doors.Ids:
    return scope.get(doors.IDS) or doors.Ids.of({})


def route_of(request: HttpRequest) -> str:
    """The address with the names of its pieces in braces, as those of the doors; one word for whatever leads nowhere."""
    if request.resolver_match is None:
        is_static = request.path.startswith(f"/{settings.STATIC_URL.lstrip('/')}")
        return "/static/*" if is_static else UNMATCHED
    return "/" + PIECE.sub(lambda piece: f"{{{piece[1] or piece[2]}}}", request.resolver_match.route.replace("^", "")).rstrip("$")


def _loggable(request: HttpRequest, route: str) -> str:
    found = request.resolver_match
    return route if found and SECRETS & found.kwargs.keys() else request.path


class PageCompression(GZipMiddleware):
    """Compresses HTML to a tenth. Downloads are left alone: pictures are packed already, exports flow as they are read."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        is_page = not response.streaming and response.get("Content-Type", "").startswith("text/html")
        return super().process_response(request, response) if is_page else response
