"""Sending events to webhooks: signed, tried again with longer and longer pauses, each attempt written down.

At least once: a worker that dies in between sends again. A receiver that says 410, or fails for three days, is switched off.
"""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import aiohttp
from django.db import connection
from yarl import URL

from gateway import signatures, webhooks
from gateway.adapters.sessions import close_sessions, read_start, session
from gateway.addresses import ForbiddenAddressError, require_public
from gateway.models import Delivery, Webhook
from telemetry import policies

State = Delivery.State

PAUSES = [timedelta(seconds=seconds) for seconds in (10, 60, 300, 1800, 7200, 21_600, 43_200, 86_400)]
AT_ONCE = 10  # to one webhook
RUN_SECONDS = 15.0
ATTEMPT_SECONDS = 8.0
LEASE = timedelta(seconds=60)
GIVES_UP_AFTER = timedelta(days=3)
KEPT = timedelta(days=14)
KEPT_ATTEMPTS = 20
SHOWN_BYTES = 500
PIECE = 1000
LOCK = 0x0111_0E03  # any number of our own, for the advisory lock: receivers that are slow take one thread of a worker

# A few for each webhook, however many wait: a receiver that is away holds up nobody else's events for long.
CLAIM = """
UPDATE gateway_delivery AS delivery SET available_at = %(lease)s, attempt_count = delivery.attempt_count + 1
FROM (
    SELECT due.id FROM gateway_webhook AS webhook CROSS JOIN LATERAL (
        SELECT id FROM gateway_delivery WHERE webhook_id = webhook.id AND state = 'pending' AND available_at <= %(now)s
        ORDER BY available_at LIMIT CASE WHEN webhook.failing_since IS NULL THEN %(at_once)s ELSE 2 END FOR UPDATE SKIP LOCKED
    ) AS due WHERE webhook.is_enabled
) AS claimed WHERE delivery.id = claimed.id RETURNING delivery.id
"""


@dataclass(frozen=True, slots=True)
class Letter:
    """One attempt as it goes out."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt. `status` is None where nobody answered; `says` is a sentence, or the start of the answer."""

    status: int | None
    ms: int
    says: str

    @property
    def is_good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def work(*, seconds: float = RUN_SECONDS) -> int:
    """Send what is due, one worker at a time; returns how many attempts were made."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
        try:
            return _work(time.monotonic() + seconds)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _work(deadline: float) -> int:
    made = 0
    while time.monotonic() < deadline:
        due = _claim(datetime.now(UTC))
        if not due:
            break
        for delivery, outcome in zip(due, _send(due, datetime.now(UTC)), strict=True):
            _settle(delivery, outcome, datetime.now(UTC))
        made += len(due)
    return made


def send_now(delivery: Delivery, now: datetime) -> Outcome:
    """One attempt at once, whatever was tried before."""
    Delivery.objects.filter(pk=delivery.pk).update(state=State.PENDING, attempt_count=1, available_at=now + LEASE, ended_at=None)
    delivery.refresh_from_db()
    [outcome] = _send([delivery], now)
    _settle(delivery, outcome, now)
    return outcome


def test(webhook: Webhook, now: datetime) -> tuple[Delivery, Outcome]:
    """Send an event that says nothing but that it is a test."""
    event = webhooks.Event(webhook.workspace_id, webhooks.TEST, f"test {now.isoformat()}", {"says": "Hello from Ollive."})
    [delivery] = webhooks.enter([(webhook, event)], now=now)
    return delivery, send_now(delivery, now)


def prune(now: datetime) -> int:
    """Forget what is two weeks old; returns how many."""
    pruned = 0
    while True:
        old = Delivery.objects.filter(created_at__lt=now - KEPT).values("pk")[:PIECE]
        count = Delivery.objects.filter(pk__in=old).delete()[0]
        pruned += count
        if count < PIECE:
            return pruned


def _claim(now: datetime) -> list[Delivery]:
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"now": now, "lease": now + LEASE, "at_once": AT_ONCE})
        ids = [row[0] for row in cursor.fetchall()]
    return list(Delivery.objects.filter(pk__in=ids).select_related("webhook").order_by("created_at", "pk")) if ids else []


def _send(due: Sequence[Delivery], now: datetime) -> list[Outcome]:
    """All at once; what needs the database is read before the loop begins."""
    return asyncio.run(_attempts([_letter(delivery, now) for delivery in due]))


def _letter(delivery: Delivery, now: datetime) -> Letter:
    body = delivery.body.encode()
    if delivery.webhook.shape == Webhook.Shape.SLACK:  # its address is the secret
        return Letter(delivery.webhook.url, {"Content-Type": "application/json", "User-Agent": "Ollive-Webhooks"}, body)
    signed = signatures.headers(webhooks.message_id(delivery.pk), body, signing=secrets_of(delivery.webhook, now), now=now)
    headers = {**signed, "Content-Type": "application/json", "User-Agent": "Ollive-Webhooks"}
    return Letter(delivery.webhook.url, headers, body)


async def _attempts(letters: Sequence[Letter]) -> list[Outcome]:
    try:
        return await asyncio.gather(*(_attempt(letter) for letter in letters))
    finally:
        await close_sessions()


async def _attempt(letter: Letter) -> Outcome:
    began = time.monotonic()
    try:
        status, says = await _post(letter)
    except TimeoutError:
        status, says = None, f"There was no answer within {ATTEMPT_SECONDS:.0f} seconds."
    except (aiohttp.ClientError, OSError, ValueError) as error:
        status, says = None, _reason(error)
    return Outcome(status, round((time.monotonic() - began) * 1000), says)


async def _post(letter: Letter) -> tuple[int, str]:
    url = URL(letter.url, encoded=True)
    require_public(url.host or "", port=url.port)
    async with (
        asyncio.timeout(ATTEMPT_SECONDS),
        session(is_guarded=True).post(url, data=letter.body, headers=letter.headers, allow_redirects=False) as response,
    ):
        text = (await read_start(response, limit=SHOWN_BYTES)).decode("utf-8", "replace")
        if 300 <= response.status < 400:
            text = "The address redirects, which is not followed."
        return response.status, text


def secrets_of(webhook: Webhook, now: datetime) -> list[str]:
    """What events are signed with at the moment, the newest first."""
    assert webhook.secret is not None
    found = [webhook.secret.reveal()]
    if webhook.previous_secret is not None and webhook.previous_expires_at is not None and webhook.previous_expires_at > now:
        found.append(webhook.previous_secret.reveal())
    return found


def _reason(error: Exception) -> str:
    cause = getattr(error, "os_error", None)
    if isinstance(error, ForbiddenAddressError) or isinstance(cause, ForbiddenAddressError):
        return "The address leads into a private network."
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "The host was not found."
    if isinstance(error, aiohttp.ClientSSLError):
        return "No secure connection could be made."
    if isinstance(error, aiohttp.ClientConnectorError):
        return "The host could not be reached."
    return "The connection broke."


def _settle(delivery: Delivery, outcome: Outcome, now: datetime) -> None:
    """Write down what came of it, and when to try again."""
    redactor = policies.rules_of(delivery.webhook.workspace_id).redactor
    says = redactor.redact(outcome.says.replace("\0", "")).text
    attempt = {"at": now.isoformat(), "status": outcome.status, "ms": outcome.ms, "says": says}
    values = {"attempts": [*delivery.attempts, attempt][-KEPT_ATTEMPTS:], "state": State.DELIVERED, "ended_at": now}
    if not outcome.is_good:
        pause = PAUSES[delivery.attempt_count - 1] if delivery.attempt_count <= len(PAUSES) else None
        if pause is None or outcome.status == 410:
            values["state"] = State.FAILED
        else:
            jitter = random.uniform(0.9, 1.1)
            values |= {"state": State.PENDING, "ended_at": None, "available_at": now + pause * jitter}
    Delivery.objects.filter(pk=delivery.pk, attempt_count=delivery.attempt_count).update(**values)
    _judge(delivery.webhook_id, outcome, now)


def _judge(webhook_id: UUID, outcome: Outcome, now: datetime) -> None:
    """What an attempt says of the webhook itself."""
    found = Webhook.objects.filter(pk=webhook_id)
    if outcome.is_good:
        found.exclude(failing_since=None).update(failing_since=None)
        return
    found.filter(failing_since=None).update(failing_since=now)
    enabled = found.filter(is_enabled=True)
    if outcome.status == 410:
        enabled.update(is_enabled=False, switched_off_because="It answered 410: the receiver is gone for good.")
    else:
        because = "It failed for three days."
        enabled.filter(failing_since__lt=now - GIVES_UP_AFTER).update(is_enabled=False, switched_off_because=because)
