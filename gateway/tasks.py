"""The clock's tasks of the gateway."""

from datetime import UTC, datetime

from celery import shared_task

from gateway import alert_letters, alerts, budgets, claims, deliveries, happenings


@shared_task(name="budgets.release_expired")
def release_expired() -> None:
    budgets.release_expired(datetime.now(UTC))


@shared_task(name="answers.purge")
def purge_answers() -> None:
    """Forget the answers to yesterday's Idempotency-Keys."""
    claims.purge(datetime.now(UTC))


@shared_task(name="webhooks.deliver", expires=30)
def deliver() -> None:
    """Tell webhooks what has happened, and try again where that failed before."""
    happenings.gather(datetime.now(UTC))
    deliveries.work()


@shared_task(name="webhooks.prune")
def prune_deliveries() -> None:
    deliveries.prune(datetime.now(UTC))


@shared_task(name="alerts.evaluate", expires=25)
def evaluate_alerts() -> None:
    """Look at every alert whose turn it is."""
    alerts.work(datetime.now(UTC))


@shared_task(name="alerts.prune")
def prune_alerts() -> None:
    alerts.prune(datetime.now(UTC))


@shared_task(name="alerts.write", expires=10)
def write_alerts() -> None:
    """Send the letters of alerts, and try again where that failed before."""
    alert_letters.work(datetime.now(UTC))
