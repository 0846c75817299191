"""The steps around the calls, newest first: tools, agents, look-ups. What went into them and came out is content."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.changelists import SEPARATOR, KeysetAdmin, KeysetChangeList
from accounts.models import User, Workspace
from telemetry import payloads
from telemetry.admin.reveal import RevealingAdmin, is_revealed
from telemetry.exchange import as_json, with_chips
from telemetry.models import Span


class StepList(KeysetChangeList):
    """Links tell the time with the id: it says in which partition the row is, and the id alone has no index."""

    def url_for_result(self, result: Any) -> str:
        key = quote(f"{result.received_at.isoformat()}{SEPARATOR}{result.id}")
        return reverse("admin:telemetry_span_change", args=[key], current_app=self.model_admin.admin_site.name)


@admin.register(Span)
class SpanAdmin(RevealingAdmin, KeysetAdmin):
    """Read only: a step goes with its call, or when the log's time is over."""

    keyset = ("received_at", "id")
    list_display = ("received_at", "kind", "name", "status", "took", "workspace", "call", "trace_id")
    list_filter = ("received_at",)
    search_fields = ("trace_id",)
    search_help_text = "The whole id of a trace, of a call, or of a conversation."
    actions = None

    class Media:
        css: ClassVar = {"all": ("css/admin-telemetry.css",)}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return StepList

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        told = ["kind", "name", "status", "error_class", "error_code", "took", "started_at", "ended_at", "received_at"]
        links = ["call", "trace_id", "span_id", "parent_span_id", "session_id", "conversation_id", "id"]
        whose = ["workspace", "person", "end_user", "api_key_id", "source", "app", "version", "environment"]
        said = ["error_message", "attributes_json", "content"] if is_revealed(request) else []
        return [*told, *links, *whose, *said]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return self.get_fields(request, obj)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            asked = UUID(term)
        except ValueError:
            return queryset.filter(trace_id=term), False
        return queryset.filter(Q(inference_id=asked) | Q(conversation_id=asked) | Q(trace_id=term)), False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Span | None:
        at, _, identity = object_id.rpartition(SEPARATOR)
        try:
            found = Span.objects.filter(id=UUID(identity))
            if at:
                found = found.filter(received_at=datetime.fromisoformat(at))
        except ValueError:
            return None
        step = found.order_by("-received_at").first()
        if step:
            self.annotate_page([step])
        return step

    def annotate_page(self, rows: list[Any]) -> None:
        people = User.objects.in_bulk({step.user_id for step in rows if step.user_id})
        workspaces = Workspace.objects.in_bulk({step.workspace_id for step in rows})
        for step in rows:
            step.person_found = people.get(step.user_id)
            step.workspace_found = workspaces.get(step.workspace_id)

    @admin.display(description="took")
    def took(self, step: Span) -> str:
        return "–" if step.latency_ms is None else f"{step.latency_ms:,} ms"

    @admin.display(description="workspace")
    def workspace(self, step: Any) -> str:
        return str(step.workspace_found.name if step.workspace_found else step.workspace_id)

    @admin.display(description="user")
    def person(self, step: Any) -> str:
        return str(step.person_found.email if step.person_found else step.end_user or step.user_id or "–")

    @admin.display(description="call")
    def call(self, step: Span) -> SafeString | str:
        if step.inference_id is None:
            return "–"
        address = reverse("admin:telemetry_inferencelog_change", args=[step.inference_id])
        return format_html('<a href="{}">{}</a>', address, step.inference_id)

    @admin.display(description="attributes")
    def attributes_json(self, step: Span) -> SafeString | str:
        return "–" if step.attributes is None else format_html('<pre class="json">{}</pre>', with_chips(as_json(step.attributes)))

    @admin.display(description="in and out")
    def content(self, step: Span) -> SafeString:
        kept = payloads.shown_content_of(step) or {"arguments": step.arguments_preview, "result": step.result_preview}
        return format_html('<pre class="json">{}</pre>', with_chips(as_json(kept)))
