"""Prompts that a person keeps, to be had by typing `/` and their name."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import Workspace


class Prompt(models.Model):
    """A text with `{{variables}}`, for its owner or for everybody in the workspace."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="prompts")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="prompts")
    name = models.CharField(max_length=60, help_text="What is typed after the slash.")
    body = models.TextField()
    is_shared = models.BooleanField(default=False)
    redaction_version = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workspace", "owner", "name"], name="one_prompt_a_name"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["workspace", "name", "id"], name="prompt_by_name"),
        ]

    def __str__(self) -> str:
        return f"/{self.name}"
