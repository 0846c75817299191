"""The steps around the calls: tools, agents, chains, look-ups. Their calls and traces are soft references."""
# ruff: noqa: DJ001  (NULL means "not told")

from datetime import UTC, date
from typing import ClassVar, get_args

from django.contrib.postgres.fields import ArrayField
from django.db import models

from ollive_sdk.events import Source, SpanKind, SpanStatus


def _choices(kind: object) -> list[tuple[str, str]]:
    return [(name, name) for name in get_args(kind)]


class Span(models.Model):
    """One step. Partitioned by the day of `received_at`; in the database the key is (workspace_id, received_at, id)."""

    id = models.UUIDField(primary_key=True)
    workspace_id = models.UUIDField()
    received_at = models.DateTimeField()
    kind = models.TextField(choices=_choices(SpanKind))
    name = models.TextField(null=True)
    status = models.TextField(choices=_choices(SpanStatus))

    trace_id = models.TextField("trace", null=True)
    span_id = models.TextField("span", null=True)
    parent_span_id = models.TextField("parent span", null=True)
    inference_id = models.UUIDField("call", null=True)
    session_id = models.TextField("session", null=True)
    conversation_id = models.UUIDField("conversation", null=True)
    user_id = models.UUIDField(null=True)
    api_key_id = models.UUIDField("API key", null=True)
    end_user = models.TextField(null=True)
    source = models.TextField(null=True, choices=_choices(Source))

    error_class = models.TextField(null=True)
    error_code = models.TextField(null=True)
    error_message = models.TextField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    latency_ms = models.IntegerField(null=True)

    environment = models.TextField(null=True)
    app = models.TextField(null=True)
    version = models.TextField(null=True)
    sdk_version = models.TextField(null=True)
    attributes = models.JSONField(null=True)
    arguments_preview = models.TextField(null=True)
    result_preview = models.TextField(null=True)
    payload_parts = models.JSONField(null=True)
    payload_refs = ArrayField(models.UUIDField(), null=True)
    cut_fields = ArrayField(models.TextField(), verbose_name="cut, left out or withheld", null=True)
    redaction_version = models.IntegerField(null=True)
    deep_redacted_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "span"
        indexes: ClassVar = [
            models.Index(fields=["received_at", "id"], name="span_newest"),
            models.Index(fields=["trace_id"], name="span_trace", condition=models.Q(trace_id__isnull=False)),
            models.Index(fields=["inference_id"], name="span_call", condition=models.Q(inference_id__isnull=False)),
            models.Index(fields=["conversation_id"], name="span_conversation", condition=models.Q(conversation_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name or self.id}"

    @property
    def day(self) -> date:
        """The partition, by UTC."""
        return self.received_at.astimezone(UTC).date()
