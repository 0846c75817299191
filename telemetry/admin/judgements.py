"""What people and programs think of calls, newest first. Comments are content."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.changelists import KeysetAdmin
from accounts.models import User, Workspace
from telemetry.admin.reveal import RevealingAdmin, is_revealed
from telemetry.exchange import with_chips
from telemetry.models import Score


@admin.register(Score)
class ScoreAdmin(RevealingAdmin, KeysetAdmin):
    """Read only: people take their judgements back themselves, and erasing a call or a person takes theirs."""

    keyset = ("id",)  # ids grow with the time
    list_display = ("created_at", "name", "judged", "source", "person", "workspace", "call")
    list_filter = ("source", "kind")
    search_fields = ("id",)
    search_help_text = "The whole id of a call, a conversation, or who judged; or a person's e-mail."

    class Media:
        css: ClassVar = {"all": ("css/admin-telemetry.css",)}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        told = ["name", "kind", "judged", "source", "person", "workspace", "call", "trace_id", "conversation_id", "message_id"]
        return [*told, "created_at", "updated_at", *(["said"] if is_revealed(request) else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return self.get_fields(request, obj)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            asked = UUID(term)
        except ValueError:
            people = User.objects.filter(email__iexact=term).values_list("id", flat=True)
            return queryset.filter(user_id__in=list(people)), False
        return queryset.filter(Q(inference_id=asked) | Q(conversation_id=asked) | Q(user_id=asked) | Q(id=asked)), False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found:
            self.annotate_page([found])
        return found

    def annotate_page(self, rows: list[Any]) -> None:
        people = User.objects.in_bulk({score.user_id for score in rows if score.user_id})
        workspaces = Workspace.objects.in_bulk({score.workspace_id for score in rows})
        for score in rows:
            score.person_found = people.get(score.user_id)
            score.workspace_found = workspaces.get(score.workspace_id)

    @admin.display(description="judged")
    def judged(self, score: Score) -> str:
        """The number, the yes or no, or the word: never the text."""
        if score.kind == Score.Kind.TEXT:
            return "in words"
        if score.kind == Score.Kind.BOOLEAN:
            return "yes" if score.value else "no"
        return score.label or ("–" if score.value is None else f"{score.value:g}")

    @admin.display(description="by")
    def person(self, score: Any) -> str:
        return str(score.person_found.email if score.person_found else score.user_id or "a program")

    @admin.display(description="workspace")
    def workspace(self, score: Any) -> str:
        return str(score.workspace_found.name if score.workspace_found else score.workspace_id)

    @admin.display(description="call")
    def call(self, score: Score) -> SafeString | str:
        if score.inference_id is None:
            return "–"
        address = reverse("admin:telemetry_inferencelog_change", args=[score.inference_id])
        return format_html('<a href="{}">{}</a>', address, score.inference_id)

    @admin.display(description="in words")
    def said(self, score: Score) -> SafeString | str:
        return with_chips(score.comment) if score.comment else "–"
