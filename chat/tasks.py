"""What Celery's beat asks of the chat."""

from celery import shared_task

from chat import sweep


@shared_task(name="runs.sweep", ignore_result=True, expires=10)
def sweep_runs() -> None:
    """Close the replies whose runner is gone."""
    sweep.sweep()
