"""What must be true of the records at any moment, and how to see whether it is."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection

from telemetry import inbox, spool, tallies

LONG_WAIT_SECONDS = 60

ABANDONED = """
SELECT count(*) FROM inference_log AS log LEFT JOIN telemetry_process AS process ON process.id = log.process_id
WHERE log.status = 'in_progress' AND log.process_id IS NOT NULL
    AND (process.beat_at IS NULL OR process.beat_at < statement_timestamp() - interval '2 minutes')
"""
MERGED = """
SELECT (SELECT coalesce(sum((phases & 1) + (phases >> 1 & 1)), 0) FROM inference_log) + (SELECT count(*) FROM span)
"""
STORED = """
WITH stored AS (
    SELECT workspace_id, received_at, id, payload_refs FROM inference_log
    UNION ALL SELECT workspace_id, received_at, id, payload_refs FROM span
)
"""
WITHOUT_KEY = """
SELECT count(*) FROM stored WHERE NOT EXISTS (SELECT FROM inference_key AS key
    WHERE key.workspace_id = stored.workspace_id AND key.inference_id = stored.id AND key.received_at = stored.received_at)
"""
WITHOUT_ROW = """
SELECT count(*) FROM inference_key AS key WHERE NOT EXISTS (SELECT FROM stored
    WHERE stored.workspace_id = key.workspace_id AND stored.id = key.inference_id AND stored.received_at = key.received_at)
"""
WITHOUT_PAYLOAD = """
SELECT count(*) FROM stored CROSS JOIN unnest(stored.payload_refs) AS ref
WHERE NOT EXISTS (SELECT FROM payload WHERE payload.workspace_id = stored.workspace_id AND payload.digest = ref
    AND payload.day = (stored.received_at AT TIME ZONE 'UTC')::date)
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be true: whether it is, and the figures."""

    name: str
    is_kept: bool
    figures: str


def checks(*, deep: bool = False) -> Iterator[Check]:
    """The accounts and what can be seen at once; `deep` reads every log row."""
    balance = tallies.balance()
    yield Check("no event is lost", balance.missing == 0, balance.equation)
    waiting = inbox.oldest_seconds()
    yield Check("the inbox is drained", waiting < LONG_WAIT_SECONDS, f"the oldest event waits for {waiting:.0f} s")
    kept = spool.state()
    figures = f"{kept.events} events of {kept.size_bytes} bytes wait for the database, {kept.aside} were put aside"
    yield Check("nothing is left in the spool", not kept.events and not kept.aside, figures)
    abandoned = _count(ABANDONED)
    yield Check("calls of dead processes are closed", abandoned == 0, f"{abandoned} in progress")
    if not deep:
        return
    merged = _count(MERGED)
    yield Check(
        "what was stored is there", merged == balance.stored - balance.erased,
        f"{merged} events in rows = stored {balance.stored} - erased {balance.erased}",
    )  # fmt: skip
    for name, query in (
        ("each row has its key", WITHOUT_KEY),
        ("each key has its row", WITHOUT_ROW),
        ("each row has what was said", WITHOUT_PAYLOAD),
    ):
        lacking = _count(STORED + query)
        yield Check(name, lacking == 0, f"{lacking} without")


def _count(query: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return int(cursor.fetchone()[0])
