"""The clock's tasks of the gateway."""

from datetime import UTC, datetime

from celery import shared_task

from gateway import budgets


@shared_task(name="budgets.release_expired")
def release_expired() -> None:
    budgets.release_expired(datetime.now(UTC))
