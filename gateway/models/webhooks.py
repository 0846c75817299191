"""Servers that are told of what happens here, and what each was told."""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.encryption import EncryptedTextField
from accounts.models import Workspace


class Webhook(models.Model):
    """An address of a workspace that events are sent to, signed with a secret of its own."""

    class Shape(models.TextChoices):
        SIGNED = "signed", "Signed JSON"
        SLACK = "slack", "A message for Slack"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="webhooks")
    shape = models.CharField(max_length=6, choices=Shape.choices, default=Shape.SIGNED)
    name = models.CharField(max_length=100)
    url = models.CharField("address", max_length=2000)
    events = ArrayField(models.CharField(max_length=40))
    secret = EncryptedTextField()
    # The secret before the last change, with which events are signed too until the receiver has the new one.
    previous_secret = EncryptedTextField()
    previous_expires_at = models.DateTimeField(null=True, editable=False)
    is_enabled = models.BooleanField("enabled", default=True)
    failing_since = models.DateTimeField(null=True, editable=False)
    switched_off_because = models.CharField(max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["workspace", "created_at", "id"], name="webhooks_of_workspace")]

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """One event on its way to one webhook, with every attempt that was made. `about` keeps it from being told twice."""

    class State(models.TextChoices):
        PENDING = "pending", "on its way"
        DELIVERED = "delivered", "delivered"
        FAILED = "failed", "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=40)
    about = models.CharField(max_length=200)
    body = models.TextField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    attempt_count = models.SmallIntegerField(default=0)  # since it was sent, or sent again
    attempts = models.JSONField(default=list)  # [{at, ms, status, says}], the last ones
    available_at = models.DateTimeField("not before")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints: ClassVar = [models.UniqueConstraint(fields=["webhook", "about"], name="an_event_is_told_once")]
        indexes: ClassVar = [
            models.Index(fields=["webhook", "-created_at", "-id"], name="deliveries_of_webhook"),
            models.Index(fields=["webhook", "available_at"], name="delivery_due", condition=models.Q(state="pending")),
            models.Index(fields=["created_at"], name="delivery_age"),
        ]

    def __str__(self) -> str:
        return f"{self.event}, {self.state}"
