"""Is the process alive, and can it serve? `/health` answers the first, `/ready` the second."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import redis
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from accounts import api_keys
from telemetry import accounting

VERSION: str = settings.OLLIVE_VERSION
SCOPES = {"metrics", "admin"}


@csrf_exempt  # nothing is done: another method is no forgery, it is not allowed
@require_safe
def health(_request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers; it asks no other server."""
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return JsonResponse({"status": "healthy", "service": "ollive", "version": VERSION, "timestamp": now})


@csrf_exempt
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when every server it needs answers, else 503 with what is wrong in one word each.

    Operators, and keys with the scope `metrics` or `admin`, are told how telemetry fares too; that decides nothing.
    """
    checks = {name: _outcome(check) for name, check in CHECKS.items()}
    tables = _outcome(_migrations)
    is_ready = all(outcome == "ok" for outcome in (*checks.values(), tables))
    body: dict[str, Any] = {"status": "ready" if is_ready else "not ready", "checks": checks}
    if is_ready and _may_see_more(request):
        figures = accounting.figures()
        checks |= {
            "migrations": tables,
            "inbox": "late" if figures.is_late else "ok",
            "worker": "silent" if figures.is_worker_silent else "ok",
            "accounts": "ok" if figures.is_sound else "events are missing",
        }
        body["figures"] = {
            "inbox_events": figures.balance.pending,
            "inbox_oldest_seconds": round(figures.oldest_seconds, 3),
            "worker_heartbeat_seconds": figures.worker_silent_seconds,
            "dead_letters": figures.balance.dead,
            "spool_events": figures.spool.events,
            "spool_bytes": figures.spool.size_bytes,
            "spool_aside": figures.spool.aside,
            "events": asdict(figures.balance) | {"missing": figures.balance.missing},
        }
    return JsonResponse(body, status=200 if is_ready else 503)


def _may_see_more(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        bearer = api_keys.verify(token.strip(), datetime.now(UTC))
        return bearer is not None and bool(bearer.scopes & SCOPES)
    return bool(request.user.is_staff)


def _outcome(check: Callable[[], str]) -> str:
    try:
        return check()
    except (DatabaseError, redis.RedisError, OSError):
        return "unreachable"


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _redis() -> str:
    with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as client:
        client.ping()
    return "ok"


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    return "pending" if executor.migration_plan(executor.loader.graph.leaf_nodes()) else "ok"


CHECKS: dict[str, Callable[[], str]] = {"database": _database, "redis": _redis}
