"""The log of calls, what was said in them, and which calls have been heard of.

Workspaces, people, keys, conversations and messages are soft references: a record outlives what it tells of.
"""
# ruff: noqa: DJ001  (NULL means "not told", and two events of one call are merged by it)

from datetime import UTC, date
from typing import ClassVar, get_args

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from ollive_sdk.events import Phase, Source, Status, UsageSource, event_id


def _choices(kind: object) -> list[tuple[str, str]]:
    return [(name, name.replace("_", " ")) for name in get_args(kind)]


class InferenceKey(models.Model):
    """Which call has been heard of, and when first: the identity that a partitioned table can't keep unique."""

    pk = models.CompositePrimaryKey("workspace_id", "inference_id")
    workspace_id = models.UUIDField()
    inference_id = models.UUIDField()
    received_at = models.DateTimeField()

    class Meta:
        db_table = "inference_key"

    def __str__(self) -> str:
        return str(self.inference_id)


class InferenceLog(models.Model):
    """One call. Partitioned by the day of `received_at`; in the database the key is (workspace_id, received_at, id)."""

    id = models.UUIDField("inference id", primary_key=True)
    workspace_id = models.UUIDField()
    received_at = models.DateTimeField()
    phases = models.SmallIntegerField()
    status = models.TextField(choices=_choices(Status))

    trace_id = models.TextField("trace", null=True)
    span_id = models.TextField("span", null=True)
    parent_span_id = models.TextField("parent span", null=True)
    session_id = models.TextField("session", null=True)
    conversation_id = models.UUIDField("conversation", null=True)
    message_id = models.UUIDField("message", null=True)
    user_id = models.UUIDField(null=True)
    api_key_id = models.UUIDField("API key", null=True)
    end_user = models.TextField(null=True)
    source = models.TextField(null=True, choices=_choices(Source))
    process_id = models.UUIDField(null=True)

    operation = models.TextField(null=True)
    requested_model = models.TextField("model asked for", null=True)
    provider = models.TextField(null=True)
    model = models.TextField(null=True)
    served_model = models.TextField("model served", null=True)
    parameters = models.JSONField(null=True)
    is_stream = models.BooleanField(null=True)
    attempt = models.IntegerField(null=True)
    fallback_of = models.UUIDField(null=True)
    variant = models.TextField(null=True)
    is_cached = models.BooleanField("answered from the cache", null=True)

    error_class = models.TextField(null=True)
    error_code = models.TextField(null=True)
    error_message = models.TextField(null=True)
    finish_reason = models.TextField(null=True)

    started_at = models.DateTimeField(null=True)
    first_token_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    latency_ms = models.IntegerField(null=True)
    ttft_ms = models.IntegerField(null=True)
    tokens_per_second = models.FloatField(null=True)
    token_times_ms = ArrayField(models.IntegerField(), null=True)

    input_tokens = models.IntegerField(null=True)
    cache_read_tokens = models.IntegerField(null=True)
    cache_write_tokens = models.IntegerField(null=True)
    output_tokens = models.IntegerField(null=True)
    reasoning_tokens = models.IntegerField(null=True)
    delivered_tokens = models.IntegerField(null=True)
    usage = models.JSONField(null=True)
    usage_source = models.TextField(null=True, choices=_choices(UsageSource))
    cost_usd = models.DecimalField(null=True, max_digits=20, decimal_places=12)
    price_id = models.TextField(null=True)
    reported_cost_usd = models.DecimalField("cost as the caller says (US$)", null=True, max_digits=20, decimal_places=12)

    tags = ArrayField(models.TextField(), null=True)
    metadata = models.JSONField(null=True)
    environment = models.TextField(null=True)
    app = models.TextField(null=True)
    version = models.TextField(null=True)
    sdk_version = models.TextField(null=True)

    input_preview = models.TextField(null=True)
    output_preview = models.TextField(null=True)
    payload_parts = models.JSONField(null=True)
    payload_refs = ArrayField(models.UUIDField(), null=True)
    raw_payload_uri = models.TextField("original at", null=True)
    cut_fields = ArrayField(models.TextField(), verbose_name="cut, left out or withheld", null=True)
    redaction_version = models.IntegerField(null=True)
    deep_redacted_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "inference_log"
        permissions: ClassVar = [("view_content", "Can read what was said")]
        # Keyset paging needs (filter, received_at, id) for each filter that is offered.
        indexes: ClassVar = [
            models.Index(fields=["received_at", "id"], name="log_newest"),
            models.Index(fields=["id"], name="log_id"),
            models.Index(fields=["status", "received_at", "id"], name="log_status"),
            models.Index(fields=["source", "received_at", "id"], name="log_source"),
            models.Index(fields=["provider", "received_at", "id"], name="log_provider"),
            models.Index(fields=["model", "received_at", "id"], name="log_model"),
            models.Index(fields=["user_id", "received_at", "id"], name="log_user", condition=models.Q(user_id__isnull=False)),
            models.Index(fields=["conversation_id"], name="log_conversation", condition=models.Q(conversation_id__isnull=False)),
            models.Index(fields=["trace_id"], name="log_trace", condition=models.Q(trace_id__isnull=False)),
            models.Index(fields=["process_id"], name="log_open", condition=models.Q(status="in_progress")),
            models.Index(
                fields=["workspace_id", "requested_model", "received_at"],
                name="log_variant",
                condition=models.Q(variant__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model or 'a call'}, {self.received_at:%Y-%m-%d %H:%M:%S}"

    @property
    def day(self) -> date:
        """The partition, by UTC."""
        return self.received_at.astimezone(UTC).date()

    @property
    def prompt_tokens(self) -> int | None:
        return _total(self.input_tokens, self.cache_read_tokens, self.cache_write_tokens)

    @property
    def completion_tokens(self) -> int | None:
        return _total(self.output_tokens, self.reasoning_tokens)

    @property
    def total_tokens(self) -> int | None:
        return _total(self.prompt_tokens, self.completion_tokens)

    @property
    def is_estimated(self) -> bool:
        """Whether the tokens, and so the cost, were counted by us instead of told by the provider."""
        return self.usage_source in {"counted", "estimated"}

    def event_id(self, phase: Phase) -> str:
        return event_id(self.id, phase)


def _total(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


class Payload(models.Model):
    """One piece of content, stored once a day and workspace. Partitioned by day; `digest` is a keyed hash of the content."""

    class Form(models.IntegerChoices):
        CONTENT = 0
        DIGESTS = 1  # the digests of the pieces that a long list is made of

    pk = models.CompositePrimaryKey("day", "workspace_id", "digest")
    day = models.DateField()
    workspace_id = models.UUIDField()
    digest = models.UUIDField()
    form = models.SmallIntegerField(choices=Form.choices)
    body = models.TextField(null=True)  # JSON
    packed = models.BinaryField(null=True)  # zstd of the JSON, in the place of `body`, once the day is old

    class Meta:
        db_table = "payload"

    def __str__(self) -> str:
        return str(self.digest)


class UnlinkedConversation(models.Model):
    """A deleted conversation: events that still come for it are stored without the link."""

    pk = models.CompositePrimaryKey("workspace_id", "conversation_id")
    workspace_id = models.UUIDField()
    conversation_id = models.UUIDField()
    unlinked_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "telemetry_unlinked"

    def __str__(self) -> str:
        return str(self.conversation_id)
