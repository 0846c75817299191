"""Names of a workspace that stand for models."""

import uuid
from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models

from accounts.models import Workspace


class ModelAlias(models.Model):
    """A short name that stands for a model path."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="model_aliases")
    name = models.CharField(
        max_length=40, validators=[RegexValidator(r"^[a-z0-9][a-z0-9._-]*\Z", "Small letters, digits, dots, - and _.")]
    )
    path = models.CharField(max_length=300)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["workspace", "name"], name="one_alias_a_name")]

    def __str__(self) -> str:
        return f"{self.name} → {self.path}"
