"""What a workspace wants redacted, and what becomes of the originals."""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from accounts.models import Workspace


def default_regions() -> list[str]:
    """The regions whose national phone numbers are known where nobody chose."""
    return ["US", "CA", "GB", "AU", "IN", "FR", "DE", "NL"]


class RedactionPolicy(models.Model):
    """One workspace's choices. A workspace without a row has the defaults."""

    class Mode(models.TextChoices):
        LOG_ONLY = "log_only", "The model gets the text as typed; what is stored is redacted"
        MASK = "mask", "The model gets placeholders; its reader sees the real values for a day"
        BLOCK = "block", "A message with personal data or secrets is refused"

    class Payloads(models.TextChoices):
        FULL = "full", "All of it"
        PREVIEW = "preview", "The beginning"
        NONE = "none", "Nothing: only figures"

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, primary_key=True, related_name="+")
    mode = models.TextField(choices=Mode.choices, default=Mode.LOG_ONLY)
    keeps_originals = models.BooleanField(
        "vault",
        default=False,
        help_text="Keep what was removed, encrypted, for the chat's owner and for the history that the model gets.",
    )
    vault_hours = models.PositiveIntegerField("originals are kept for (hours)", default=24)
    regions = ArrayField(models.CharField(max_length=2), default=default_regions, blank=True)
    national_ids = ArrayField(models.CharField(max_length=2), default=list, blank=True)
    kinds_off = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    payloads = models.TextField(
        "keeps of a call",
        choices=Payloads.choices,
        blank=True,
        default="",
        help_text="Empty: as the installation says. Never more than it says, nor more than a key asks for.",
    )
    is_deep = models.BooleanField(
        "deep redaction", default=False, help_text="Workers remove names of people, places and organisations from the log."
    )
    deep_from = models.DateTimeField(null=True, editable=False)  # what was received before needs no second look
    rules_version = models.PositiveIntegerField(default=0, editable=False)  # grows when what is found changes
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "telemetry_redaction_policy"
        verbose_name_plural = "redaction policies"
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(vault_hours__range=(1, 24 * 366)), name="vault_from_an_hour_to_a_year"),
        ]

    def __str__(self) -> str:
        return f"redaction in {self.workspace}"


class RedactionRule(models.Model):
    """A pattern or a list of words that one workspace wants removed. What it looks for is never changed: its dry run would be."""

    class Form(models.TextChoices):
        PATTERN = "pattern", "a pattern"
        WORDS = "words", "words and phrases, one a line"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    label = models.CharField(max_length=40, help_text="What stands for a match: EMPLOYEE_ID shows as [[EMPLOYEE_ID]].")
    form = models.TextField("looks for", choices=Form.choices, default=Form.PATTERN)
    source = models.TextField("pattern or words")
    is_case_sensitive = models.BooleanField("upper and lower case differ", default=False, help_text="For words.")
    is_on = models.BooleanField("on", default=False)
    author_id = models.UUIDField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "telemetry_redaction_rule"
        indexes: ClassVar = [models.Index(fields=["workspace"], name="rule_of_workspace")]

    def __str__(self) -> str:
        return self.label

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(line.strip() for line in self.source.splitlines() if line.strip())


class BackfillMark(models.Model):
    """How far a backfill has come, so that an interrupted one goes on."""

    name = models.TextField(primary_key=True)
    position = models.JSONField()
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "telemetry_backfill_mark"

    def __str__(self) -> str:
        return self.name
