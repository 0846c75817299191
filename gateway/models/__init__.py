"""The gateway's tables."""

from gateway.models.aliases import ModelAlias
from gateway.models.budgets import Budget, BudgetPeriod, Reservation
from gateway.models.providers import DismissedWelcome, ModelChoices, ModelEntry, Provider

__all__ = [
    "Budget",
    "BudgetPeriod",
    "DismissedWelcome",
    "ModelAlias",
    "ModelChoices",
    "ModelEntry",
    "Provider",
    "Reservation",
]
