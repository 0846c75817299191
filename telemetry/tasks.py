"""The clock's and the wake-ups' tasks. They carry nothing: what is to be done is in the database."""

import os
from datetime import UTC, datetime
from uuid import UUID

from celery import shared_task

from telemetry import (
    bulk,
    deep_redaction,
    digest,
    feed,
    meanings,
    partitions,
    payload_packing,
    processes,
    product_events,
    raw_payloads,
    repricing,
    retention,
    rollups,
    spool,
    tallies,
)

BULK_SECONDS = 15.0
DEEP_SECONDS = 10.0
REPRICING_SECONDS = 20.0
ROLLUP_SECONDS = 20.0

_process: tuple[int, UUID] | None = None  # pid and id: a forked worker enters itself


@shared_task(name="digest.drain")
def drain() -> None:
    """Empty the inbox, and show that this worker is alive."""
    with processes.beating(_this_process(), kind="worker"):
        spool.replay()
        digest.drain()
        tallies.fold()
    rollups.build(datetime.now(UTC), seconds=ROLLUP_SECONDS)


@shared_task(name="rollups.build")
def build_rollups() -> None:
    """Rebuild what was marked and has settled."""
    rollups.build(datetime.now(UTC), seconds=ROLLUP_SECONDS)


@shared_task(name="repricing.work")
def reprice() -> None:
    """Preview and apply what was asked for, a while at a time."""
    repricing.work(datetime.now(UTC), seconds=REPRICING_SECONDS)


@shared_task(name="logs.bulk", expires=30)
def work_in_bulk() -> None:
    """Delete, export and redact the calls that people chose, a while at a time."""
    bulk.work(datetime.now(UTC), seconds=BULK_SECONDS)


@shared_task(name="redaction.deep", expires=30)
def redact_deeply() -> None:
    """Look for names in rows that wait for it, a while at a time."""
    deep_redaction.run(datetime.now(UTC), seconds=DEEP_SECONDS)


@shared_task(name="search.embed", expires=30)
def embed() -> None:
    """Embed the newest calls, where they are to be found by meaning."""
    if meanings.is_on():
        meanings.embed_recent(datetime.now(UTC))


@shared_task(name="processes.close_silent")
def close_silent() -> None:
    processes.close_silent()


@shared_task(name="feed.prune")
def prune_feed() -> None:
    """Forget what every consumer of the log has seen, and what people did long ago."""
    feed.prune()
    product_events.prune(datetime.now(UTC))
    raw_payloads.prune(set(partitions.attached_days(partitions.LOG)))


@shared_task(name="partitions.ensure")
def ensure_partitions() -> None:
    partitions.ensure(datetime.now(UTC).date())


@shared_task(name="retention.enforce")
def enforce_retention() -> None:
    """Delete what the policies say is too old, and compress what was said on days that are over."""
    now = datetime.now(UTC)
    retention.enforce(now)
    payload_packing.pack_days(now.date())


def _this_process() -> UUID:
    global _process
    if _process is None or _process[0] != os.getpid():
        _process = (os.getpid(), processes.register("worker"))
        digest.spare_memory()
    return _process[1]
