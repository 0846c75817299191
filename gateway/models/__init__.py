"""The gateway's tables."""

from gateway.models.aliases import Deployment, ModelAlias
from gateway.models.answers import StoredAnswer
from gateway.models.budgets import Budget, BudgetPeriod, Reservation
from gateway.models.providers import DismissedWelcome, ModelChoices, ModelEntry, Provider
from gateway.models.webhooks import Delivery, Webhook

__all__ = [
    "Budget",
    "BudgetPeriod",
    "Delivery",
    "Deployment",
    "DismissedWelcome",
    "ModelAlias",
    "ModelChoices",
    "ModelEntry",
    "Provider",
    "Reservation",
    "StoredAnswer",
    "Webhook",
]
