"""How long things are kept, which days are gone, and what was erased on request."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from accounts.models import Workspace


class RetentionPolicy(models.Model):
    """How long calls and rollups are kept: the installation's (no workspace), and workspaces' shorter ones."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, null=True, blank=True, related_name="+", help_text="Empty: the whole installation."
    )
    raw_days = models.PositiveIntegerField(
        "calls are kept for (days)",
        null=True,
        blank=True,
        help_text="Empty: as OLLIVE_RETENTION_DAYS says (30 if it is not set).",
    )
    rollup_days = models.PositiveIntegerField(
        "sums are kept for (days)",
        null=True,
        blank=True,
        help_text="Empty: as OLLIVE_ROLLUP_DAYS says (400 if it is not set).",
    )
    last_run_at = models.DateTimeField(null=True, editable=False)
    last_outcome = models.TextField(blank=True, default="", editable=False)

    class Meta:
        db_table = "telemetry_retention"
        verbose_name = "retention policy"
        verbose_name_plural = "retention policies"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workspace"], nulls_distinct=False, name="one_policy_a_workspace"),
        ]

    def __str__(self) -> str:
        return str(self.workspace) if self.workspace_id else "the whole installation"


class SealedDay(models.Model):
    """A day whose calls are deleted, in one workspace or in all: its rollups are all that is left, and are never rebuilt."""

    id = models.BigAutoField(primary_key=True)
    day = models.DateField()
    workspace_id = models.UUIDField(null=True)  # NULL: in all
    sealed_at = models.DateTimeField(db_default=Now())
    emptied_at = models.DateTimeField(null=True)  # when the last of its rows was deleted

    class Meta:
        db_table = "telemetry_sealed_day"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["day", "workspace_id"], nulls_distinct=False, name="a_day_is_sealed_once"),
        ]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d}"


class PackedDay(models.Model):
    """A day whose payloads were compressed, and what that saved."""

    day = models.DateField(primary_key=True)
    packed_at = models.DateTimeField(db_default=Now())
    piece_count = models.BigIntegerField()
    before_bytes = models.BigIntegerField()
    after_bytes = models.BigIntegerField()

    class Meta:
        db_table = "telemetry_packed_day"

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d}"


class ErasureReceipt(models.Model):
    """What was erased of a person, in counts. It holds nothing of what was erased, nor the person's name or address."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject_digest = models.TextField("whom (keyed hash)")
    requested_by = models.TextField()
    counts = models.JSONField(default=dict)
    begun_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    digest = models.TextField("SHA-256 of the receipt", blank=True, default="")

    class Meta:
        db_table = "telemetry_erasure_receipt"
        indexes: ClassVar = [models.Index(fields=["subject_digest"], name="receipt_subject")]

    def __str__(self) -> str:
        return f"{self.id}, {self.begun_at:%Y-%m-%d %H:%M}"
