"""Names of a workspace that stand for models: one, or several that share the requests and stand in for each other."""

import uuid
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from accounts.models import Workspace

DAY_SECONDS = 86_400
WEIGHT = (MinValueValidator(0), MaxValueValidator(1000))


class ModelAlias(models.Model):
    """A short name. `path` is the model that it means; its `deployments` are those beside it."""

    class SplitBy(models.TextChoices):
        REQUEST = "request", "Each request anew"
        USER = "user", "The same for a person, always"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="model_aliases")
    name = models.CharField(
        max_length=40, validators=[RegexValidator(r"^[a-z0-9][a-z0-9._-]*\Z", "Small letters, digits, dots, - and _.")]
    )
    path = models.CharField(max_length=300)
    weight = models.PositiveSmallIntegerField(default=1, validators=WEIGHT)  # of the path, beside the deployments' own

    max_attempts = models.PositiveSmallIntegerField(default=3, validators=[MinValueValidator(1), MaxValueValidator(6)])
    first_byte_seconds = models.FloatField(null=True, blank=True, validators=[MinValueValidator(0.1), MaxValueValidator(600)])
    idle_seconds = models.FloatField(null=True, blank=True, validators=[MinValueValidator(0.1), MaxValueValidator(600)])
    failures_to_rest = models.PositiveSmallIntegerField(default=3, validators=[MaxValueValidator(100)])  # 0: it never rests
    rest_seconds = models.PositiveIntegerField(default=30, validators=[MinValueValidator(1), MaxValueValidator(3600)])

    cache_seconds = models.PositiveIntegerField(default=0, validators=[MaxValueValidator(30 * DAY_SECONDS)])  # 0: nothing is kept
    caches_random = models.BooleanField(default=False)  # answers too that were drawn at a temperature above 0
    cache_epoch = models.PositiveIntegerField(default=0, editable=False)  # one more forgets what was kept before

    split_by = models.CharField(max_length=8, choices=SplitBy, default=SplitBy.REQUEST)
    compared_since = models.DateTimeField(null=True, blank=True)  # the calls are told apart by variant; None: they are not

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["workspace", "name"], name="one_alias_a_name")]

    def __str__(self) -> str:
        return f"{self.name} → {self.path}"


class Deployment(models.Model):
    """A model beside the one that a short name means: it takes a share of the requests, or waits until those fail."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    alias = models.ForeignKey(ModelAlias, on_delete=models.CASCADE, related_name="deployments")
    path = models.CharField(max_length=300)
    weight = models.PositiveSmallIntegerField(default=1, validators=WEIGHT)  # 0: it gets no share for now
    is_fallback = models.BooleanField(default=False)
    position = models.PositiveSmallIntegerField(default=0)  # the order of the fallbacks

    class Meta:
        ordering: ClassVar = ["position", "path"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["alias", "path"], name="one_deployment_a_path")]

    def __str__(self) -> str:
        return f"{self.path} ({'fallback' if self.is_fallback else self.weight})"
