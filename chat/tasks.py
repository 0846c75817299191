"""What Celery's beat asks of the chat."""

from celery import shared_task
from django.utils import timezone

from chat import originals, sweep


@shared_task(name="runs.sweep", ignore_result=True, expires=10)
def sweep_runs() -> None:
    """Close the replies whose runner is gone."""
    sweep.sweep()


@shared_task(name="originals.purge", ignore_result=True, expires=300)
def purge_originals() -> None:
    """Forget what was removed from messages, once its time is over."""
    originals.purge(timezone.now())
