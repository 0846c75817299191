"""`/metrics`: Prometheus' text of the whole installation, the product's figures as JSON, and a page of them for people.

Programs are answered before Django, so that they may come by any name: Prometheus asks a pod by its address. Who may ask: whoever
shows OLLIVE_METRICS_TOKEN or an operator's key, and the networks of OLLIVE_METRICS_ALLOW. An address is believed only where
nothing stands in front, else everybody would be the proxy.
"""

import asyncio
import hmac
import ipaddress
import time
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal
from uuid import UUID

import structlog
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port, validate_host
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from accounts.access import current_membership
from accounts.database import in_thread
from accounts.entrance import Bearer, Refused, Response, as_json
from accounts.models import User
from accounts.settings_pages import settings_page
from chat.models import Message
from ollive import doors
from ollive.door_list import Door, nothing_here
from ollive.health import VERSION
from telemetry import analytics, metrics, observed

PATH = "/metrics"
SCOPES = {"metrics", "admin"}
DATABASE_SECONDS = 5.0  # Prometheus waits ten for the whole answer
FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-real-ip")
NOTHING = "–"
EVERYBODY: Literal["everybody"] = "everybody"
DOOR = Door("metrics", nothing_here, methods=("GET", "HEAD"))
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

log = structlog.get_logger(__name__)


def is_asked_for(scope: Mapping[str, Any]) -> bool:
    """Whether a program asks; who wants HTML gets the page."""
    if scope["path"].rstrip("/") != PATH:
        return False
    accepted = next((value for name, value in scope["headers"] if name.lower() == b"accept"), b"")
    return scope["method"] not in {"GET", "HEAD"} or b"text/html" not in accepted


async def answer(scope: Mapping[str, Any], send: doors.Send) -> None:
    """Answer one HTTP request of a program."""
    began = time.perf_counter()
    headers = doors.read_headers(scope)
    visit = doors.Visit(DOOR, {}, scope, headers, doors.Ids.of(headers))
    with structlog.contextvars.bound_contextvars(request_id=visit.ids.request_id, trace_id=visit.ids.trace_id):
        try:
            response = await _answer(scope, headers)
        except Refused as refused:
            response = doors.refusal(PATH, refused)
        if scope["method"] == "HEAD":
            response = Response(response.status, b"", response.headers)
        await doors.reply(send, response, visit)
        seconds = time.perf_counter() - began
        metrics.observe_request(scope["method"], PATH, response.status, seconds)
        latency_ms = round(seconds * 1000, 1)
        log.debug("request", method=scope["method"], path=PATH, status=response.status, latency_ms=latency_ms)


async def _answer(scope: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    """Raises `Refused`."""
    if scope["method"] not in DOOR.methods:
        refused = Refused(405, "method_not_allowed", "Use GET here.")
        refused.headers["allow"] = "GET, HEAD"
        raise refused
    asker = await _asker(scope, headers)
    if "application/json" in headers.get("accept", ""):
        return await _product(asker)
    if asker != EVERYBODY:
        message = (
            "These are the figures of the whole installation: use an operator's key. /api/v1/analytics has your workspace's."
        )
        raise Refused(403, "not_an_operator", message)
    found: list[Metric] | None = None
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            found = await in_thread(_of_the_database)
    except (DatabaseError, TimeoutError) as error:
        log.warning("the database does not tell its figures", error=type(error).__name__)
    encode, media_type = choose_encoder(headers.get("accept", ""))
    text = await asyncio.to_thread(encode, _Figures(found))
    return Response(200, text, {"content-type": media_type})


async def _asker(scope: Mapping[str, Any], headers: Mapping[str, str]) -> Bearer | Literal["everybody"]:
    """Who may see the whole installation, or whose key it is. Raises `Refused`."""
    if not headers.get("authorization", "").strip():
        if not _is_near(scope, headers):
            raise Refused(401, "invalid_api_key", "Send OLLIVE_METRICS_TOKEN or an operator's API key: Authorization: Bearer …")
        return EVERYBODY
    given = headers["authorization"].partition(" ")[2].strip()
    if settings.OLLIVE_METRICS_TOKEN and hmac.compare_digest(given.encode(), settings.OLLIVE_METRICS_TOKEN.encode()):
        return EVERYBODY
    bearer = await doors.bearers.of(headers)
    if not bearer.scopes & SCOPES:
        raise Refused(403, "missing_scope", "This API key may not do that: it needs the scope metrics.")
    return EVERYBODY if await in_thread(_is_operator, bearer.user_id) else bearer


def _is_near(scope: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
    """Whether the address itself opens: in an allowed network, with no proxy between, not by somebody else's name."""
    if settings.SECURE_PROXY_SSL_HEADER or any(name in headers for name in FORWARDED):
        return False
    domain, _ = split_domain_port(headers.get("host", ""))
    hosts = settings.ALLOWED_HOSTS or doors.DEBUG_HOSTS
    address, named = _address((scope.get("client") or ("",))[0]), _address(domain.strip("[]"))
    if address is None or (named is None and not validate_host(domain, hosts)):
        return False
    return any(address in network for network in _networks(tuple(settings.OLLIVE_METRICS_ALLOW)))


@cache
def _networks(allowed: tuple[str, ...]) -> list[Network]:
    return [ipaddress.ip_network(network, strict=False) for network in allowed]


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _is_operator(user_id: UUID) -> bool:
    return User.objects.filter(pk=user_id, is_staff=True, is_active=True).exists()


async def _product(asker: Bearer | Literal["everybody"]) -> Response:
    """Raises `Refused`."""
    workspaces = None if isinstance(asker, str) else [asker.workspace_id]
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            usage = await in_thread(analytics.usage, workspaces, now=timezone.now())
    except (DatabaseError, TimeoutError):
        raise Refused(503, "unavailable", "The database cannot be reached; try again in a moment.", retry_after=2) from None
    return as_json(usage.as_json(samples_of=None if isinstance(asker, str) else analytics.seen_by(asker.role, asker.user_id)))


def _of_the_database() -> list[Metric]:
    running = Message.objects.filter(status=Message.Status.STREAMING).count()
    replies = GaugeMetricFamily("ollive_replies_running", "Replies that are being written in chats.", value=running)
    return [replies, *observed.state(), *observed.product(timezone.now())]


class _Figures:
    """Everything that is told, in the form in which the encoders ask for it; of the database None while it is away."""

    def __init__(self, found: list[Metric] | None) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        version = GaugeMetricFamily("ollive_info", "Which Ollive this is.", labels=("version",))
        version.add_metric((VERSION,), 1)
        yield version
        is_up = self._found is not None
        yield GaugeMetricFamily("ollive_database_up", "Whether the database answered.", value=int(is_up))
        yield from self._found or ()
        yield from metrics.counted().collect()
        yield from _process().collect()


@cache
def _process() -> ProcessCollector:
    return ProcessCollector(registry=None)


@login_required
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The same figures of the person's workspace, for people."""
    usage = analytics.usage([current_membership(request).workspace.pk], now=timezone.now())
    spent, busiest = usage.mean_seconds, max(usage.tokens.values()) or 1
    today, rate, mean_ms = max(usage.active_users), usage.success_rate, usage.mean_latency_ms
    tiles = [
        ("People today", f"{usage.active_users[today]:,}"),
        ("Succeeded", NOTHING if rate is None else f"{rate:.1%}"),
        ("Mean time of a call", NOTHING if mean_ms is None else f"{mean_ms / 1000:.1f} s"),
        ("Tokens", f"{sum(usage.tokens.values()):,}"),
    ]
    days = [
        {
            "day": day,
            "active_users": f"{active:,}",
            "tokens": f"{usage.tokens[day]:,}",
            "share": f"{usage.tokens[day] / busiest:.3f}",
            "spent": f"{spent[day] / 60:.0f} min" if day in spent else NOTHING,
        }
        for day, active in reversed(usage.active_users.items())
    ]
    return settings_page(request, "settings/activity.html", {"tiles": tiles, "days": days})
