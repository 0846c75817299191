"""The keys that people's programs come with."""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from accounts.models.limits import Limited
from accounts.models.people import User, Workspace


class ApiKey(Limited):
    """What a program shows instead of a person's session. Only its fingerprint is stored; it belongs to one workspace."""

    class Payloads(models.TextChoices):
        FULL = "full"
        PREVIEW = "preview"
        NONE = "none"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="api_keys")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    token_sha256 = models.CharField(max_length=64, unique=True)
    last_four = models.CharField(max_length=4)
    scopes = ArrayField(models.CharField(max_length=20))
    payloads = models.CharField(
        "keeps of a call", max_length=10, choices=Payloads, blank=True, help_text="Empty: as the installation says."
    )
    allowed_models = ArrayField(
        models.CharField(max_length=300),
        default=list,
        blank=True,
        help_text="Paths, short names, or such as openai/*. Any model, if empty.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the minute.")
    revoked_at = models.DateTimeField(null=True, blank=True)
    # The token before the last rotation, for as long as programs need to change over.
    previous_sha256 = models.CharField(max_length=64, unique=True, null=True, editable=False)  # noqa: DJ001 - unique, where it is
    previous_last_four = models.CharField(max_length=4, blank=True, default="", editable=False)
    previous_expires_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = "API key"
        indexes: ClassVar = [models.Index(fields=["workspace", "-created_at", "-id"], name="keys_of_workspace")]

    def __str__(self) -> str:
        return f"{self.name} (…{self.last_four})"
