"""Files that people attach to their prompts. Their bytes lie outside the database, encrypted with a key that the row has."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.encryption import EncryptedTextField
from accounts.models import Workspace
from chat.models.messages import Message


class File(models.Model):
    """One file of a person's: an image, re-encoded here, or a text. It goes when no message has it any more."""

    class Kind(models.TextChoices):
        IMAGE = "image", "image"
        TEXT = "text", "text"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="files")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=5, choices=Kind.choices)
    media_type = models.CharField(max_length=40)
    size = models.PositiveIntegerField(help_text="Bytes, as kept.")
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    key = EncryptedTextField(help_text="What opens its bytes.")
    thumbnail = EncryptedTextField(help_text="A small picture, as a data URI.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.name


class Attachment(models.Model):
    """A file with a message. The versions of an edited prompt share their files."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attachments")
    file = models.ForeignKey(File, on_delete=models.CASCADE, related_name="attachments")
    position = models.PositiveSmallIntegerField(default=0)
    masked = EncryptedTextField(help_text="A text as models get it, where the workspace gives them placeholders.")

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["message", "file"], name="a_file_once_a_message")]

    def __str__(self) -> str:
        return f"{self.file_id} with {self.message_id}"
