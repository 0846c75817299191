"""The same reads as people make them: whole pages through Django, of an owner's pages and of the operator's desk."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

if TYPE_CHECKING:
    from django.test import Client

    from telemetry.models import InferenceLog

TARGETS = {"overview": 300, "log list": 150, "log search": 500, "admin": 300}  # ms at p95, with 10 million rows
EMAIL = "bench@example.com"


def pages(
    workspace: UUID, by_key: "InferenceLog", by_chat: "InferenceLog", now: datetime
) -> list[tuple[str, str, Callable[[], int]]]:
    """Kind, name, and the read itself; it returns how many bytes the page has."""
    client = _client(workspace)
    addresses = [*_of_owner(now), *_of_operator(workspace, by_key, by_chat, now)]
    return [(kind, name, _get(client, address)) for kind, name, address in addresses]


def _get(client: "Client", address: str) -> Callable[[], int]:
    def read() -> int:
        answer = client.get(address)
        if answer.status_code != 200:
            raise RuntimeError(f"{address} answered {answer.status_code}")
        return len(answer.content)

    return read


def _client(workspace: UUID) -> "Client":
    """Somebody who owns the workspace and runs the installation."""
    from django.conf import settings
    from django.test import Client

    from accounts.models import Membership, User

    # Files are named as they lie: none was collected for a benchmark.
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    person, _ = User.objects.get_or_create(email=EMAIL, defaults={"name": "Bench", "is_staff": True, "is_superuser": True})
    Membership.objects.update_or_create(user=person, workspace_id=workspace, defaults={"role": Membership.Role.OWNER})
    client = Client(headers={"host": "localhost"})
    client.force_login(person)
    return client


def _of_owner(now: datetime) -> list[tuple[str, str, str]]:
    from django.urls import reverse

    def period(days: int, **more: Any) -> str:
        return urlencode({"since": (now - timedelta(days=days)).isoformat(), "until": now.isoformat()} | more)

    overview, logs = reverse("overview"), reverse("logs")
    lists: dict[str, dict[str, str]] = {
        "no filter": {},
        "errors": {"status": "error"},
        "rare class and model": {"status": "error", "error_class": "authentication", "model": "in-house-preview"},
        "tag": {"tags": "vip"},
        "end user": {"end_user": "customer-0042"},
        "latency from 20 s": {"min_latency_ms": "20000"},
    }
    searches = {"common word": "measure", "rare word": "ref0421", "no hit": "nosuchwordanywhere"}
    return [
        ("overview", "24 hours", f"{overview}?{period(1)}"),
        ("overview", "30 days", f"{overview}?{period(30)}"),
        ("overview", "30 days by model, compared", f"{overview}?{period(30, group_by='model', compare='previous')}"),
        ("overview", "30 days of a provider", f"{overview}?{period(30, provider='openai')}"),
        ("overview", "product analytics", reverse("analytics")),
        *(("log list", name, f"{logs}?{urlencode(query)}") for name, query in lists.items()),
        *(("log search", name, f"{logs}?{urlencode({'q': typed})}") for name, typed in searches.items()),
    ]


def _of_operator(workspace: UUID, by_key: "InferenceLog", by_chat: "InferenceLog", now: datetime) -> list[tuple[str, str, str]]:
    from django.urls import reverse

    calls = reverse("admin:telemetry_inferencelog_changelist")
    middle = f"{by_key.received_at.isoformat()}~{by_key.id}"
    queries: dict[str, dict[str, str]] = {
        "calls": {},
        "calls from the middle": {"before": middle},
        "calls of a workspace": {"workspace_id": str(workspace)},
        "calls, errors": {"status__exact": "error"},
        "calls, interrupted": {"status__exact": "interrupted"},
        "calls, errors of a rare model": {"status__exact": "error", "model": "in-house-preview"},
        "calls, errors of a rare model, a source": {
            "status__exact": "interrupted",
            "model": "in-house-preview",
            "source__exact": "litellm",
        },
        "calls, one day": {
            "received_at__gte": (now - timedelta(days=15)).isoformat(),
            "received_at__lt": (now - timedelta(days=14)).isoformat(),
        },
        "calls, by id": {"q": str(by_key.id)},
        "calls, by trace": {"q": str(by_key.trace_id)},
        "calls, by model": {"q": "in-house"},
        "calls, by person": {"q": "demo-001-"},
        "calls, by a person who called little": {"q": "demo-231-"},
        "calls, no hit": {"q": "nobody-is-called-that"},
    }
    others = ("span", "score", "inboxevent", "deadletter")
    return [
        *(("admin", name, f"{calls}?{urlencode(query)}") for name, query in queries.items()),
        ("admin", "one call", reverse("admin:telemetry_inferencelog_change", args=[by_chat.id])),
        *(("admin", name, reverse(f"admin:telemetry_{name}_changelist")) for name in others),
        ("admin", "scores of a call", f"{reverse('admin:telemetry_score_changelist')}?q={by_key.id}"),
        ("admin", "steps of a call", f"{reverse('admin:telemetry_span_changelist')}?q={by_key.id}"),
        ("admin", "conversations", reverse("admin:chat_conversation_changelist")),
        ("admin", "audit log", reverse("admin:accounts_auditentry_changelist")),
        ("admin", "charts, 24 hours", reverse("admin:telemetry_charts")),
        ("admin", "charts, 30 days", f"{reverse('admin:telemetry_charts')}?period=30d"),
        ("admin", "accounting", reverse("admin:telemetry_accounting")),
    ]
