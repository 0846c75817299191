"""Letters of a test: they leave in threads of their own."""

import threading

from django.core import mail
from django.core.mail import EmailMessage


def all_sent() -> list[EmailMessage]:
    """Every letter, once those on their way have left."""
    for thread in threading.enumerate():
        if thread.name == "mail":
            thread.join(10)
    return list(mail.outbox)
