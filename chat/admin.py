"""Conversations for the operator: who, when, which model, how it ended. What was said is nobody's but the owner's."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from chat import deletion
from chat.models import Conversation, Message


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


@admin.register(Conversation)
class ConversationAdmin(admin.ModelAdmin[Conversation]):
    """Browse and delete; nothing is edited here."""

    list_display = ("id", "owner", "workspace", "model", "message_count", "updated_at")
    list_filter = ("workspace", "updated_at")
    list_select_related = ("owner", "workspace")
    search_fields = ("id", "owner__email", "model")
    search_help_text = "An id, the owner's e-mail, or a model."
    ordering = ("-updated_at", "-id")
    fields = ("id", "owner", "workspace", "model", "created_at", "updated_at")
    readonly_fields = fields
    inlines = (MessageInline,)
    show_full_result_count = False
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        return super().get_queryset(request).annotate(message_count=Count("messages"))

    @admin.display(description="messages", ordering="message_count")
    def message_count(self, conversation: Any) -> int:
        return int(conversation.message_count)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: Conversation) -> None:
        deletion.delete(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        for conversation in queryset:
            deletion.delete(conversation)
