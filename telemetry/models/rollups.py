"""Sums of the log by minute, hour and day, and the marks that say which of them are out of date.

Family A (workspace, provider, model, source, status) has sketches of the durations; family B (workspace, user, key, model) has
sums alone. An empty text or the nil UUID stands for "not told": a key has no NULL.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class Sums(models.Model):
    """What adds up. Tokens are in disjoint buckets, money in US dollars, durations in milliseconds."""

    workspace_id = models.UUIDField()
    bucket_at = models.DateTimeField()  # where the minute, hour or day begins, in UTC, by `received_at`
    call_count = models.BigIntegerField()
    error_count = models.BigIntegerField()
    input_tokens = models.BigIntegerField()
    cache_read_tokens = models.BigIntegerField()
    cache_write_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    reasoning_tokens = models.BigIntegerField()
    estimated_count = models.BigIntegerField()  # calls whose tokens the provider did not tell
    cost_usd = models.DecimalField(max_digits=30, decimal_places=12)  # of the calls whose cost is known
    unpriced_count = models.BigIntegerField()  # ended calls whose cost is not known
    latency_sum_ms = models.BigIntegerField()
    latency_count = models.BigIntegerField()
    ttft_sum_ms = models.BigIntegerField()
    ttft_count = models.BigIntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.call_count} calls from {self.bucket_at:%Y-%m-%d %H:%M}"


class CallSums(Sums):
    """Family A. The sketches are bins and how many calls fell in each, sorted by bin (telemetry.sketches)."""

    provider = models.TextField()
    model = models.TextField()
    source = models.TextField()
    status = models.TextField()
    latency_bins = ArrayField(models.SmallIntegerField())
    latency_counts = ArrayField(models.IntegerField())
    ttft_bins = ArrayField(models.SmallIntegerField())
    ttft_counts = ArrayField(models.IntegerField())

    class Meta:
        abstract = True


CALL_KEY = ("workspace_id", "bucket_at", "provider", "model", "source", "status")
USAGE_KEY = ("workspace_id", "bucket_at", "user_id", "api_key_id", "model")


class RollupMinute(CallSums):
    """Partitioned by the day; kept for a week."""

    pk = models.CompositePrimaryKey(*CALL_KEY)

    class Meta:
        db_table = "rollup_minute"


class RollupHour(CallSums):
    pk = models.CompositePrimaryKey(*CALL_KEY)

    class Meta:
        db_table = "rollup_hour"


class RollupDay(CallSums):
    pk = models.CompositePrimaryKey(*CALL_KEY)

    class Meta:
        db_table = "rollup_day"


class UsageSums(Sums):
    """Family B."""

    user_id = models.UUIDField()
    api_key_id = models.UUIDField()
    model = models.TextField()

    class Meta:
        abstract = True


class UsageHour(UsageSums):
    pk = models.CompositePrimaryKey(*USAGE_KEY)

    class Meta:
        db_table = "usage_hour"


class UsageDay(UsageSums):
    pk = models.CompositePrimaryKey(*USAGE_KEY)

    class Meta:
        db_table = "usage_day"


class RollupMark(models.Model):
    """A bucket that is out of date. Inserted by whoever changes rows, deleted by whoever rebuilds the bucket, never updated."""

    class Level(models.IntegerChoices):
        MINUTE = 0
        HOUR = 1
        DAY = 2

    id = models.BigAutoField(primary_key=True)
    level = models.SmallIntegerField(choices=Level.choices)
    workspace_id = models.UUIDField()
    bucket_at = models.DateTimeField()
    marked_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "rollup_mark"
        indexes: ClassVar = [models.Index(fields=["level", "workspace_id", "bucket_at"], name="mark_of_bucket")]

    def __str__(self) -> str:
        return f"{self.get_level_display()} {self.bucket_at:%Y-%m-%d %H:%M}"
