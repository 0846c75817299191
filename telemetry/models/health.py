"""How telemetry fared, moment by moment: what the inbox's age was is nowhere else."""

from typing import ClassVar

from django.db import models


class HealthSample(models.Model):
    """One look at the queues. `oldest_seconds` is for how long the first event that may be digested had waited."""

    id = models.BigAutoField(primary_key=True)
    taken_at = models.DateTimeField()
    oldest_seconds = models.FloatField()
    pending_count = models.BigIntegerField()
    dead_count = models.BigIntegerField()

    class Meta:
        db_table = "telemetry_health"
        indexes: ClassVar = [models.Index(fields=["taken_at"], name="health_by_time")]

    def __str__(self) -> str:
        return f"{self.taken_at}: {self.oldest_seconds:.0f} s"
