"""Conversations and their messages. A reply's row carries the state of the run that writes it."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.encryption import EncryptedTextField
from accounts.models import Workspace


class Conversation(models.Model):
    """One person's thread with the models. Its id is made by the page, so that sending twice starts one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="conversations")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="conversations")
    title = models.CharField(max_length=500, blank=True)
    model = models.CharField(max_length=300, blank=True, help_text="The model path that was asked last.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)
    redaction_version = models.PositiveIntegerField(default=0, db_default=0, editable=False, help_text="Of the title.")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["owner", "-updated_at", "-id"], name="conversation_recent")]

    def __str__(self) -> str:
        return self.title or "New chat"


class Message(models.Model):
    """A person's prompt, or a model's reply with the state of its run.

    Texts are stored redacted. A reply moves from `streaming` to one of the other states by conditional UPDATE, once.
    """

    class Role(models.TextChoices):
        SYSTEM = "system"
        USER = "user"
        ASSISTANT = "assistant"

    class Status(models.TextChoices):
        STREAMING = "streaming"
        COMPLETE = "complete"
        CANCELED = "canceled"
        FAILED = "failed"
        INTERRUPTED = "interrupted"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, related_name="children")
    role = models.CharField(max_length=10, choices=Role.choices)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.COMPLETE)
    content = models.TextField(blank=True)
    html = models.TextField(blank=True, editable=False)
    redaction_version = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    renderer_version = models.PositiveSmallIntegerField(default=0, editable=False)
    position = models.BigIntegerField(default=0, editable=False, help_text="Grows along a conversation.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    # The run that writes this reply.
    run_id = models.UUIDField(null=True, blank=True, unique=True)
    slot = models.PositiveSmallIntegerField(default=0)
    runner = models.UUIDField(null=True, blank=True, help_text="The process that drives the run.")
    lease_until = models.DateTimeField(null=True, blank=True)
    stop_requested_at = models.DateTimeField(null=True, blank=True)
    streamed_seq = models.PositiveIntegerField(default=0, help_text="The last frame whose text is in `content`.")

    # The call behind it.
    model = models.CharField(max_length=300, blank=True)
    inference_id = models.UUIDField(null=True, blank=True)
    trace_id = models.CharField(max_length=32, blank=True)
    finish_reason = models.CharField(max_length=40, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    error = models.TextField(blank=True)
    is_retryable = models.BooleanField(default=False)
    prompt_tokens = models.PositiveIntegerField(null=True, blank=True)
    completion_tokens = models.PositiveIntegerField(null=True, blank=True)
    usage_source = models.CharField(max_length=10, blank=True)
    cost_usd = models.DecimalField(max_digits=18, decimal_places=10, null=True, blank=True)
    ttft_ms = models.PositiveIntegerField(null=True, blank=True)
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    omitted_count = models.PositiveIntegerField(default=0, help_text="Older messages that did not fit the model's window.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["conversation", "slot"],
                condition=models.Q(status="streaming"),
                name="one_run_a_slot",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["conversation", "position"], name="message_in_order"),
            models.Index(fields=["lease_until"], condition=models.Q(status="streaming"), name="message_lease"),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.content[:60]}"


class Original(models.Model):
    """What was removed from a message: for its owner's eyes, encrypted, until it expires.

    `sealed` is JSON: `{"values": {placeholder: value}}` where the model got placeholders, `{"text": …}` where the vault keeps the
    text as it was. Once it has expired it is NULL, and the row says only that there was something.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="original")
    sealed = EncryptedTextField()
    expires_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["expires_at"], condition=models.Q(sealed__isnull=False), name="original_to_expire"),
        ]

    def __str__(self) -> str:
        return f"what was removed from {self.message_id}"
