"""Messages: a tree by `parent` within a conversation."""

import uuid
from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.encryption import EncryptedTextField
from chat.models.conversations import Conversation


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

    compare_id = models.UUIDField(null=True, blank=True, help_text="The replies that were asked for side by side share it.")
    shown_at = models.DateTimeField(null=True, blank=True, help_text="When the branch that ends here was left for another.")
    continues = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="The broken reply that this goes on with.",
    )
    continued_length = models.PositiveIntegerField(default=0, help_text="Characters at the start that the broken reply had.")

    # What came before and beside the text.
    reasoning = models.TextField(blank=True)
    reasoning_html = models.TextField(blank=True, editable=False)
    reasoning_ms = models.PositiveIntegerField(null=True, blank=True)
    reasoning_effort = models.CharField(max_length=10, blank=True)

    # The call behind it.
    model = models.CharField(max_length=300, blank=True)
    served_model = models.CharField(max_length=300, blank=True, help_text="As the provider calls what answered.")
    inference_id = models.UUIDField(null=True, blank=True)
    trace_id = models.CharField(max_length=32, blank=True)
    finish_reason = models.CharField(max_length=40, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    error = models.TextField(blank=True)
    prompt_tokens = models.PositiveIntegerField(null=True, blank=True)
    completion_tokens = models.PositiveIntegerField(null=True, blank=True)
    cached_tokens = models.PositiveIntegerField(null=True, blank=True, help_text="Of the prompt's, read from a cache.")
    reasoning_tokens = models.PositiveIntegerField(null=True, blank=True, help_text="Of the completion's.")
    usage_source = models.CharField(max_length=10, blank=True)
    cost_usd = models.DecimalField(max_digits=18, decimal_places=10, null=True, blank=True)
    ttft_ms = models.PositiveIntegerField(null=True, blank=True)
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    omitted_count = models.PositiveIntegerField(default=0, help_text="Older messages that did not fit the model's window.")
    span_id = models.CharField(max_length=16, blank=True, db_default="")

    # What a program sent with it.
    asked_provider = models.CharField(max_length=50, blank=True, db_default="", help_text="As it was sent.")
    asked_model = models.CharField(max_length=300, blank=True, db_default="", help_text="As it was sent.")
    metadata = models.JSONField(default=dict, blank=True, db_default={})

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
        return f"{self.role} {self.id}"  # never the text: operators see this

    @property
    def can_continue(self) -> bool:
        """Whether this reply broke off after its beginning."""
        if self.role != self.Role.ASSISTANT or not self.content or self.status == self.Status.STREAMING:
            return False
        return self.status != self.Status.COMPLETE or self.finish_reason in ("length", "max_tokens")


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
