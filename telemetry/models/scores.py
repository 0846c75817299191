"""Scores: what people, programs and evaluations think of calls."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from uuid_utils.compat import uuid7


class Score(models.Model):
    """One judgement of one call: a number, a yes or no, a word, or a text. It may arrive before the call's own row.

    It outlives the conversation, without the links into it and without its comment.
    """

    class Kind(models.TextChoices):
        NUMERIC = "numeric"
        BOOLEAN = "boolean"
        CATEGORY = "category"
        TEXT = "text"

    class Source(models.TextChoices):
        PERSON = "person"
        API = "api"
        EVALUATION = "evaluation"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace_id = models.UUIDField()
    inference_id = models.UUIDField(null=True)
    trace_id = models.TextField(db_default="")
    conversation_id = models.UUIDField(null=True)
    message_id = models.UUIDField(null=True)
    user_id = models.UUIDField(null=True, help_text="Who judged; nobody for a program's or an evaluation's own.")
    source = models.TextField(choices=Source.choices)
    name = models.TextField(help_text="What was judged: thumb, rating, reason, helpfulness, …")
    kind = models.TextField(choices=Kind.choices)
    value = models.FloatField(null=True, help_text="The number; 1 or 0 for yes or no.")
    label = models.TextField(db_default="", help_text="The word, where it is a category.")
    comment = models.TextField(db_default="")
    redaction_version = models.IntegerField(db_default=0, help_text="Of the comment.")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "telemetry_score"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["message_id", "user_id", "name", "label"],
                condition=models.Q(source="person", message_id__isnull=False),
                name="one_judgement_a_person",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["workspace_id", "created_at"], name="score_when"),
            models.Index(fields=["inference_id"], name="score_call", condition=models.Q(inference_id__isnull=False)),
            models.Index(fields=["conversation_id"], name="score_chat", condition=models.Q(conversation_id__isnull=False)),
            models.Index(fields=["user_id"], name="score_user", condition=models.Q(user_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.label or self.value}"
