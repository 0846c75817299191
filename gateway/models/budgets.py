"""What may be spent, what is, and what running calls have set aside."""

import uuid
from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

from accounts.models import Workspace


class Budget(models.Model):
    """What a workspace, a person or a key may spend in a day or a month, by UTC."""

    class Subject(models.TextChoices):
        WORKSPACE = "workspace", "the whole workspace"
        USER = "user", "a person"
        API_KEY = "api_key", "an API key"

    class Period(models.TextChoices):
        DAY = "day"
        MONTH = "month"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="budgets")
    subject = models.CharField(max_length=10, choices=Subject.choices, default=Subject.WORKSPACE)
    subject_id = models.UUIDField(null=True, blank=True, help_text="The person's or the key's id; empty for the workspace.")
    period = models.CharField(max_length=5, choices=Period.choices, default=Period.MONTH)
    limit_usd = models.DecimalField("limit (US$)", max_digits=16, decimal_places=6, validators=[MinValueValidator(0)])
    is_enabled = models.BooleanField("enabled", default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["workspace", "subject", "subject_id", "period"], name="one_budget_a_period", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=models.Q(subject="workspace", subject_id=None)
                | (~models.Q(subject="workspace") & ~models.Q(subject_id=None)),
                name="a_budget_names_its_subject",
                violation_error_message="A person's or a key's budget needs its id, the workspace's has none.",
            ),
        ]

    def __str__(self) -> str:
        return f"US$ {self.limit_usd.normalize():f} a {self.period} for {self.get_subject_display()}"


class BudgetPeriod(models.Model):
    """One day or month of a budget: what is spent, and what running calls may still spend."""

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="periods")
    starts_on = models.DateField()
    spent_usd = models.DecimalField(max_digits=24, decimal_places=12)
    reserved_usd = models.DecimalField(max_digits=24, decimal_places=12)
    unknown_count = models.IntegerField()  # calls whose cost nobody knows

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["budget", "starts_on"], name="one_row_a_period")]

    def __str__(self) -> str:
        return f"{self.starts_on}: US$ {self.spent_usd.normalize():f} spent"


class Reservation(models.Model):
    """What one call may spend of one budget: reserved before it, settled or released after it."""

    class State(models.TextChoices):
        RESERVED = "reserved"
        SETTLED = "settled"
        RELEASED = "released"

    call_id = models.UUIDField()
    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="reservations")
    starts_on = models.DateField()
    amount_usd = models.DecimalField(max_digits=24, decimal_places=12)
    spent_usd = models.DecimalField(null=True, max_digits=24, decimal_places=12)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RESERVED)
    expires_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["call_id", "budget"], name="one_reservation_a_call")]
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="reservation_open", condition=models.Q(state="reserved"))]

    def __str__(self) -> str:
        return f"{self.state} US$ {self.amount_usd.normalize():f}"
