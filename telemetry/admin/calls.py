"""The log of calls: found by what is indexed, read with what was said, deleted with all that belongs to it."""

import re
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts import audit
from accounts.access import person
from accounts.audit import Action
from accounts.changelists import KeysetAdmin
from accounts.models import User, Workspace
from telemetry import erasure, payloads, pricing, queries, scores
from telemetry.admin.charts import charts_page
from telemetry.admin.reveal import RevealingAdmin, is_revealed
from telemetry.exchange import as_json, exchange, with_chips
from telemetry.models import InferenceLog, Score

PEOPLE_FOUND = WORKSPACES_OFFERED = 100
IDS_NOTED = 20
TRACE = re.compile(r"[0-9a-f]{32}")
PREVIEWS = ("input_preview", "output_preview")


class ValueFilter(admin.SimpleListFilter):
    """Offers the values that the log holds, read from the index."""

    column: ClassVar[queries.Column]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, value) for value in queries.distinct_values(self.column)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.column: self.value()}) if self.value() else queryset


class ProviderFilter(ValueFilter):
    title = parameter_name = column = "provider"


class ModelFilter(ValueFilter):
    title = parameter_name = column = "model"


class WorkspaceFilter(admin.SimpleListFilter):
    """The first hundred by name: the log's own key begins with the workspace."""

    title, parameter_name = "workspace", "workspace_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        found = Workspace.objects.order_by("name", "id").values_list("id", "name")[:WORKSPACES_OFFERED]
        return [(str(workspace_id), name) for workspace_id, name in found]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        try:
            return queryset.filter(workspace_id=UUID(self.value() or ""))
        except ValueError:
            return queryset


@admin.register(InferenceLog)
class InferenceLogAdmin(RevealingAdmin, KeysetAdmin):
    """Metadata for whoever may view the log; what was said in a call for those with `view_content`, when they ask."""

    keyset = ("received_at", "id")
    list_display = ("received", "state", "model_path", "tokens", "cost", "duration", "person", "source")
    list_filter = (WorkspaceFilter, "status", ProviderFilter, ModelFilter, "source", "received_at")
    search_fields = ("id",)
    search_help_text = "An inference, trace or conversation id, a model, or a person's e-mail."

    class Media:
        css: ClassVar = {"all": ("css/admin-telemetry.css",)}

    change_list_template = "admin/telemetry/calls.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(partial(charts_page, site=self.admin_site))
        return [path("charts/", view, name="telemetry_charts"), *super().get_urls()]

    # --- Who may what ---
    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        said = (("What was said", {"fields": ("said",)}),) if is_revealed(request) else ()
        return (
            (None, {"fields": ("state", "model_path", "ending", "tokens", "cost", "speed")}),
            *said,
            ("Who", {"fields": ("person", "workspace", "end_user", "api_key_id", "source", "app", "version", "environment")}),
            (
                "Model",
                {"fields": ("requested_model", "provider", "model", "served_model", "operation", "parameters_json", "attempt")},
            ),
            ("Usage", {"fields": ("usage_source", "usage_json", "price", "reported_cost_usd", "delivered_tokens")}),
            ("Times", {"fields": ("times",)}),
            ("What is thought of it", {"fields": ("scores",)}),
            (
                "Links",
                {"fields": ("id", "trace_id", "span_id", "parent_span_id", "session_id", "conversation_id", "message_id")},
            ),
            ("Kept with it", {"fields": ("tags", "metadata_json", "raw_payload_uri", "cut_fields", "redaction_version")}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [name for _, fieldset in self.get_fieldsets(request, obj) for name in fieldset["fields"]]

    # --- Finding ---
    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        """Only by what has an index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            found = Q(id=UUID(term)) | Q(conversation_id=UUID(term)) | Q(trace_id=term)
        except ValueError:
            found = self._told_by_name(term)
        return queryset.filter(found), False

    def _told_by_name(self, term: str) -> Q:
        """One thing that the term can mean, never several at once: then the list is walked by that thing's own index."""
        if TRACE.fullmatch(term):
            return Q(trace_id=term)
        if models := [name for name in queries.distinct_values("model") if term.lower() in name.lower()]:
            return Q(model__in=models)
        if people := list(User.objects.filter(email__icontains=term).values_list("id", flat=True)[:PEOPLE_FOUND]):
            return Q(user_id__in=people)
        return Q(trace_id=term)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> InferenceLog | None:
        """Two workspaces may have been told of the same call: the newest is shown."""
        try:
            call = InferenceLog.objects.filter(id=UUID(object_id)).order_by("-received_at").first()
        except ValueError:
            return None
        if call:
            self.annotate_page([call])
            call.is_revealed = is_revealed(request)  # type: ignore[attr-defined]
        return call

    def annotate_page(self, rows: list[Any]) -> None:
        people = User.objects.in_bulk({call.user_id for call in rows if call.user_id})
        workspaces = Workspace.objects.in_bulk({call.workspace_id for call in rows})
        for call in rows:
            call.person_found = people.get(call.user_id)
            call.workspace_found = workspaces.get(call.workspace_id)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {**(extra_context or {}), "estimate": queries.estimated_row_count()})

    # --- Deleting ---
    def delete_model(self, request: HttpRequest, obj: InferenceLog) -> None:
        _erase([obj], request)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[InferenceLog]) -> None:
        _erase(list(queryset), request)

    # --- Columns ---
    @admin.display(description="received")
    def received(self, call: InferenceLog) -> str:
        return f"{call.received_at:%b %d, %H:%M:%S}"

    @admin.display(description="status")
    def state(self, call: InferenceLog) -> SafeString:
        return format_html('<span class="state {}">{}</span>', call.status, call.get_status_display())

    @admin.display(description="model")
    def model_path(self, call: InferenceLog) -> str:
        return "/".join(part for part in (call.provider, call.model) if part) or "–"

    @admin.display(description="user")
    def person(self, call: Any) -> str:
        return str(call.person_found.email if call.person_found else call.end_user or call.user_id or "–")

    @admin.display(description="workspace")
    def workspace(self, call: Any) -> str:
        return str(call.workspace_found.name if call.workspace_found else call.workspace_id)

    @admin.display(description="tokens")
    def tokens(self, call: InferenceLog) -> str:
        if call.total_tokens is None:
            return "–"
        return f"{'~' if call.is_estimated else ''}{call.prompt_tokens or 0:,} + {call.completion_tokens or 0:,}"

    @admin.display(description="cost")
    def cost(self, call: InferenceLog) -> str:
        if call.cost_usd is None:
            return "unknown"
        return f"{'~' if call.is_estimated and call.cost_usd else ''}${_money(call.cost_usd)}"

    @admin.display(description="time, first token")
    def duration(self, call: InferenceLog) -> str:
        return f"{_duration(call.latency_ms)}, {_duration(call.ttft_ms)}"

    @admin.display(description="time")
    def speed(self, call: InferenceLog) -> str:
        rate = f", {call.tokens_per_second:.1f} tokens/s" if call.tokens_per_second else ""
        return f"{_duration(call.latency_ms)}, first token after {_duration(call.ttft_ms)}{rate}"

    @admin.display(description="ended with")
    def ending(self, call: Any) -> SafeString | str:
        """A message of an error may quote what was said."""
        message = call.error_message if call.is_revealed else None
        told = [part for part in (call.error_class, call.error_code, message) if part]
        return with_chips(" · ".join(told)) if told else call.finish_reason or "–"

    @admin.display(description="times (UTC)")
    def times(self, call: InferenceLog) -> SafeString:
        named = [
            ("received", call.received_at),
            ("started", call.started_at),
            ("first token", call.first_token_at),
            ("ended", call.ended_at),
        ]
        rows = [(name, f"{at:%Y-%m-%d %H:%M:%S.%f}"[:-3]) for name, at in named if at]
        return format_html_join("", '<div>{} <span class="moment">{}</span></div>', rows)

    @admin.display(description="price")
    def price(self, call: InferenceLog) -> str:
        if call.price_id is None:
            return "not known"
        rates = pricing.rates(call.provider or "", call.served_model or call.model or "", call.started_at or call.received_at)
        return f"{call.price_id} ({rates.source})" if rates and rates.id == call.price_id else call.price_id

    @admin.display(description="scores")
    def scores(self, call: InferenceLog) -> SafeString | str:
        rows = [(score.name, _judged(score), score.get_source_display().lower()) for score in self._scores_of(call)]
        return format_html_join("", '<div>{}: {} <span class="moment">by {}</span></div>', rows) if rows else "–"

    def _scores_of(self, call: Any) -> list[Score]:
        """Comments are content: until it is revealed, only the numbers are there."""
        return [score for score in scores.of_call(call.workspace_id, call.id) if call.is_revealed or not score.comment]

    @admin.display(description="parameters")
    def parameters_json(self, call: InferenceLog) -> SafeString | str:
        return _json_block(call.parameters)

    @admin.display(description="usage as the provider told it")
    def usage_json(self, call: InferenceLog) -> SafeString | str:
        return _json_block(call.usage)

    @admin.display(description="metadata")
    def metadata_json(self, call: InferenceLog) -> SafeString | str:
        return _json_block(call.metadata)

    @admin.display(description="exchange")
    def said(self, call: InferenceLog) -> SafeString:
        previews = [with_chips(getattr(call, name) or "") for name in PREVIEWS]
        shown = {"exchange": exchange(payloads.shown_content_of(call)), "previews": previews}
        return render_to_string("admin/telemetry/_exchange.html", shown)


def _erase(calls: list[InferenceLog], request: HttpRequest) -> None:
    """Delete calls with all that belongs to them, and tell each workspace's audit log."""
    by_workspace: dict[UUID, list[InferenceLog]] = {}
    for call in calls:
        by_workspace.setdefault(call.workspace_id, []).append(call)
    with transaction.atomic():
        erasure.erase_calls(calls)
        for workspace_id, erased in sorted(by_workspace.items()):
            ids = [str(call.id) for call in erased[:IDS_NOTED]]
            detail = {"where": "administration", "call_count": len(erased), "calls": ids}
            audit.note(Action.DATA_ERASED, person(request), now=timezone.now(), workspace=workspace_id, detail=detail)


def _judged(score: Score) -> SafeString | str:
    if score.kind == Score.Kind.BOOLEAN:
        return "up" if score.value else "down"
    return with_chips(score.comment) if score.comment else score.label or f"{score.value:g}"


def _duration(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "–"
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{timedelta(milliseconds=milliseconds).total_seconds():.1f} s"


def _money(amount: Decimal) -> str:
    """Enough digits to tell small costs apart."""
    return (
        f"{amount:.2f}"
        if amount >= 1 or not amount
        else f"{amount:.6f}".rstrip("0")
        if amount >= Decimal("0.000001")
        else f"{amount:.2e}"
    )


def _json_block(value: Any) -> SafeString | str:
    return "–" if value is None else format_html('<pre class="json">{}</pre>', with_chips(as_json(value)))
