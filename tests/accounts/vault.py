"""A table with a secret, for the tests alone: a registry of its own keeps it out of the project's migrations."""

import uuid
from typing import Any, ClassVar

from django.apps.registry import Apps
from django.db import models

from accounts.encryption import EncryptedTextField


class Vault(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    label = models.CharField(max_length=50, blank=True)
    api_key = EncryptedTextField()
    other_key = EncryptedTextField()

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta:
        app_label = "accounts"
        apps = Apps()

    def __str__(self):
        return self.label
