"""The audit log: who did what, and when, in a chain of which no link can be changed, taken out or put in between."""

from typing import ClassVar

from django.db import models


class AuditEntry(models.Model):
    """One act. A trigger refuses to change, delete or empty them.

    It holds ids and no names or addresses: who is erased takes their name from it, and the chain stays whole (ADR 0018).
    """

    id = models.BigIntegerField(primary_key=True, editable=False)
    at = models.DateTimeField(editable=False)
    action = models.CharField(max_length=40, editable=False)
    actor_id = models.UUIDField(null=True, editable=False)  # NULL: a command or the program itself
    workspace_id = models.UUIDField(null=True, editable=False)  # NULL: not of one workspace
    subject_kind = models.CharField(max_length=40, blank=True, default="", editable=False)
    subject_id = models.CharField(max_length=64, blank=True, default="", editable=False)
    detail = models.JSONField(default=dict, editable=False)
    previous = models.CharField("digest before", max_length=64, unique=True, editable=False)  # so that the chain can't fork
    digest = models.CharField(max_length=64, editable=False)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes: ClassVar = [
            models.Index(fields=["workspace_id", "-id"], name="audit_of_workspace"),
            models.Index(fields=["workspace_id", "action", "-id"], name="audit_by_action"),
            models.Index(fields=["workspace_id", "actor_id", "-id"], name="audit_by_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.id}: {self.action}"
