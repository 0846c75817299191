"""Providers that people configured, beside those of the environment."""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone

from accounts.encryption import EncryptedTextField
from accounts.models import User, Workspace


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
    # `host:port` of an address in the private network, which an owner must allow before it is connected to.
    private_host = models.CharField(max_length=300, blank=True, editable=False)
    allowed_at = models.DateTimeField(null=True, editable=False)
    tested_at = models.DateTimeField(null=True, editable=False)
    test_result = models.JSONField(default=dict, editable=False)  # is_ok, says
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workspace", "name"], name="one_provider_a_name", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_waiting(self) -> bool:
        """Whether an owner has yet to allow its address."""
        return bool(self.private_host) and self.allowed_at is None


class ModelChoices(models.Model):
    """What a workspace begins with, and which of the providers that it was given it does not use."""

    class Typing(models.TextChoices):
        EVERYONE = "everyone", "Everyone"
        ADMINS = "admins", "Owners and admins"

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, primary_key=True, related_name="model_choices")
    default_path = models.CharField(max_length=300, blank=True)
    default_provider = models.CharField(max_length=40, blank=True)
    title_path = models.CharField(max_length=300, blank=True)
    switched_off = ArrayField(models.CharField(max_length=40), default=list)  # providers of the installation, by name
    who_may_type = models.CharField(max_length=10, choices=Typing, default=Typing.EVERYONE)

    def __str__(self) -> str:
        return f"the models of {self.workspace_id}"


class ModelEntry(models.Model):
    """What a workspace says of one model: how it is shown, who may use it, and what it can do where its provider errs."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="model_entries")
    path = models.CharField(max_length=300)
    label = models.CharField(max_length=100, blank=True)
    is_hidden = models.BooleanField(default=False)
    roles = ArrayField(models.CharField(max_length=10), default=list)  # empty: everyone who may chat
    has_vision = models.BooleanField(null=True)
    has_tools = models.BooleanField(null=True)
    has_reasoning = models.BooleanField(null=True)
    context_window = models.PositiveIntegerField(null=True, validators=[MinValueValidator(256)])

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["workspace", "path"], name="one_entry_a_model")]

    def __str__(self) -> str:
        return self.path


class DismissedWelcome(models.Model):
    """A person who wants to see the first screen of a workspace no more."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="dismissed_welcomes")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "workspace"], name="one_dismissal_a_workspace")]

    def __str__(self) -> str:
        return f"{self.user_id} dismissed the welcome of {self.workspace_id}"
