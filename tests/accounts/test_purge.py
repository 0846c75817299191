"""What has expired is forgotten; what still holds is kept."""

from datetime import timedelta

from django.utils import timezone

from accounts.models import Session, SignInLink
from accounts.sign_in_links import make_link
from accounts.tasks import purge


def test_expired_sessions_and_links_are_forgotten(alice):
    now = timezone.now()
    for key, days in (("old", -1), ("new", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=now + timedelta(days=days))
    make_link(alice, now - timedelta(days=2))
    make_link(alice, now)

    purge()

    assert [session.session_key for session in Session.objects.all()] == ["new"]
    assert SignInLink.objects.get().expires_at > now
