"""What people keep of the list of calls: views of it, and acts on many calls at once with how far each has come."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import Workspace


class SavedView(models.Model):
    """A state of the list under a name. It is one person's, or, without an owner, the whole workspace's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=80)
    query = models.TextField(help_text="The list's address, from its question mark on.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "telemetry_saved_view"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workspace", "owner", "name"], nulls_distinct=False, name="one_saved_view_of_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class BulkJob(models.Model):
    """Deleting, exporting or redacting many calls. A worker does a slice at a time, and goes on where the cursor says."""

    class Kind(models.TextChoices):
        DELETE = "delete", "Delete"
        EXPORT = "export", "Export"
        REDACT = "redact", "Redact again"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for a worker"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        STOPPED = "stopped", "Stopped"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    query = models.TextField(blank=True, help_text="The list whose calls are meant, where none were chosen.")
    calls = models.JSONField(default=list, help_text="The keys of those that were chosen.")
    format = models.CharField(max_length=10, blank=True)
    has_content = models.BooleanField(default=False)
    total_count = models.IntegerField(null=True)
    done_count = models.IntegerField(default=0)
    changed_count = models.IntegerField(default=0)
    byte_count = models.BigIntegerField(default=0)
    cursor = models.TextField(blank=True)
    problem = models.TextField(blank=True)
    failure_count = models.IntegerField(default=0, help_text="Slices begun since the last one that was finished.")
    leased_until = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "telemetry_bulk_job"
        indexes: ClassVar = [
            models.Index(fields=["leased_until"], name="bulk_job_open", condition=models.Q(ended_at__isnull=True)),
            models.Index(fields=["workspace", "person", "created_at"], name="bulk_job_of_person"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.get_state_display().lower()}"

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None

    @property
    def has_file(self) -> bool:
        return self.kind == self.Kind.EXPORT and self.state == self.State.DONE and self.byte_count > 0


class BulkPiece(models.Model):
    """A piece of an export's file."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(BulkJob, on_delete=models.CASCADE, related_name="pieces")
    body = models.BinaryField()

    class Meta:
        db_table = "telemetry_bulk_piece"

    def __str__(self) -> str:
        return f"piece {self.pk} of {self.job_id}"
