"""The letter that an invitation is sent with, where a mailer is configured."""

import smtplib

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from accounts.models import Invitation

NO_MAILER = {"django.core.mail.backends.console.EmailBackend", "django.core.mail.backends.dummy.EmailBackend"}

log = structlog.get_logger(__name__)


def can_send() -> bool:
    """Without EMAIL_URL letters are printed to the log, and nobody gets them."""
    return settings.EMAIL_BACKEND not in NO_MAILER


def send(invitation: Invitation, link: str) -> bool:
    """Whether the letter left. The link is in it and in no queue, so it is sent while the inviter waits."""
    context = {"invitation": invitation, "link": link}
    subject = f"{invitation.created_by} invites you to {invitation.workspace}"
    message = EmailMessage(
        subject=" ".join(subject.split()),
        body=render_to_string("account/messages/invitation.txt", context),
        to=[invitation.email],
    )
    try:
        return bool(message.send())
    except (smtplib.SMTPException, OSError) as error:
        log.warning("an invitation could not be sent", invitation=str(invitation.pk), error=type(error).__name__)
        return False
