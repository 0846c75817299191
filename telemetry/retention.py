"""How long calls and their rollups are kept, and the deletion of what is older.

A day is sealed before its calls go: its rollups are complete by then, and are never rebuilt again. Whole days are dropped with
their partitions; a workspace that keeps calls for a shorter time has its rows deleted in batches. The beat runs it, and what
a run could not finish the next one does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper

from telemetry import day_drops, locks, partitions, payloads, raw_payloads, rollup_backfill, rollups, scores, search, tallies
from telemetry.models import RetentionPolicy, SealedDay

BATCH = 2000

PHASES = "SELECT coalesce(sum((phases & 1) + (phases >> 1 & 1)), 0), count(*) FROM {table}"
COUNT = "SELECT count(*) FROM {table}"
# An hour at a time: the block range index finds it, and no statement runs for long.
FORGET_KEYS = "DELETE FROM inference_key WHERE received_at >= %s AND received_at < %s"
# What a run that died left half made is taken away first.
REFRESH_KEYS = ("DROP INDEX IF EXISTS key_received_ccnew", "VACUUM inference_key", "REINDEX INDEX CONCURRENTLY key_received")
DAYS_LEFT = (
    "SELECT DISTINCT (received_at AT TIME ZONE 'UTC')::date FROM inference_log WHERE workspace_id = %s AND received_at < %s"
)
EMPTY_LOG = """
WITH doomed AS MATERIALIZED (
    SELECT workspace_id, received_at, id FROM inference_log
    WHERE workspace_id = %(workspace)s AND received_at >= %(start)s AND received_at < %(end)s
    ORDER BY workspace_id, received_at, id LIMIT %(limit)s FOR UPDATE
), keys AS (
    DELETE FROM inference_key AS key USING doomed WHERE key.workspace_id = doomed.workspace_id AND key.inference_id = doomed.id
), gone AS (
    DELETE FROM inference_log AS log USING doomed
    WHERE log.workspace_id = doomed.workspace_id AND log.received_at = doomed.received_at AND log.id = doomed.id
    RETURNING log.id, log.received_at, (phases & 1) + (phases >> 1 & 1) AS event_count
)
SELECT id, received_at, event_count FROM gone
"""
EMPTY_SPANS = """
WITH gone AS (
    DELETE FROM span WHERE workspace_id = %(workspace)s AND received_at >= %(start)s AND received_at < %(end)s
    RETURNING workspace_id, id
), keys AS (
    DELETE FROM inference_key AS key USING gone WHERE key.workspace_id = gone.workspace_id AND key.inference_id = gone.id
)
SELECT count(*) FROM gone
"""
EMPTY = "DELETE FROM {table} WHERE workspace_id = %(workspace)s AND received_at >= %(start)s AND received_at < %(end)s"
FORGET_MEANINGS = "DELETE FROM search_meaning WHERE received_at < %s"
ROLLUPS = ("rollup_hour", "rollup_day", "usage_hour", "usage_day")
FORGET_ROLLUPS = "DELETE FROM {table} WHERE bucket_at < %s AND (%s::uuid IS NULL OR workspace_id = %s)"
FORGET_UNLINKED = "DELETE FROM telemetry_unlinked WHERE unlinked_at < %s"

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Outcome:
    """What a run deleted, or would have: days of everybody's calls, calls of one workspace, and rollups."""

    dropped_days: list[date] = field(default_factory=list)
    call_count: int = 0
    minute_days: list[date] = field(default_factory=list)
    rollup_count: int = 0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told = [
            f"{len(self.dropped_days)} days dropped" if self.dropped_days else "",
            f"{self.call_count:,} calls deleted" if self.call_count else "",
            f"{len(self.minute_days)} days of minutes dropped" if self.minute_days else "",
            f"{self.rollup_count:,} sums deleted" if self.rollup_count else "",
            *self.problems,
        ]
        return "; ".join(filter(None, told)) or "nothing was old enough"


def installation() -> RetentionPolicy:
    """The policy that holds where a workspace has no shorter one."""
    return RetentionPolicy.objects.get_or_create(workspace=None)[0]


def raw_days(policy: RetentionPolicy) -> int:
    """For how many days before today calls are kept. A workspace keeps nothing for longer than the installation does."""
    kept = policy.raw_days if policy.raw_days is not None else settings.OLLIVE_RETENTION_DAYS
    return min(kept, raw_days(installation())) if policy.workspace_id else kept


def rollup_days(policy: RetentionPolicy) -> int:
    kept = policy.rollup_days if policy.rollup_days is not None else settings.OLLIVE_ROLLUP_DAYS
    return min(kept, rollup_days(installation())) if policy.workspace_id else kept


def enforce(now: datetime) -> Outcome:
    """Delete what every policy says is too old, and write each outcome to its policy."""
    today = now.astimezone(UTC).date()
    total = Outcome()
    policies = [installation(), *RetentionPolicy.objects.filter(workspace__isnull=False).order_by("id")]
    for policy in policies:
        outcome = Outcome()
        before = today - timedelta(days=raw_days(policy))
        if policy.workspace_id:
            outcome.call_count = sum(empty_day(policy.workspace_id, day, now) for day in _kept_days(before, policy.workspace_id))
        else:
            outcome = prune(before, now)
            _drop_minutes(today, outcome)
        outcome.rollup_count = _forget_rollups(today - timedelta(days=rollup_days(policy)), policy.workspace_id)
        scores.expire(before, today - timedelta(days=rollup_days(policy)), policy.workspace_id)
        policy.last_run_at, policy.last_outcome = now, str(outcome)
        policy.save(update_fields=["last_run_at", "last_outcome"])
        total.dropped_days += outcome.dropped_days
        total.minute_days += outcome.minute_days
        total.call_count += outcome.call_count
        total.rollup_count += outcome.rollup_count
        total.problems += outcome.problems
    return total


def prune(before: date, now: datetime, *, is_dry: bool = False) -> Outcome:
    """Drop the days before this one, of every workspace; a day that can't be had now is left for the next run."""
    outcome = Outcome()
    for day in day_drops.existing_days():
        if day >= before:
            break
        if is_dry:
            outcome.dropped_days.append(day)
            continue
        try:
            if _drop(day, now):
                outcome.dropped_days.append(day)
        except OperationalError as error:
            log.warning("a day could not be dropped now", day=str(day), error=type(error).__name__)
            outcome.problems.append(f"{day} is in use and is tried again at the next run")
    if not is_dry:
        _finish_days(now)
        with connection.cursor() as cursor:
            cursor.execute(FORGET_UNLINKED, [datetime.combine(before, time(), UTC)])
            if search.has_meanings(cursor):
                cursor.execute(FORGET_MEANINGS, [datetime.combine(before, time(), UTC)])
    return outcome


def empty_day(workspace_id: UUID, day: date, now: datetime) -> int:
    """Delete a workspace's calls of a day, in batches; returns how many."""
    seal(day, workspace_id, now)
    start = datetime.combine(day, time(), UTC)
    parameters: dict[str, Any] = {"workspace": workspace_id, "start": start, "end": start + timedelta(days=1), "limit": BATCH}
    call_count = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(EMPTY_LOG, parameters)
            if deleted := cursor.fetchall():
                search.forget(cursor, [(workspace_id, at, call) for call, at, _ in deleted])
                tallies.add(cursor, "expired", erased=sum(events for *_, events in deleted))
                call_count += len(deleted)
                continue
            # What is beside the log goes last: a run that dies before has rows left to come back for.
            locks.hold(cursor, locks.ERASURE)
            cursor.execute(EMPTY_SPANS, parameters)
            tallies.add(cursor, "expired", erased=cursor.fetchone()[0])
            cursor.execute(EMPTY.format(table="cost_version"), parameters)
            payloads.sweep(day, workspace_id)
            raw_payloads.forget(day, workspace_id)
            SealedDay.objects.filter(day=day, workspace_id=workspace_id).update(emptied_at=now)
            return call_count


def seal(day: date, workspace_id: UUID | None, now: datetime) -> None:
    """Say that a day's rollups are final; what they lack is built before, in the same transaction."""
    with transaction.atomic(), connection.cursor() as cursor:
        locks.hold(cursor, locks.ROLLUPS)
        if not rollup_backfill.is_complete(day):
            rollup_backfill.rebuild_day(day, now)
        SealedDay.objects.update_or_create(day=day, workspace_id=workspace_id, defaults={"emptied_at": None})


def _drop(day: date, now: datetime) -> bool:
    if day in partitions.attached_days(partitions.LOG):
        seal(day, None, now)

    def count(cursor: CursorWrapper, left: frozenset[str]) -> None:
        events = 0
        if partitions.LOG.of(day) in left:
            cursor.execute(PHASES.format(table=partitions.LOG.of(day)))
            events += int(cursor.fetchone()[0])
        if partitions.SPAN.of(day) in left:
            cursor.execute(COUNT.format(table=partitions.SPAN.of(day)))
            events += int(cursor.fetchone()[0])
        if events:
            tallies.add(cursor, "expired", erased=events)

    return day_drops.drop_day(day, count=count)


def _finish_days(now: datetime) -> None:
    """Forget the keys of dropped days, so that a run that died between the two is finished by the next."""
    days = list(SealedDay.objects.filter(workspace_id=None, emptied_at=None).order_by("day").values_list("day", flat=True))
    dropped = [day for day in days if day not in set(partitions.attached_days(partitions.LOG))]
    for day in dropped:
        for start, end in _hours(day):
            with connection.cursor() as cursor:
                cursor.execute(FORGET_KEYS, [start, end])
        SealedDay.objects.filter(day=day, workspace_id=None).update(emptied_at=now)
    if dropped:
        with connection.cursor() as cursor:
            # Block ranges remember the widest span that they ever held: without this they would be read for every day.
            for statement in REFRESH_KEYS:
                cursor.execute(statement)


def _drop_minutes(today: date, outcome: Outcome) -> None:
    """Minutes leave two days after the last reader's clock can want them."""
    before = today - timedelta(days=rollups.MINUTE_DAYS + 2)
    for day in day_drops.existing_days([partitions.MINUTES]):
        if day < before:
            try:
                day_drops.drop_day(day, parents=[partitions.MINUTES])
                outcome.minute_days.append(day)
            except OperationalError as error:
                log.warning("a day's minutes could not be dropped now", day=str(day), error=type(error).__name__)
                outcome.problems.append(f"the minutes of {day} are in use and are tried again at the next run")


def _kept_days(before: date, workspace_id: UUID) -> Sequence[date]:
    """The days before this one that may still have calls of the workspace."""
    done = set(SealedDay.objects.filter(workspace_id=workspace_id, emptied_at__isnull=False).values_list("day", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(DAYS_LEFT, [workspace_id, datetime.combine(before, time(), UTC)])
        late = {day for (day,) in cursor.fetchall()}
    return [day for day in partitions.attached_days(partitions.LOG) if day < before and (day in late or day not in done)]


def _forget_rollups(before: date, workspace_id: UUID | None) -> int:
    count = 0
    for table in ROLLUPS:
        with connection.cursor() as cursor:
            cursor.execute(FORGET_ROLLUPS.format(table=table), [before, workspace_id, workspace_id])
            count += cursor.rowcount
    if workspace_id is None:
        SealedDay.objects.filter(day__lt=before).delete()
    return count


def _hours(day: date) -> Iterator[tuple[datetime, datetime]]:
    start = datetime.combine(day, time(), UTC)
    for hour in range(24):
        yield start + timedelta(hours=hour), start + timedelta(hours=hour + 1)
