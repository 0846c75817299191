"""The clock's tasks of the gateway."""

from datetime import UTC, datetime

from celery import shared_task

from gateway import budgets, claims


@shared_task(name="budgets.release_expired")
def release_expired() -> None:
    budgets.release_expired(datetime.now(UTC))


@shared_task(name="answers.purge")
def purge_answers() -> None:
    """Forget the answers to yesterday's Idempotency-Keys."""
    claims.purge(datetime.now(UTC))
