"""Is the process alive, and can it serve? `/health` answers the first, `/ready` the second."""

from collections.abc import Callable
from datetime import UTC, datetime

import redis
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

VERSION = "0.1.0"


@require_safe
def health(_request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers; it asks no other server."""
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return JsonResponse({"status": "healthy", "service": "ollive", "version": VERSION, "timestamp": now})


@require_safe
def ready(_request: HttpRequest) -> JsonResponse:
    """200 when every server it needs answers, else 503 with what is wrong in one word each."""
    checks = {name: _outcome(check) for name, check in CHECKS.items()}
    is_ready = all(outcome == "ok" for outcome in checks.values())
    return JsonResponse(
        {"status": "ready" if is_ready else "not ready", "checks": checks},
        status=200 if is_ready else 503,
    )


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


CHECKS: dict[str, Callable[[], str]] = {"database": _database, "redis": _redis, "migrations": _migrations}
