"""Providers that people configured, beside those of the environment."""

import uuid
from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from accounts.encryption import EncryptedTextField
from accounts.models import Workspace


class Provider(models.Model):
    """How to reach one provider: for one workspace, or for all of them. Its name begins the paths of its models."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(
        Workspace,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="providers",
        help_text="Every workspace, if none.",
    )
    name = models.CharField(
        max_length=40,
        validators=[RegexValidator(r"^[a-z0-9][a-z0-9_-]*\Z", "Small letters, digits, - and _.")],
        help_text="The first part of its model paths: name/model.",
    )
    kind = models.CharField(max_length=40, help_text="What it is, as model paths call it: openai, anthropic, gemini, …")
    base_url = models.CharField("address", max_length=500, blank=True, help_text="Empty for the kind's own.")
    api_key = EncryptedTextField("key")
    model_names = models.JSONField(
        "models", default=list, blank=True, help_text="The models to offer; empty for those that are known."
    )
    options = models.JSONField(default=dict, blank=True, help_text="The kind's own fields, such as api_version.")
    is_trusted = models.BooleanField(
        "from a command", default=False, editable=False, help_text="Its address may lead into the private network."
    )
    is_enabled = models.BooleanField("enabled", default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workspace", "name"], name="one_provider_a_name", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return self.name
