"""The feed of committed log rows, who reads it and how far; product events; and raw payloads that are kept here."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class FeedEntry(models.Model):
    """A log row that was written. `position` is given after the commit, so that positions never appear out of order."""

    id = models.BigAutoField(primary_key=True)
    position = models.BigIntegerField(null=True)
    workspace_id = models.UUIDField()
    inference_id = models.UUIDField()
    received_at = models.DateTimeField()
    is_ended = models.BooleanField()
    noted_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "telemetry_feed"
        verbose_name_plural = "feed entries"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["position"], name="feed_position", condition=models.Q(position__isnull=False)),
        ]
        indexes: ClassVar = [models.Index(fields=["id"], name="feed_new", condition=models.Q(position__isnull=True))]

    def __str__(self) -> str:
        return f"{self.inference_id} at {self.position}"


class FeedConsumer(models.Model):
    """A reader of the feed, by name: everything up to `position` is done."""

    name = models.TextField(primary_key=True)
    position = models.BigIntegerField()
    created_at = models.DateTimeField(db_default=Now())
    moved_at = models.DateTimeField("last moved", db_default=Now())

    class Meta:
        db_table = "telemetry_feed_consumer"
        verbose_name = "consumer of the feed"
        verbose_name_plural = "consumers of the feed"

    def __str__(self) -> str:
        return self.name


class ProductEvent(models.Model):
    """What a person did with the product: the source of active users, success rate and time spent."""

    class Name(models.TextChoices):
        CONVERSATION_CREATED = "conversation_created"
        CHAT_REQUESTED = "chat_requested"
        CHAT_SUCCEEDED = "chat_succeeded"
        CHAT_FAILED = "chat_failed"
        AUTH_FAILED = "auth_failed"
        RATE_LIMITED = "rate_limited"
        IDEMPOTENCY_REPLAY = "idempotency_replay"
        FEEDBACK_GIVEN = "feedback_given"

    id = models.BigAutoField(primary_key=True)
    name = models.TextField(choices=Name.choices)
    workspace_id = models.UUIDField(null=True)
    user_id = models.UUIDField(null=True)
    conversation_id = models.UUIDField(null=True)
    detail = models.TextField(db_default="")
    happened_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "product_event"
        indexes: ClassVar = [
            models.Index(fields=["workspace_id", "happened_at"], name="product_event_when"),
            models.Index(fields=["name", "happened_at"], name="product_event_name"),
            models.Index(fields=["user_id"], name="product_event_user", condition=models.Q(user_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.name


class RawPayload(models.Model):
    """A call's payload as its client sent it, redacted and compressed, where the database is the store of such."""

    key = models.TextField(primary_key=True)
    body = models.BinaryField()

    class Meta:
        db_table = "raw_payload"

    def __str__(self) -> str:
        return self.key
