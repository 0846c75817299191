"""Mail that leaves by itself: the page answers as fast for an address that is known as for one that is not."""

from threading import Thread

import structlog
from django.core.mail import EmailMessage

logger = structlog.get_logger(__name__)


def send_soon(message: EmailMessage) -> Thread:
    """Send it in a thread of its own. A failure is logged: nobody is waiting for it any more."""
    thread = Thread(target=_send, args=(message,), name="mail", daemon=False)
    thread.start()
    return thread


def _send(message: EmailMessage) -> None:
    try:
        message.send()
    except OSError as error:  # smtplib's errors are OSErrors, and so are the network's
        logger.error("A mail was not sent", subject=str(message.subject), error=str(error))
