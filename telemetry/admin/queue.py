"""What waits, what died, and who works: the accounts of telemetry at a glance."""

from functools import partial
from typing import Any, ClassVar

import orjson
from django.contrib import admin, messages
from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied
from django.db.models import ExpressionWrapper, F, QuerySet, fields
from django.db.models.functions import Now
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.changelists import KeysetAdmin
from telemetry import accounting, dead_letters, tallies
from telemetry.admin.reveal import RevealingAdmin, is_revealed
from telemetry.exchange import as_json, with_chips
from telemetry.models import DeadLetter, InboxEvent, Process


def accounting_page(request: HttpRequest, site: admin.AdminSite) -> TemplateResponse:
    """The accounts and all that waits, as of now; the page asks for itself again every few seconds."""
    if not request.user.has_perm("telemetry.view_inboxevent"):
        raise PermissionDenied
    context = {**site.each_context(request), "title": "Accounting", "figures": accounting.figures(), "now": timezone.now()}
    return TemplateResponse(request, "admin/telemetry/accounting.html", context)


class QueueAdmin(RevealingAdmin, KeysetAdmin):
    """A list of events with the accounts above it. An event's words, and an error in which they may be, are revealed."""

    change_list_template = "admin/telemetry/queue_list.html"

    search_fields = ("event_id",)
    search_help_text = "The beginning of an inference id."

    class Media:
        css: ClassVar = {"all": ("css/admin-telemetry.css",)}

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        names = [field.name for field in self.model._meta.fields if field.name not in {"body", "error"}]
        return [*names, "error", "content"] if is_revealed(request) else [*names, "trouble"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return self.get_fields(request, obj)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (queryset.filter(event_id__startswith=term) if term else queryset), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {**(extra_context or {}), "balance": tallies.balance()})

    @admin.display(description="error")
    def trouble(self, event: InboxEvent | DeadLetter) -> str:
        """Its kind alone."""
        return (event.error or "–").partition(":")[0]

    @admin.display(description="what it says")
    def content(self, event: InboxEvent | DeadLetter) -> SafeString:
        try:
            shown = as_json(orjson.loads(event.body))
        except orjson.JSONDecodeError:
            shown = event.body
        return format_html('<pre class="json">{}</pre>', with_chips(shown))


@admin.register(InboxEvent)
class InboxAdmin(QueueAdmin):
    """Read-only: the digest alone takes from the inbox."""

    list_display = ("event_id", "received_at", "attempt_count", "available_at", "trouble")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(partial(accounting_page, site=self.admin_site))
        return [path("accounting/", view, name="telemetry_accounting"), *super().get_urls()]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(DeadLetter)
class DeadLetterAdmin(QueueAdmin):
    """Events to try again once their cause is mended, or to give up."""

    list_display = ("event_id", "died_at", "attempt_count", "trouble")
    actions = ("retry",)

    @admin.action(description="Try the selected dead letters again", permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        count = dead_letters.retry(list(queryset.values_list("id", flat=True)))
        self.message_user(
            request, f"{count} {'event waits' if count == 1 else 'events wait'} in the inbox again.", messages.SUCCESS
        )

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"telemetry.{get_permission_codename('retry', self.opts)}")

    def delete_model(self, request: HttpRequest, obj: DeadLetter) -> None:
        dead_letters.discard([obj.id])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        dead_letters.discard(list(queryset.values_list("id", flat=True)))


@admin.register(Process)
class ProcessAdmin(admin.ModelAdmin[Process]):
    """Heartbeats, the most recent first."""

    list_display = ("kind", "pid", "host", "is_alive", "beat_at", "started_at")
    list_filter = ("kind",)
    ordering = ("-beat_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Process]:
        silence = ExpressionWrapper(Now() - F("beat_at"), output_field=fields.DurationField())
        return super().get_queryset(request).annotate(silence=silence)

    @admin.display(description="alive", boolean=True)
    def is_alive(self, process: Any) -> bool:
        return bool(process.silence.total_seconds() < accounting.SILENT_AFTER_SECONDS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Process | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Process | None = None) -> bool:
        return False
