"""Dashboards that people put together: of their own, or the workspace's."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import Workspace


class Dashboard(models.Model):
    """A page of panels. It is one person's, or, without an owner, the whole workspace's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="dashboards")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="dashboards"
    )
    title = models.CharField(max_length=100)
    description = models.CharField(max_length=500, blank=True)
    window = models.CharField("period", max_length=8, default="7d", help_text="What it shows when no other is chosen.")
    panels = models.JSONField(default=list, help_text="In order: `telemetry.panels.Panel`.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "telemetry_dashboard"
        indexes: ClassVar = [models.Index(fields=["workspace", "created_at", "id"], name="dashboards_of_workspace")]

    def __str__(self) -> str:
        return self.title

    @property
    def is_shared(self) -> bool:
        return self.owner_id is None
