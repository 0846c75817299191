"""What Celery's beat asks of the chat."""

from celery import shared_task
from django.utils import timezone

from chat import deletion, originals, sweep


@shared_task(name="runs.sweep", ignore_result=True, expires=10)
def sweep_runs() -> None:
    """Close the replies whose runner is gone."""
    sweep.sweep()


@shared_task(name="originals.purge", ignore_result=True, expires=300)
def purge_originals() -> None:
    """Forget what was removed from messages, once its time is over."""
    originals.purge(timezone.now())


@shared_task(name="conversations.purge", ignore_result=True, expires=30)
def purge_conversations() -> None:
    """Delete for good what was deleted a minute ago, and the temporary chats of yesterday."""
    deletion.purge(timezone.now())
