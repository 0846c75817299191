"""Conversations for the operator: who, when, which model, how it ended. What was said is nobody's but the owner's."""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts import audit
from accounts.access import person
from accounts.audit import Action
from accounts.changelists import KeysetAdmin
from accounts.models import User, Workspace
from chat import deletion
from chat.models import Conversation, Message

PEOPLE_FOUND = 100


class MessageInline(admin.TabularInline[Message, Conversation]):
    """The messages of a conversation without their texts."""

    model = Message
    fields = ("role", "status", "model", "error_code", "prompt_tokens", "completion_tokens", "cost_usd", "created_at")
    readonly_fields = fields
    ordering = ("position",)
    extra = 0
    can_delete = False
    show_change_link = False

    def has_add_permission(self, request: HttpRequest, obj: Conversation | None = None) -> bool:
        return False


class UsedFilter(admin.SimpleListFilter):
    """When it was used last. Days back from now: the list goes by that time."""

    title, parameter_name = "last used", "used"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("1", "In the last day"), ("7", "In the last 7 days"), ("30", "In the last 30 days")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        days = self.value()
        if days not in {"1", "7", "30"}:
            return queryset
        return queryset.filter(updated_at__gte=timezone.now() - timedelta(days=int(days)))


@admin.register(Conversation)
class ConversationAdmin(KeysetAdmin):
    """Browse and delete; nothing is edited here, and nothing that was said is shown: no title, no text."""

    keyset = ("updated_at", "id")
    list_display = ("id", "owner_email", "workspace_name", "model", "message_count", "updated_at")
    list_filter = (UsedFilter,)
    search_fields = ("id",)
    search_help_text = "The whole id of a conversation or of a workspace, or a part of the owner's e-mail."
    fields = ("id", "owner", "workspace", "model", "created_at", "updated_at")
    readonly_fields = fields
    inlines = (MessageInline,)

    class Media:
        css: ClassVar = {"all": ("css/admin-telemetry.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        """The list needs few columns of wide rows."""
        found: QuerySet[Conversation] = super().get_queryset(request)
        return found.only("id", "owner_id", "workspace_id", "model", "created_at", "updated_at")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            asked = UUID(term)
        except ValueError:
            people = User.objects.filter(email__icontains=term).values_list("id", flat=True)[:PEOPLE_FOUND]
            return queryset.filter(owner_id__in=list(people)), False
        if Workspace.objects.filter(id=asked).exists():
            return queryset.filter(workspace_id=asked), False
        return queryset.filter(id=asked), False

    def annotate_page(self, rows: list[Any]) -> None:
        """The names and counts of a page's rows: a join or a count over the whole table would cost more than the page."""
        people = User.objects.in_bulk({chat.owner_id for chat in rows})
        workspaces = Workspace.objects.in_bulk({chat.workspace_id for chat in rows})
        counts = dict(
            Message.objects.filter(conversation_id__in=[chat.id for chat in rows])
            .values_list("conversation_id")
            .annotate(count=Count("id"))
        )
        for chat in rows:
            chat.owner_found, chat.workspace_found = people.get(chat.owner_id), workspaces.get(chat.workspace_id)
            chat.counted = counts.get(chat.id, 0)

    @admin.display(description="owner")
    def owner_email(self, chat: Any) -> str:
        return chat.owner_found.email if chat.owner_found else "–"

    @admin.display(description="workspace")
    def workspace_name(self, chat: Any) -> str:
        return chat.workspace_found.name if chat.workspace_found else "–"

    @admin.display(description="messages")
    def message_count(self, chat: Any) -> int:
        return int(chat.counted)

    # --- Deleting ---
    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """What goes is told by ids and counts: the admin's own tree names messages and files one by one."""
        ids = [chat.id for chat in objs]
        messages = Message.objects.filter(conversation_id__in=ids).count()
        return [f"conversation {chat_id}" for chat_id in ids], {"conversations": len(ids), "messages": messages}, set(), []

    def delete_model(self, request: HttpRequest, obj: Conversation) -> None:
        detail = {"where": "administration", "owner": str(obj.owner_id)}
        with transaction.atomic():
            conversation_id, workspace_id = obj.id, obj.workspace_id
            deletion.delete_now(obj)
            obj.id = conversation_id
            audit.note(
                Action.DATA_ERASED, person(request), now=timezone.now(), workspace=workspace_id, subject=obj, detail=detail
            )

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        for conversation in queryset:
            self.delete_model(request, conversation)
