"""Trying an alert: whoever would be told is told at once that it is a test, and what came of it is said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway import alert_letters, alert_telling, deliveries, webhooks
from gateway.models import AlertEvent, AlertRule


@dataclass(frozen=True, slots=True)
class Told:
    """One webhook or address, and what came of it."""

    whom: str
    is_good: bool
    says: str


def test(rule: AlertRule, *, now: datetime) -> Sequence[Told]:
    """One after another; a webhook has eight seconds to answer. Nothing of it goes into the history."""
    event = AlertEvent(
        workspace_id=rule.workspace_id,
        name=rule.name,
        severity=rule.severity,
        kind=AlertEvent.Kind.FIRED,
        value=rule.value,
        says=f"This is a test. {alert_telling.sentence(rule)}",
        created_at=now,
    )
    told = []
    for hook in alert_telling.hooks_of(rule):
        [delivery] = webhooks.enter([(hook, alert_telling.webhook_event(rule, event, is_test=True))], now=now)
        outcome = deliveries.send_now(delivery, now)
        says = outcome.says if outcome.status is None else f"answered {outcome.status}, after {outcome.ms} ms"
        told.append(Told(hook.name, outcome.is_good, says))
    for address in rule.letters_to:
        problem = alert_letters.send(event, rule, address)
        told.append(Told(address, not problem, problem or "the letter left"))
    return told
