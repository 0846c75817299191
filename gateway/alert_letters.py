"""The letters of alerts: plain text, tried again with longer and longer pauses until they leave."""

import smtplib
import time
from datetime import datetime, timedelta

import structlog
from django.core.mail import EmailMessage
from django.db import connection
from django.template.loader import render_to_string

from gateway import alert_telling
from gateway.models import AlertEvent, AlertLetter, AlertRule

State = AlertLetter.State

PAUSES = [timedelta(seconds=seconds) for seconds in (30, 120, 600, 1800, 7200, 21_600)]
LOCK = 0x0111_0E05  # any number of our own, for the advisory lock: a mail server that is slow takes one thread of a worker
RUN_SECONDS = 20.0
AT_ONCE = 100

log = structlog.get_logger(__name__)


def work(now: datetime, *, seconds: float = RUN_SECONDS) -> int:
    """Send what is due, one worker at a time; returns how many attempts were made."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
        try:
            return _work(now, time.monotonic() + seconds)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def send(event: AlertEvent, rule: AlertRule | None, address: str) -> str:
    """One attempt; returns what went wrong, or nothing."""
    context = {
        "event": event,
        "kind": AlertEvent.Kind(event.kind).label,
        "workspace": event.workspace,
        "link": alert_telling.page_of(rule),
    }
    subject = f"[{AlertEvent.Kind(event.kind).label}] {event.name} – {event.workspace}"
    message = EmailMessage(
        subject=" ".join(subject.split()), body=render_to_string("observe/messages/alert.txt", context), to=[address]
    )
    try:
        return "" if message.send() else "The mail server took no letter."
    except (smtplib.SMTPException, OSError) as error:
        log.warning("an alert's letter did not leave", event_id=str(event.pk), error=type(error).__name__)
        return _reason(error)


def forget(address: str) -> None:
    """Write to a person no more. In the caller's transaction."""
    for rule in AlertRule.objects.select_for_update().filter(letters_to__contains=[address.lower()]).order_by("id"):
        rule.letters_to = [one for one in rule.letters_to if one != address.lower()]
        rule.save(update_fields=["letters_to"])


def _work(now: datetime, deadline: float) -> int:
    made = 0
    due = AlertLetter.objects.filter(state=State.PENDING, available_at__lte=now).order_by("available_at", "id")
    for letter in due.select_related("event__rule", "event__workspace")[:AT_ONCE]:
        if time.monotonic() > deadline:
            break
        _settle(letter, send(letter.event, letter.event.rule, letter.address), now)
        made += 1
    return made


def _settle(letter: AlertLetter, problem: str, now: datetime) -> None:
    letter.attempt_count += 1
    letter.problem = problem[:200]
    if not problem:
        letter.state, letter.ended_at = State.SENT, now
    elif letter.attempt_count > len(PAUSES):
        letter.state, letter.ended_at = State.FAILED, now
    else:
        letter.available_at = now + PAUSES[letter.attempt_count - 1]
    letter.save(update_fields=["attempt_count", "problem", "state", "ended_at", "available_at"])


def _reason(error: Exception) -> str:
    """Without the address and the server's own words, which may hold it."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "The mail server refused the address."
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "The mail server refused this installation's password."
    if isinstance(error, smtplib.SMTPException):
        return f"The mail server refused the letter ({type(error).__name__})."
    return "The mail server could not be reached."
