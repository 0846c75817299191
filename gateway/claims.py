"""Who makes the answer to an Idempotency-Key: one request claims it, all others wait or are given what it made.

A claim is a row with a lease that its process keeps ahead of the database's clock; a process that dies loses it. An answer is
stored for a day, encrypted and not redacted: the one exception to that rule, for a replay must not differ.
"""

import base64
import hashlib
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from accounts.encryption import Sealed, key_ring, row_context
from accounts.entrance import Bearer, Refused
from gateway.models import StoredAnswer
from telemetry import product_events

LEASE = timedelta(seconds=30)
KEPT = timedelta(hours=24)
PIECE = 1000

# A claim can be taken that is too old, or whose process is dead; the same one asked for twice is the same one.
CLAIM = """
INSERT INTO gateway_storedanswer AS held (id, workspace_id, user_id, api_key_id, key_sha256, request_sha256, claim,
    lease_until, expires_at)
VALUES (%(claim)s, %(workspace)s, %(user)s, %(api_key)s, %(key)s, %(request)s, %(claim)s,
    statement_timestamp() + %(lease)s, statement_timestamp() + %(kept)s)
ON CONFLICT (api_key_id, key_sha256) DO UPDATE SET request_sha256 = excluded.request_sha256, claim = excluded.claim,
    lease_until = excluded.lease_until, expires_at = excluded.expires_at, answer = NULL, ended_at = NULL
WHERE held.claim = excluded.claim OR held.expires_at <= statement_timestamp()
    OR held.ended_at IS NULL AND held.lease_until <= statement_timestamp()
RETURNING id
"""
RENEW = """
UPDATE gateway_storedanswer SET lease_until = statement_timestamp() + make_interval(secs => %s)
WHERE claim = ANY(%s) AND ended_at IS NULL
"""


@dataclass(eq=False)
class Claim:
    """The right to make an answer. It is known by identity, and forgotten with the last who holds it."""

    row_id: UUID
    token: UUID


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered. Without a body (None) it was too large to keep."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None
    is_stream: bool


def claim(bearer: Bearer, key: bytes, request: bytes, token: UUID) -> Claim | Answer:
    """The right to answer, or the answer that there is; `key` and `request` are digests. Raises `Refused`.

    A lost connection is no harm: claimed again with the same token, it is the same claim.
    """
    values: dict[str, Any] = {
        "claim": token,
        "workspace": bearer.workspace_id,
        "user": bearer.user_id,
        "api_key": bearer.api_key_id,
        "key": key,
        "request": request,
        "lease": LEASE,
        "kept": KEPT,
    }
    for _ in range(3):
        if row_id := _insert(values):
            return Claim(row_id, token)
        held = StoredAnswer.objects.filter(api_key_id=bearer.api_key_id, key_sha256=key).first()
        if held is not None:
            return _judge(held, bearer, request)
    raise _in_progress()  # what was there was gone again, each time


def renew(tokens: Collection[UUID]) -> None:
    """Say that these are still being worked on."""
    with connection.cursor() as cursor:
        cursor.execute(RENEW, [LEASE.total_seconds(), list(tokens)])


def keep(held: Claim, answer: Answer) -> bool:
    """Store the answer; False when another request has the key by now."""
    packed = None if answer.body is None else base64.b64encode(zlib.compress(answer.body, 1)).decode()
    plain = orjson.dumps({"status": answer.status, "headers": answer.headers, "is_stream": answer.is_stream, "body": packed})
    context = row_context(StoredAnswer(pk=held.row_id), StoredAnswer._meta.get_field("answer"))
    sealed = Sealed(key_ring().seal(plain.decode(), context))
    return bool(StoredAnswer.objects.filter(pk=held.row_id, claim=held.token).update(answer=sealed, ended_at=Now()))


def free(held: Claim) -> None:
    """Nothing was answered that could be given again: the next request may try."""
    StoredAnswer.objects.filter(pk=held.row_id, claim=held.token, ended_at=None).delete()


def purge(now: datetime) -> int:
    """Delete what is a day old; returns how many."""
    purged = 0
    while True:
        old = StoredAnswer.objects.filter(expires_at__lt=now).values("pk")[:PIECE]
        count = StoredAnswer.objects.filter(pk__in=old).delete()[0]
        purged += count
        if count < PIECE:
            return purged


def digest(*parts: bytes) -> bytes:
    return hashlib.sha256(b"\0".join(parts)).digest()


def new_token() -> UUID:
    return uuid4()


def _insert(values: Mapping[str, Any]) -> UUID | None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(CLAIM, values)
            row = cursor.fetchone()
    except IntegrityError:  # the key, its person or the workspace went since it was checked
        raise Refused(401, "invalid_api_key", "This API key has ended.") from None
    return row[0] if row else None


def _judge(held: StoredAnswer, bearer: Bearer, request: bytes) -> Answer:
    if bytes(held.request_sha256) != request:
        raise Refused(409, "idempotency_key_reused", "Idempotency key reused with different request")
    if held.ended_at is None or held.answer is None:
        raise _in_progress()
    stored = orjson.loads(held.answer.reveal())
    if stored["body"] is None:
        message = "This request was answered before, and its answer was too large to be kept. Use another Idempotency-Key."
        raise Refused(409, "idempotency_answer_too_large", message)
    product_events.note(product_events.Name.IDEMPOTENCY_REPLAY, bearer.workspace_id, user_id=bearer.user_id)
    body = zlib.decompress(base64.b64decode(stored["body"]))
    return Answer(stored["status"], stored["headers"], body, stored["is_stream"])


def _in_progress() -> Refused:
    message = "A request with this Idempotency-Key is still being answered. Try again in a moment."
    return Refused(409, "idempotency_in_progress", message, retry_after=1)
