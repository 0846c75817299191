"""What an erasure leaves: how much of what was deleted, when and by whom, and nothing of what it was.

A receipt is begun before anything is deleted and counts along in the same transactions, so a run that dies leaves one that the
next run goes on with. Its digest says later whether it is as it was written.
"""

import hashlib
import hmac
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import transaction

from telemetry.models import ErasureReceipt

Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Receipt:
    """As it is handed over. `finished_at` is None where nothing was deleted: a dry run."""

    id: UUID | None
    subject_digest: str
    requested_by: str
    begun_at: datetime
    finished_at: datetime | None
    counts: Counts
    is_dry_run: bool = False
    digest: str = ""

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = orjson.loads(orjson.dumps(asdict(self)))
        return told


def subject_digest(subject: str) -> str:
    """A person's keyed hash: whoever asks with the same name finds the receipt, and nobody finds the name by the receipt."""
    key = hashlib.sha256(b"telemetry.receipts" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, subject.strip().lower().encode(), hashlib.sha256).hexdigest()


def begin(subject: str, requested_by: str, now: datetime) -> ErasureReceipt:
    """The unfinished receipt of this person, or a new one."""
    digest = subject_digest(subject)
    unfinished = ErasureReceipt.objects.filter(subject_digest=digest, finished_at=None).order_by("begun_at").first()
    return unfinished or ErasureReceipt.objects.create(subject_digest=digest, requested_by=requested_by, begun_at=now)


def finished(subject: str) -> Receipt | None:
    """The latest receipt of a person who was erased."""
    found = ErasureReceipt.objects.filter(subject_digest=subject_digest(subject), finished_at__isnull=False)
    latest = found.order_by("-finished_at").first()
    return told(latest) if latest else None


def add(receipt: ErasureReceipt, kind: str, count: int) -> None:
    """Count what the caller's transaction deletes."""
    if count:
        with transaction.atomic():
            counts = ErasureReceipt.objects.select_for_update().get(id=receipt.id).counts
            receipt.counts = counts | {kind: counts.get(kind, 0) + count}
            receipt.save(update_fields=["counts"])


def finish(receipt: ErasureReceipt, now: datetime) -> Receipt:
    receipt.finished_at = now
    receipt.digest = digest_of(receipt)
    receipt.save(update_fields=["finished_at", "digest"])
    return told(receipt)


def told(receipt: ErasureReceipt) -> Receipt:
    return Receipt(
        receipt.id,
        receipt.subject_digest,
        receipt.requested_by,
        receipt.begun_at,
        receipt.finished_at,
        dict(sorted(receipt.counts.items())),
        digest=receipt.digest,
    )


def digest_of(receipt: ErasureReceipt) -> str:
    """SHA-256 of everything that the receipt says."""
    said = {name: value for name, value in told(receipt).as_json().items() if name not in {"digest", "is_dry_run"}}
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()
