"""Answers that are given again to whoever asks twice under one Idempotency-Key."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from accounts.encryption import EncryptedTextField
from accounts.models import ApiKey, User, Workspace


class StoredAnswer(models.Model):
    """What one API key was answered under one Idempotency-Key, or that the answer is being made.

    The answer is encrypted and not redacted, else a replay would differ: it goes after a day, and with its owner.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="+")
    key_sha256 = models.BinaryField(max_length=32)
    request_sha256 = models.BinaryField(max_length=32)
    claim = models.UUIDField()  # of the request that makes the answer
    lease_until = models.DateTimeField()  # kept ahead of the clock by the process that makes it
    answer = EncryptedTextField()
    ended_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["api_key", "key_sha256"], name="one_answer_a_key")]
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="answer_expiry")]

    def __str__(self) -> str:
        return f"an answer to {self.api_key_id}"
