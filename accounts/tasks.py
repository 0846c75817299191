"""What Celery's beat asks of the accounts."""

from celery import shared_task
from django.utils import timezone

from accounts import invitations
from accounts.models import Session, SignInLink


@shared_task(name="accounts.purge", ignore_result=True, expires=3600)
def purge() -> None:
    """Forget sessions, sign-in links and invitations that have expired."""
    now = timezone.now()
    Session.objects.filter(expire_date__lt=now).delete()
    SignInLink.objects.filter(expires_at__lt=now).delete()
    invitations.purge(now)
