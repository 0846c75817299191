"""The gateway's tables."""

from gateway.models.aliases import Deployment, ModelAlias
from gateway.models.answers import StoredAnswer
from gateway.models.budgets import Budget, BudgetPeriod, Reservation
from gateway.models.providers import DismissedWelcome, ModelChoices, ModelEntry, Provider

__all__ = [
    "Budget",
    "BudgetPeriod",
    "Deployment",
    "DismissedWelcome",
    "ModelAlias",
    "ModelChoices",
    "ModelEntry",
    "Provider",
    "Reservation",
    "StoredAnswer",
]
