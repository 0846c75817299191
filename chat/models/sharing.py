"""Share links: what of a conversation may be read by whoever has the address."""

import hashlib
import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.encryption import EncryptedTextField
from accounts.models import Workspace
from chat.models.conversations import Conversation


class Share(models.Model):
    """A snapshot of one conversation's shown branch, as redacted as its messages. Revoking the link deletes the row.

    `messages` is a list of `{role, text, html, model, created_at, files, …}`: what a reader sees, and nothing else.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.OneToOneField(Conversation, on_delete=models.CASCADE, related_name="share")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="shares")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    token = EncryptedTextField(help_text="So that its owner can copy the address again.")
    title = models.CharField(max_length=500, blank=True)
    messages = models.JSONField(default=list)
    shows_models = models.BooleanField(default=True)
    shows_costs = models.BooleanField(default=False)
    shows_name = models.BooleanField(default=False)
    redaction_version = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    renderer_version = models.PositiveSmallIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["owner", "-updated_at", "-id"], name="share_listed")]

    def __str__(self) -> str:
        return f"shared: {self.title}"

    @staticmethod
    def hash_of(token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()
