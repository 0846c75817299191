"""Prices, and the costs that a repricing replaced. A price row never changes: a new one takes its place, or it is withdrawn."""
# ruff: noqa: DJ001  (NULL means "not told")

from decimal import Decimal
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Now
from uuid_utils.compat import uuid7


def _rate() -> "models.DecimalField[Decimal, Decimal]":
    """US dollars a token, exactly."""
    return models.DecimalField(max_digits=24, decimal_places=18)


class ListedPrice(models.Model):
    """What a provider asks for a model, from a moment on. `id` is what log rows name as their price."""

    class Origin(models.TextChoices):
        MAP = "map", "LiteLLM's map"
        LISTED = "listed", "dated list"
        MANUAL = "manual", "entered here"

    id = models.TextField(primary_key=True)
    provider = models.TextField()
    model = models.TextField()
    aliases = ArrayField(models.TextField(), default=list, blank=True)
    effective_from = models.DateTimeField(null=True, blank=True)  # NULL: as far back as nobody knows better
    origin = models.TextField(choices=Origin.choices)
    source = models.TextField()
    input = _rate()
    cache_read = _rate()
    cache_write = _rate()
    output = _rate()
    reasoning = _rate()
    tiers = models.JSONField(null=True, encoder=DjangoJSONEncoder)  # [[prompt tokens, {bucket: "rate"}], …]
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.UUIDField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "telemetry_price"
        verbose_name = "price"
        indexes: ClassVar = [models.Index(fields=["provider", "model"], name="price_of_model")]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


class PriceRelease(models.Model):
    """Which built-in prices have been loaded."""

    name = models.TextField(primary_key=True)
    loaded_at = models.DateTimeField(db_default=Now())
    added_count = models.IntegerField()

    class Meta:
        db_table = "telemetry_price_release"

    def __str__(self) -> str:
        return self.name


class Repricing(models.Model):
    """A job that works costs out anew: first a preview that changes nothing, then, when somebody says so, the change."""

    class State(models.TextChoices):
        WAITING = "waiting"
        PREVIEWED = "previewed"
        ORDERED = "ordered"
        DONE = "done"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    since = models.DateTimeField("calls received from")
    until = models.DateTimeField("until", null=True, blank=True)
    workspace_id = models.UUIDField("workspace", null=True, blank=True)
    provider = models.TextField(null=True, blank=True)
    model = models.TextField(null=True, blank=True)
    only_unknown = models.BooleanField("only calls whose cost is not known", default=False)

    state = models.TextField(choices=State.choices, default=State.WAITING)
    at_received_at = models.DateTimeField(null=True)  # the last row that this pass has done
    at_id = models.UUIDField(null=True)
    seen_count = models.BigIntegerField(default=0)
    changed_count = models.BigIntegerField(default=0)
    newly_known_count = models.BigIntegerField(default=0)
    newly_unknown_count = models.BigIntegerField(default=0)
    before_usd = models.DecimalField(max_digits=24, decimal_places=12, default=0)
    after_usd = models.DecimalField(max_digits=24, decimal_places=12, default=0)
    prices = models.TextField(default="")  # the state of the price rows that the preview went by
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.UUIDField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "telemetry_repricing"
        permissions: ClassVar = [("apply_repricing", "Can apply a repricing")]

    def __str__(self) -> str:
        return f"{self.provider or 'every provider'}/{self.model or '*'} from {self.since:%Y-%m-%d}"


class CostVersion(models.Model):
    """The cost that a call had before a repricing. Partitioned by the day of `received_at`, as the log is."""

    pk = models.CompositePrimaryKey("workspace_id", "received_at", "id", "version")
    workspace_id = models.UUIDField()
    received_at = models.DateTimeField()
    id = models.UUIDField()
    version = models.SmallIntegerField()
    cost_usd = models.DecimalField(null=True, max_digits=20, decimal_places=12)
    price_id = models.TextField(null=True)
    repricing_id = models.UUIDField()
    replaced_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "cost_version"

    def __str__(self) -> str:
        return f"version {self.version} of the cost of {self.id}"
