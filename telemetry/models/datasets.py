"""Datasets: questions that models are tried with, and what is expected of the answers."""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.models import Workspace


class Dataset(models.Model):
    """A named list of cases, which a workspace shares."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, blank=True)
    made_by = models.UUIDField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "telemetry_dataset"
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", Lower("name"), name="one_dataset_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Case(models.Model):
    """What a model is asked, redacted, and what is expected of the answer.

    `user_id` and `end_user` say whose call it was, where it was one: their erasure takes it along, and what somebody else saved
    of a person is for them and the owner to read.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="cases")
    workspace_id = models.UUIDField()
    name = models.CharField(max_length=100, blank=True)
    messages = models.JSONField(help_text="As a model is asked: [{role, content}, …].")
    expected = models.TextField(blank=True)
    scorers = ArrayField(models.CharField(max_length=1000), default=list, blank=True)
    digest = models.CharField(max_length=64, help_text="Of what it says: the same case is not in a dataset twice.")
    inference_id = models.UUIDField(null=True)
    user_id = models.UUIDField(null=True)
    end_user = models.TextField(null=True)  # noqa: DJ001 (as in the log, whose conditions it is erased by)
    saved_by = models.UUIDField(null=True)
    redaction_version = models.IntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "telemetry_case"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["dataset", "digest"], name="a_case_is_there_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["dataset", "created_at", "id"], name="case_in_order"),
            models.Index(fields=["user_id"], name="case_of_user", condition=models.Q(user_id__isnull=False)),
            models.Index(
                fields=["workspace_id", "end_user"], name="case_of_end_user", condition=models.Q(end_user__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.name or str(self.id)
