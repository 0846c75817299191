"""Tools: which ones a workspace offers, the MCP servers that it knows, and each use of one in a reply."""

import uuid
from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.encryption import EncryptedTextField
from accounts.models import Workspace
from chat.models.messages import Message


class WorkspaceTool(models.Model):
    """A built-in tool that a workspace has switched on."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="tools")
    name = models.CharField(max_length=40)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["workspace", "name"], name="tool_switched_on_once")]

    def __str__(self) -> str:
        return self.name


class ToolServer(models.Model):
    """An MCP server that a workspace's chats may use, and what it said of its tools when it was asked last."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="tool_servers")
    name = models.CharField(max_length=60)
    url = models.CharField("address", max_length=500)
    header = models.CharField("header", max_length=100, default="Authorization", blank=True)
    secret = EncryptedTextField("value of the header")
    is_enabled = models.BooleanField(default=True)
    tools = models.JSONField(default=list, blank=True, help_text="Name, description and schema of each tool.")
    disabled_tools = models.JSONField(default=list, blank=True, help_text="The names of tools that no model gets.")
    tested_at = models.DateTimeField(null=True, blank=True)
    test_error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["workspace", "name"], name="tool_server_named_once")]

    def __str__(self) -> str:
        return self.name


class ToolUse(models.Model):
    """One use of a tool in a reply. What it was given and what came of it are stored redacted."""

    class Status(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        DENIED = "denied"
        CANCELED = "canceled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="tool_uses")
    round = models.PositiveSmallIntegerField(help_text="Which of the reply's calls asked for it, from 1.")
    position = models.PositiveSmallIntegerField(help_text="Its place in the reply.")
    inference_id = models.UUIDField(null=True, blank=True, help_text="The call that asked for it.")
    call_id = models.CharField(max_length=200, help_text="What the provider calls this use.")
    name = models.CharField(max_length=100)
    server = models.CharField(max_length=60, blank=True, help_text="The MCP server's name; empty for a built-in tool.")
    arguments = models.TextField(blank=True)
    result = models.TextField(blank=True)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.RUNNING)
    redaction_version = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["message", "position"], name="tool_use_in_order")]

    def __str__(self) -> str:
        return f"{self.name} for {self.message_id}"
