"""Samples of telemetry's health, taken by the clock: how old the inbox got, how much waited, how much was given up."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from django.db.models import Max
from django.db.models.functions import Trunc

from telemetry import inbox, tallies
from telemetry.models import HealthSample

Sampled = Literal["oldest_seconds", "pending_count", "dead_count"]

KEPT = timedelta(days=30)
PIECE = 5000


def take(now: datetime) -> HealthSample:
    """One look, written down."""
    balance = tallies.balance()
    return HealthSample.objects.create(
        taken_at=now, oldest_seconds=inbox.oldest_seconds(), pending_count=balance.pending, dead_count=balance.dead
    )


def worst(of: Sampled, *, since: datetime, until: datetime) -> float | None:
    """The highest of a period, both ends included; None where nobody looked."""
    found = HealthSample.objects.filter(taken_at__gte=since, taken_at__lte=until).aggregate(worst=Max(of))["worst"]
    return None if found is None else float(found)


def worst_by(
    step: Literal["minute", "hour", "day"], of: Sampled, *, since: datetime, until: datetime
) -> list[tuple[datetime, float]]:
    """The highest of each step (UTC) in which somebody looked, the oldest first."""
    found = HealthSample.objects.filter(taken_at__gte=since, taken_at__lt=until)
    steps = found.annotate(step=Trunc("taken_at", step, tzinfo=UTC)).values("step").annotate(worst=Max(of)).order_by("step")
    return [(one["step"], float(one["worst"])) for one in steps]


def prune(now: datetime) -> int:
    """Forget what is a month old; returns how many."""
    pruned = 0
    while True:
        old = HealthSample.objects.filter(taken_at__lt=now - KEPT).values("pk")[:PIECE]
        count = HealthSample.objects.filter(pk__in=old).delete()[0]
        pruned += count
        if count < PIECE:
            return pruned
