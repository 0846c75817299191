"""What Celery's beat asks of the chat."""

from celery import shared_task
from django.utils import timezone

from chat import deletion, originals, sweep, workspace_deletion
from chat.files import store


@shared_task(name="runs.sweep", ignore_result=True, expires=10)
def sweep_runs() -> None:
    """Close the replies whose runner is gone."""
    sweep.sweep()


@shared_task(name="originals.purge", ignore_result=True, expires=300)
def purge_originals() -> None:
    """Forget what was removed from messages, once its time is over."""
    originals.purge(timezone.now())


@shared_task(name="workspaces.delete", ignore_result=True, expires=30)
def delete_workspaces() -> None:
    """Go on erasing what deleted workspaces held."""
    workspace_deletion.work(timezone.now())


@shared_task(name="conversations.purge", ignore_result=True, expires=30)
def purge_conversations() -> None:
    """Delete for good what was deleted a minute ago, and the temporary chats of yesterday."""
    deletion.purge(timezone.now())


@shared_task(name="files.purge", ignore_result=True, expires=3600)
def purge_files() -> None:
    """Delete files that were attached and never sent."""
    store.purge(timezone.now())
