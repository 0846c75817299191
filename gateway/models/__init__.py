"""The gateway's tables."""

from gateway.models.alerts import AlertEvent, AlertLetter, AlertRule, Severity
from gateway.models.aliases import Deployment, ModelAlias
from gateway.models.answers import StoredAnswer
from gateway.models.budgets import Budget, BudgetPeriod, Reservation
from gateway.models.evaluation import Evaluation, EvaluationResult
from gateway.models.providers import DismissedWelcome, ModelChoices, ModelEntry, Provider
from gateway.models.webhooks import Delivery, Webhook

__all__ = [
    "AlertEvent",
    "AlertLetter",
    "AlertRule",
    "Budget",
    "BudgetPeriod",
    "Delivery",
    "Deployment",
    "DismissedWelcome",
    "Evaluation",
    "EvaluationResult",
    "ModelAlias",
    "ModelChoices",
    "ModelEntry",
    "Provider",
    "Reservation",
    "Severity",
    "StoredAnswer",
    "Webhook",
]
