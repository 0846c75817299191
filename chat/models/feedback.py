"""What programs report of their users' opinions: one row a report, as it was sent."""

import uuid
from typing import ClassVar

from django.db import models
from django.utils import timezone

from chat.models.conversations import Conversation
from chat.models.messages import Message


class Feedback(models.Model):
    """One report on a conversation, or on one message of it. Its numbers are scores of telemetry's too, and outlive this row."""

    class Kind(models.TextChoices):
        THUMBS_UP = "thumbs_up"
        THUMBS_DOWN = "thumbs_down"
        FLAG = "flag"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="feedback")
    message = models.ForeignKey(Message, on_delete=models.CASCADE, null=True, blank=True, related_name="feedback")
    end_user = models.CharField(max_length=255, blank=True, help_text="The program's own label for whoever thinks so.")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    rating = models.PositiveSmallIntegerField(null=True, blank=True)
    comment = models.TextField(blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    redaction_version = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["conversation", "created_at"], name="feedback_in_order")]

    def __str__(self) -> str:
        return f"{self.kind} for {self.message_id or self.conversation_id}"
