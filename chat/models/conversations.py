"""Conversations: one person's threads with the models."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import Workspace


class Conversation(models.Model):
    """One person's thread with the models. Its id is made by the page, so that sending twice starts one."""

    class TitleSource(models.TextChoices):
        PROMPT = "prompt", "first words"
        MODEL = "model"
        PERSON = "person"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="conversations")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="conversations")
    title = models.CharField(max_length=500, blank=True)
    title_source = models.CharField(max_length=6, choices=TitleSource.choices, default=TitleSource.PROMPT)
    title_asked_at = models.DateTimeField(null=True, editable=False, help_text="When a model was asked for a title: once.")
    model = models.CharField(max_length=300, blank=True, help_text="The model path that was asked last.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)
    system_prompt = models.TextField(blank=True)
    parameters = models.JSONField(default=dict, blank=True, help_text="What models are asked with: temperature, max_tokens, …")
    tools = models.JSONField(default=list, blank=True, help_text="The names of the tools that models may use in this chat.")
    active_leaf = models.ForeignKey(
        "chat.Message",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="The end of the branch that is shown; the one that was written last, if none.",
    )
    is_temporary = models.BooleanField(default=False, help_text="Not listed, not kept; the log keeps its metadata alone.")
    pinned_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True, help_text="It can be had back until it is purged.")
    redaction_version = models.PositiveIntegerField(default=0, db_default=0, editable=False, help_text="Of the title.")

    # What programs keep with it.
    end_user = models.CharField(
        max_length=255, blank=True, db_default="", help_text="The program's own label for its user; never an access right."
    )
    end_user_hash = models.CharField(max_length=32, blank=True, db_default="", editable=False, help_text="Found by, as sent.")
    metadata = models.JSONField(default=dict, blank=True, db_default={})

    class Meta:
        indexes: ClassVar = [
            models.Index(
                models.F("owner"),
                models.F("pinned_at").desc(nulls_last=True),
                models.F("updated_at").desc(),
                models.F("id").desc(),
                condition=models.Q(archived_at=None, deleted_at=None, is_temporary=False),
                name="conversation_listed",
            ),
            models.Index(
                fields=["owner", "-archived_at", "-id"],
                condition=models.Q(archived_at__isnull=False, deleted_at=None, is_temporary=False),
                name="conversation_archived",
            ),
            models.Index(
                fields=["owner", "workspace", "-updated_at", "-id"],
                condition=models.Q(deleted_at=None, is_temporary=False),
                name="conversation_used",
            ),
            models.Index(
                fields=["owner", "end_user_hash", "-updated_at", "-id"],
                condition=~models.Q(end_user_hash=""),
                name="conversation_of_end_user",
            ),
            models.Index(fields=["deleted_at"], condition=models.Q(deleted_at__isnull=False), name="conversation_deleted"),
            models.Index(fields=["updated_at"], condition=models.Q(is_temporary=True), name="conversation_temporary"),
        ]

    def __str__(self) -> str:
        return f"conversation {self.id}"  # never the title, which is content: operators see this

    @property
    def shown_title(self) -> str:
        """What its owner's pages call it."""
        return self.title or ("Temporary chat" if self.is_temporary else "New chat")

    @property
    def has_own_settings(self) -> bool:
        """Whether models are asked otherwise here than the installation has it."""
        return bool(self.system_prompt or self.parameters)
