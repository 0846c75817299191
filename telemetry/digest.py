"""From the inbox to the log: a batch is read, merged, priced, written and deleted in one transaction, by any number of workers.

Order of locks, the same in every worker: the inbox rows (skipped when taken), then keys, log rows and payloads, each sorted.
"""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import orjson
import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper

from telemetry import (
    arrays,
    events,
    feed,
    locks,
    logs,
    metrics,
    partitions,
    payloads,
    policies,
    prices,
    raw_payloads,
    rollups,
    rows,
    search,
    spans,
    tallies,
    tracing,
)

BATCH = 500
BATCH_BYTES = 16 * 1024 * 1024
ATTEMPTS = 5
BACK_OFF_SECONDS = 5  # doubled at each attempt

# The running total keeps a batch of huge events from filling the memory; its first event is always taken.
TAKE = """
WITH locked AS (
    SELECT id, octet_length(body) AS size FROM telemetry_inbox
    WHERE available_at <= statement_timestamp() ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
), summed AS (SELECT id, sum(size) OVER (ORDER BY id) - size AS before FROM locked)
SELECT inbox.id, workspace_id, inference_id, event_id, body, received_at, attempt_count
FROM telemetry_inbox AS inbox JOIN summed USING (id) WHERE before < %s ORDER BY id
"""

CLAIM = """
INSERT INTO inference_key (workspace_id, inference_id, received_at)
SELECT workspace_id, inference_id, received_at FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[])
    AS called (workspace_id, inference_id, received_at)
ORDER BY workspace_id, inference_id
ON CONFLICT DO NOTHING
"""

# Whoever claimed a key first has committed by now, so this statement sees it.
FIND = """
SELECT key.workspace_id, key.inference_id, key.received_at FROM inference_key AS key
JOIN unnest(%s::uuid[], %s::uuid[]) AS called (workspace_id, inference_id) USING (workspace_id, inference_id)
"""

UNLINKED = """
SELECT workspace_id, conversation_id FROM telemetry_unlinked
JOIN unnest(%s::uuid[], %s::uuid[]) AS linked (workspace_id, conversation_id) USING (workspace_id, conversation_id)
"""

FAIL = """
UPDATE telemetry_inbox SET attempt_count = attempt_count + 1, error = %s,
    available_at = statement_timestamp() + make_interval(secs => %s * power(2, attempt_count))
WHERE id = %s
"""
BURY = """
WITH gone AS (DELETE FROM telemetry_inbox WHERE id = %s RETURNING *)
INSERT INTO telemetry_dead_letter (workspace_id, inference_id, event_id, body, received_at, attempt_count, error)
SELECT workspace_id, inference_id, event_id, body, received_at, attempt_count + 1, %s FROM gone
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """An inbox row in hand."""

    id: int
    workspace_id: UUID
    inference_id: UUID
    event_id: str
    body: str
    received_at: datetime
    attempt_count: int


@dataclass(slots=True)
class Drained:
    """What became of a batch, or of several."""

    taken: int = 0
    stored: int = 0
    duplicate: int = 0
    failed: int = 0
    dead: int = 0

    def __iadd__(self, other: "Drained") -> "Drained":
        self.taken += other.taken
        self.stored += other.stored
        self.duplicate += other.duplicate
        self.failed += other.failed
        self.dead += other.dead
        return self


Key = tuple[UUID, UUID]  # workspace, inference
Bodies = dict[int, dict[str, Any]]  # by inbox id


def drain(limit: int = BATCH, *, seconds: float = 20.0, stop: Callable[[], bool] = bool) -> Drained:
    """Digest batches until the inbox has no more to give, the time is up, or `stop` says so."""
    prices.refresh()
    deadline = time.monotonic() + seconds
    total = Drained()
    while True:
        batch = drain_batch(limit)
        total += batch
        if not batch.taken or time.monotonic() > deadline or stop():
            return total


def spare_memory() -> None:
    """Tell the collector that what is loaded by now stays: looking through it again took a third of the digest's time."""
    gc.collect()
    gc.freeze()


def drain_batch(limit: int = BATCH) -> Drained:
    """Digest one batch in one transaction. Events that fail stay, with a back-off, or die; the others go on."""
    began = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        locks.share(cursor, locks.ERASURE)
        cursor.execute(TAKE, [limit, BATCH_BYTES])
        taken = [Taken(*row) for row in cursor.fetchall()]
        drained = Drained(taken=len(taken))
        if not taken:
            return drained
        bodies = _read(taken, drained, cursor)
        done = _digest([event for event in taken if event.id in bodies], bodies, drained, cursor)
        if done:
            cursor.execute("DELETE FROM telemetry_inbox WHERE id = ANY(%s::bigint[])", [arrays.literal(done)])
            tallies.add(cursor, stored=drained.stored, duplicate=drained.duplicate)
    seconds = time.perf_counter() - began
    outcomes = {"stored": drained.stored, "duplicate": drained.duplicate, "failed": drained.failed, "dead": drained.dead}
    metrics.observe_batch(outcomes, seconds)
    if tracing.is_on():
        tracing.tell_bodies("digest", (bodies[number] for number in done), seconds=seconds)
    return drained


def _digest(taken: Sequence[Taken], bodies: Bodies, drained: Drained, cursor: CursorWrapper) -> list[int]:
    """Store what can be stored; the ids of those inbox rows. An event that can't be is found by halving the batch."""
    if not taken:
        return []
    try:
        with transaction.atomic():
            stored, duplicate = _store(taken, bodies, cursor)
    except (OperationalError, InterfaceError):
        raise  # the connection, or a deadlock: no fault of these events
    except Exception as error:  # edge: whatever is wrong with one event, the others of its batch go on
        if len(taken) == 1:
            _fail(taken[0], error, drained, cursor)
            return []
        middle = len(taken) // 2
        return [*_digest(taken[:middle], bodies, drained, cursor), *_digest(taken[middle:], bodies, drained, cursor)]
    drained.stored += stored
    drained.duplicate += duplicate
    return [event.id for event in taken]


def _read(taken: Sequence[Taken], drained: Drained, cursor: CursorWrapper) -> Bodies:
    """The events' fields, redacted by the current engine: an event may have waited for longer than a release."""
    bodies: Bodies = {}
    for event in taken:
        try:
            body = orjson.loads(event.body)
            if body["phase"] not in {"started", "finished", "span"}:
                raise ValueError("unknown phase")
            rules = policies.rules_of(event.workspace_id)
            if body.get("redaction_version") != rules.version:
                redact_fields = (spans if body["phase"] == "span" else events).redact_fields
                body = redact_fields(body, rules) | {"redaction_version": rules.version}
        except (ValueError, TypeError, KeyError) as error:
            _fail(event, error, drained, cursor)
        else:
            bodies[event.id] = body
    return bodies


def _store(taken: Sequence[Taken], bodies: Bodies, cursor: CursorWrapper) -> tuple[int, int]:
    """Merge, settle and write; returns how many events were stored and how many had been stored before."""
    by_key: dict[Key, list[dict[str, Any]]] = {}
    steps: dict[Key, dict[str, Any]] = {}
    first: dict[Key, datetime] = {}
    for event in taken:
        key = (event.workspace_id, event.inference_id)
        first[key] = min(first.get(key, event.received_at), event.received_at)
        if bodies[event.id]["phase"] == "span":
            steps[key] = bodies[event.id]
        else:
            by_key.setdefault(key, []).append(bodies[event.id])
    received = _claim(first, cursor)
    known = logs.load({key: received[key] for key in by_key}, cursor)
    for key in spans.find_wrappers(by_key, by_key.keys() - known.keys(), cursor):
        steps[key] = spans.from_call(by_key.pop(key)[0])
    calls = {key: rows.merge(known.get(key), by_key[key]) for key in sorted(by_key)}
    changed = {key: call for key, call in calls.items() if call.stored_count}
    _unlink([*((key[0], call.row) for key, call in changed.items()), *((key[0], step) for key, step in steps.items())], cursor)
    step_rows, pieces = spans.pack(steps, received)
    _write(changed, received, cursor, pieces=pieces)
    step_count = spans.write(step_rows, cursor)
    stored = sum(call.stored_count for call in calls.values()) + step_count
    return stored, sum(call.duplicate_count for call in calls.values()) + len(steps) - step_count


def _claim(first: dict[Key, datetime], cursor: CursorWrapper) -> dict[Key, datetime]:
    """When each call was first heard of: now, or as its key says."""
    keys = sorted(first)
    workspaces, inferences = arrays.literal(key[0] for key in keys), arrays.literal(key[1] for key in keys)
    cursor.execute(CLAIM, [workspaces, inferences, arrays.literal(first[key].isoformat() for key in keys)])
    cursor.execute(FIND, [workspaces, inferences])
    received: dict[Key, datetime] = {(workspace, inference): at for workspace, inference, at in cursor.fetchall()}
    partitions.ensure_days({_day(at) for at in received.values()})
    return received


def _unlink(changed: Sequence[tuple[UUID, dict[str, Any]]], cursor: CursorWrapper) -> None:
    """Drop the links of these rows (workspace, row) to conversations that are deleted by now."""
    linked = {(workspace, UUID(row["conversation_id"])) for workspace, row in changed if row.get("conversation_id")}
    if not linked:
        return
    cursor.execute(UNLINKED, [[workspace for workspace, _ in linked], [conversation for _, conversation in linked]])
    gone = set(cursor.fetchall())
    for workspace, row in changed:
        if row.get("conversation_id") and (workspace, UUID(row["conversation_id"])) in gone:
            row["conversation_id"] = row["message_id"] = None


def _write(
    changed: dict[Key, rows.Call], received: dict[Key, datetime], cursor: CursorWrapper, *, pieces: payloads.Pieces
) -> None:
    """The calls' rows, and the pieces of content that they or others of the batch refer to."""
    pieces = dict(pieces)
    addresses = raw_payloads.take_out({key: call.content for key, call in changed.items()}, received)
    for key, call in changed.items():
        row, day = call.row, _day(received[key])
        row["raw_payload_uri"] = addresses.get(key) or row.get("raw_payload_uri")
        row |= {
            "id": str(key[1]),
            "workspace_id": str(key[0]),
            "received_at": received[key].isoformat(),
            "deep_redacted_at": None,
        }
        rows.settle(row, logs.content_to_count(row) | call.content)
        packed = payloads.pack(key[0], call.content)
        row["payload_parts"], row["payload_refs"] = payloads.join(row.get("payload_parts"), row.get("payload_refs"), packed)
        pieces |= {(day, key[0], digest): piece for digest, piece in packed.pieces.items()}
    payloads.write(((*at, *piece) for at, piece in pieces.items()), cursor)
    if changed:
        logs.write([call.row for call in changed.values()], cursor)
        rollups.touch(cursor, ((key[0], received[key]) for key in changed))
        search.index(cursor, [(call.row, call.content) for call in changed.values()])
        feed.note(cursor, ((*key, received[key], call.row["status"] != "in_progress") for key, call in changed.items()))


def _fail(event: Taken, error: Exception, drained: Drained, cursor: CursorWrapper) -> None:
    """Try the event again later; after the last attempt put it aside."""
    reason = events.redact_text(f"{type(error).__name__}: {error}", workspace_id=event.workspace_id)
    if event.attempt_count + 1 < ATTEMPTS:
        cursor.execute(FAIL, [reason, BACK_OFF_SECONDS, event.id])
        drained.failed += 1
    else:
        cursor.execute(BURY, [event.id, reason])
        drained.dead += 1
        log.warning("an event could not be digested and was put aside", event_id=event.event_id)


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
