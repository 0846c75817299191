"""Events on their way, what became of them, and the processes that move them."""
# ruff: noqa: DJ001  (NULL means "not told")

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class InboxEvent(models.Model):
    """An event that was accepted and waits for the digest."""

    id = models.BigAutoField(primary_key=True)
    workspace_id = models.UUIDField()
    inference_id = models.UUIDField()
    event_id = models.TextField()
    body = models.TextField()
    received_at = models.DateTimeField(db_default=Now())
    attempt_count = models.SmallIntegerField(db_default=0)
    available_at = models.DateTimeField("not before", db_default=Now())
    error = models.TextField("last error", null=True)

    class Meta:
        db_table = "telemetry_inbox"
        verbose_name = "waiting event"
        constraints: ClassVar = [models.UniqueConstraint(fields=["workspace_id", "event_id"], name="one_event_waits_once")]

    def __str__(self) -> str:
        return self.event_id


class DeadLetter(models.Model):
    """An event that could not be digested; it can be tried again."""

    id = models.BigAutoField(primary_key=True)
    workspace_id = models.UUIDField()
    inference_id = models.UUIDField()
    event_id = models.TextField()
    body = models.TextField()
    received_at = models.DateTimeField()
    attempt_count = models.SmallIntegerField()
    error = models.TextField()
    died_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "telemetry_dead_letter"
        permissions: ClassVar = [("retry_deadletter", "Can retry dead letters")]

    def __str__(self) -> str:
        return self.event_id


class Process(models.Model):
    """A running process of ours, with its heartbeat by the database's clock."""

    id = models.UUIDField(primary_key=True)
    kind = models.TextField()
    host = models.TextField()
    pid = models.IntegerField()
    started_at = models.DateTimeField(db_default=Now())
    beat_at = models.DateTimeField("last heartbeat", db_default=Now())

    class Meta:
        db_table = "telemetry_process"
        verbose_name_plural = "processes"

    def __str__(self) -> str:
        return f"{self.kind} {self.pid} on {self.host}"


class Tally(models.Model):
    """How many events met which fate. A row is written by the transaction that it counts, and later folded into the day's."""

    id = models.BigAutoField(primary_key=True)
    day = models.DateField()
    reason = models.TextField(db_default="")  # of a rejection
    received_count = models.BigIntegerField(db_default=0)
    duplicate_count = models.BigIntegerField(db_default=0)
    rejected_count = models.BigIntegerField(db_default=0)
    stored_count = models.BigIntegerField(db_default=0)
    erased_count = models.BigIntegerField(db_default=0)  # stored once, deleted since

    class Meta:
        db_table = "telemetry_tally"
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d}"
