"""Rules that watch a figure, what they said, and the letters that told of it."""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.models import Workspace
from gateway.models.budgets import Budget
from gateway.models.webhooks import Webhook


class Severity(models.TextChoices):
    INFO = "info", "Info"
    WARNING = "warning", "Warning"
    CRITICAL = "critical", "Critical"


class AlertRule(models.Model):
    """A figure over a window, and where it becomes a matter for somebody. The row carries how it stands."""

    class Comparison(models.TextChoices):
        ABOVE = "above", "rises above"
        BELOW = "below", "falls below"

    class NoData(models.TextChoices):
        KEEP = "keep", "Leave it as it is"
        OK = "ok", "Take it for good"
        ALERT = "alert", "Tell of it"

    class State(models.TextChoices):
        OK = "ok", "OK"
        PENDING = "pending", "Pending"
        FIRING = "firing", "Firing"
        NO_DATA = "no_data", "No data"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="alert_rules")
    name = models.CharField(max_length=100)
    severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.WARNING)
    figure = models.CharField(max_length=60)
    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, null=True)  # of a share of a budget; without it, the fullest
    filters = models.JSONField(default=dict)
    window_minutes = models.IntegerField(default=15)
    comparison = models.CharField(max_length=5, choices=Comparison.choices, default=Comparison.ABOVE)
    threshold = models.FloatField()
    recover_threshold = models.FloatField(null=True)
    for_minutes = models.IntegerField(default=0)
    least_calls = models.IntegerField(default=0)
    on_no_data = models.CharField(max_length=5, choices=NoData.choices, default=NoData.KEEP)
    remind_minutes = models.IntegerField(default=0)
    webhooks = models.ManyToManyField(Webhook, related_name="alert_rules")
    letters_to = ArrayField(models.EmailField(), default=list)
    is_enabled = models.BooleanField(default=True)
    muted_until = models.DateTimeField(null=True)

    state = models.CharField(max_length=8, choices=State.choices, default=State.OK)
    since = models.DateTimeField(default=timezone.now)  # of this state
    value = models.FloatField(null=True)  # as last read; null: there were no data
    checked_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=300, blank=True)  # why it could not be read
    told_at = models.DateTimeField(null=True)  # of this trouble, the last time; null: nobody was told yet
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["workspace", "created_at", "id"], name="alert_rules_of_workspace")]

    def __str__(self) -> str:
        return self.name


class AlertEvent(models.Model):
    """Something that a rule said. It outlives the rule, whose name it keeps."""

    class Kind(models.TextChoices):
        FIRED = "fired", "Fired"
        REMINDED = "reminded", "Still firing"
        NO_DATA = "no_data", "No data"
        RECOVERED = "recovered", "Recovered"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="alert_events")
    rule = models.ForeignKey(AlertRule, on_delete=models.SET_NULL, null=True, related_name="events")
    name = models.CharField(max_length=100)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    kind = models.CharField(max_length=9, choices=Kind.choices)
    value = models.FloatField(null=True)
    says = models.TextField()
    was_muted = models.BooleanField(default=False)
    told_count = models.SmallIntegerField(default=0)  # webhooks and addresses
    created_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["workspace", "-created_at", "-id"], name="alert_events_of_workspace"),
            models.Index(fields=["rule", "-created_at", "-id"], name="alert_events_of_rule"),
            models.Index(fields=["created_at"], name="alert_event_age"),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.get_kind_display()}"


class AlertLetter(models.Model):
    """An e-mail about an event to one address, tried until it leaves."""

    class State(models.TextChoices):
        PENDING = "pending", "on its way"
        SENT = "sent", "sent"
        FAILED = "failed", "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.ForeignKey(AlertEvent, on_delete=models.CASCADE, related_name="letters")
    address = models.EmailField()
    state = models.CharField(max_length=7, choices=State.choices, default=State.PENDING)
    attempt_count = models.SmallIntegerField(default=0)
    problem = models.CharField(max_length=200, blank=True)
    available_at = models.DateTimeField("not before")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["event", "address"], name="one_letter_an_address")]
        indexes: ClassVar = [models.Index(fields=["available_at"], name="alert_letter_due", condition=models.Q(state="pending"))]

    def __str__(self) -> str:
        return f"{self.event_id} to one address: {self.state}"
