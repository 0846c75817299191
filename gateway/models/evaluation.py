"""Evaluations: a dataset asked of models, what they answered, and how good that was."""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7

from telemetry.models import Case, Dataset


class Evaluation(models.Model):
    """One run of a dataset. It stays as it was asked for, whatever becomes of the dataset's cases."""

    class State(models.TextChoices):
        RUNNING = "running", "running"
        COMPLETE = "complete", "complete"
        STOPPED = "stopped", "stopped"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="evaluations")
    model_paths = ArrayField(models.CharField(max_length=300))
    scorers = ArrayField(models.CharField(max_length=1000), default=list, blank=True)
    judge = models.CharField(max_length=300, blank=True)
    parameters = models.JSONField(default=dict, blank=True)
    label = models.CharField(max_length=200, blank=True)
    case_count = models.PositiveIntegerField()
    min_score = models.FloatField(null=True)
    is_good = models.BooleanField(null=True, help_text="Whether every model reached the score that was asked for.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    stopped_because = models.TextField(blank=True)
    user_id = models.UUIDField(null=True)
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["dataset", "-started_at", "-id"], name="evaluations_of_dataset")]

    def __str__(self) -> str:
        return self.label or str(self.id)


class EvaluationResult(models.Model):
    """What one model answered to one case, redacted, and what each scorer makes of it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="results")
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="results")
    model = models.CharField(max_length=300)
    inference_id = models.UUIDField(null=True)
    output = models.TextField(blank=True)
    error = models.TextField(blank=True)
    marks = models.JSONField(default=list)  # [{scorer, value, is_passed, why}]
    score = models.FloatField(null=True)
    is_passed = models.BooleanField(null=True)
    latency_ms = models.PositiveIntegerField(null=True)
    ttft_ms = models.PositiveIntegerField(null=True)
    prompt_tokens = models.PositiveIntegerField(null=True)
    completion_tokens = models.PositiveIntegerField(null=True)
    cost_usd = models.DecimalField(max_digits=20, decimal_places=10, null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["evaluation", "case", "model"], name="a_case_is_asked_once"),
        ]

    def __str__(self) -> str:
        return f"{self.model}: {self.score}"
