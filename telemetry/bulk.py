"""Acts on many calls at once: deleting, exporting, redacting again. A worker does them a slice at a time.

What is meant is either a list of calls, or a list's address as it was when the act was ordered. Each slice asks anew what the
person may do, and moves the cursor in its own transaction: killed, the job goes on where it stopped.
"""

import io
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import psycopg
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connection, transaction
from django.db.models import F
from django.http import QueryDict

from accounts import audit
from accounts.access import WHO_MAY, Act, may, require
from accounts.audit import Action
from accounts.entrance import Bearer
from accounts.models import Membership
from accounts.programs import bearer_of
from telemetry import erasure, exports, listed, log_columns, policies, raw_payloads, reading, reredaction
from telemetry.models import BulkJob, BulkPiece, InferenceLog
from telemetry.queries import pages
from telemetry.queries.filters import Filters, by_columns, by_facets
from telemetry.queries.pages import Cursor

SLICE = 200  # calls deleted or redacted at once
EXPORTED = 1_000  # calls written at once; with content, a tenth
READING_SECONDS = 10.0  # for the calls of a slice
LEASE = timedelta(minutes=2)
FAILURES = 5
LARGEST = 200 * 2**20  # bytes of a file
KEPT, REMEMBERED = timedelta(days=1), timedelta(days=30)
MOST_CHOSEN = 500
MOST_OPEN = 5  # jobs of one person
COUNTED = 100_000
COUNT_SECONDS = 2
TICK = timedelta(microseconds=1)
OTHERS = ("input_preview", "output_preview", "error_message", "content")  # what a reader may not read of others' calls
NEEDED: Mapping[str, Act | None] = {"delete": Act.DELETE_LOGS, "redact": Act.SET_POLICY, "export": None}

COUNT = """
SELECT count(*) FROM (
    SELECT FROM inference_log AS log WHERE log.workspace_id = %(workspace)s
        AND (%(since)s::timestamptz IS NULL OR log.received_at >= %(since)s) AND log.received_at < %(until)s AND {condition}
    LIMIT %(most)s
) AS counted
"""


class NotPossible(Exception):
    """It can't be ordered; the message is for the person."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done: with the calls that were chosen, or with all of a list (its query)."""

    kind: str
    calls: Sequence[str] = ()
    query: str = ""
    format: str = "jsonl"
    has_content: bool = False


@dataclass(frozen=True, slots=True)
class Slice:
    """What a slice did. `cursor` is empty where the job is over."""

    done_count: int
    changed_count: int = 0
    cursor: str = ""
    body: bytes = b""


def check(part: Membership, order: Order) -> None:
    """Raises `NotPossible`, or `PermissionDenied` where the role does not let them."""
    if order.kind not in NEEDED:
        raise NotPossible("Choose what to do with these calls.")
    if needed := NEEDED[order.kind]:
        require(part, needed)
    if not order.query and not order.calls:
        raise NotPossible("Choose calls first, or say that all that fit are meant.")
    if len(order.calls) > MOST_CHOSEN:
        raise NotPossible(f"Choose {MOST_CHOSEN} calls at most, or say that all that fit are meant.")
    if order.format not in ("jsonl", "csv"):
        raise NotPossible("An export is written as jsonl or csv.")
    for key in order.calls:
        try:
            Cursor.read(key)
        except (ValueError, OverflowError):
            raise NotPossible("These are no calls of this list: choose them anew.") from None


def place(part: Membership, order: Order, *, now: datetime) -> BulkJob:
    """Order it. Raises `NotPossible` and `PermissionDenied`. That it was ordered is noted at once."""
    check(part, order)
    mine = BulkJob.objects.filter(workspace_id=part.workspace_id, person_id=part.user_id, ended_at=None)
    if mine.count() >= MOST_OPEN:
        raise NotPossible(f"{MOST_OPEN} of your acts are not over yet: wait for one of them.")
    total = len(order.calls) or count(part, order, now=now)
    with transaction.atomic():
        job = BulkJob.objects.create(
            workspace_id=part.workspace_id,
            person_id=part.user_id,
            kind=order.kind,
            query=order.query,
            calls=list(order.calls),
            format=order.format if order.kind == "export" else "",
            has_content=order.kind == "export" and order.has_content,
            total_count=total if total is not None and total <= COUNTED else None,
            created_at=now,
            leased_until=now,
        )
        _note(part, job, now)
    return job


def count(part: Membership, order: Order, *, now: datetime) -> int | None:
    """How many calls are meant: one more than `COUNTED` stands for more, None where counting takes too long."""
    if not order.query:
        return len(order.calls)
    filters = _filters(bearer_of(part), order.query, now)
    if filters is None:
        return 0
    condition = by_columns(filters)
    if not filters.is_plain and not filters.is_exact:
        facets = by_facets(filters)
        condition.terms += facets.terms
        condition.parameters |= facets.parameters
    told = {"workspace": filters.workspace_id, "since": filters.since, "until": filters.until, "most": COUNTED + 1}
    return _counted(COUNT.format(condition=condition.sql), condition.parameters | told)


def stop(part: Membership, job_id: UUID, *, now: datetime) -> None:
    """What was done stays done."""
    mine = BulkJob.objects.filter(workspace_id=part.workspace_id, person_id=part.user_id, id=job_id, ended_at=None)
    mine.update(state=BulkJob.State.STOPPED, ended_at=now)


def work(now: datetime, *, seconds: float) -> bool:
    """Go on with what is ordered for about so many seconds, in turns; says whether all is done."""
    deadline = time.monotonic() + seconds
    _forget(now)
    while job := _lease(now):
        if job.failure_count > FAILURES:
            _end(job, now, "It failed several times: an operator finds why in the worker's log.")
            continue
        try:
            _go_on(job, now)
        except PermissionDenied as error:
            _end(job, now, str(error))
        except (raw_payloads.StoreError, exports.ExportError) as error:
            _end(job, now, str(error))
        if time.monotonic() > deadline:
            return False
    return True


def _go_on(job: BulkJob, now: datetime) -> None:
    """One slice. Whoever stopped the job meanwhile, or did the slice too, is let have their way."""
    part = Membership.objects.select_related("workspace").filter(user_id=job.person_id, workspace_id=job.workspace_id).first()
    if part is None:
        raise PermissionDenied("Who ordered it is in this workspace no more.")
    if needed := NEEDED[job.kind]:
        require(part, needed)
    if job.kind == BulkJob.Kind.REDACT:  # row by row, each in a transaction of its own
        _keep(job, _redacted(job, bearer_of(part)), now)
        return
    with transaction.atomic():
        done = _deleted(job, bearer_of(part)) if job.kind == BulkJob.Kind.DELETE else _exported(job, bearer_of(part))
        if not _keep(job, done, now):
            transaction.set_rollback(True)


def _keep(job: BulkJob, done: Slice, now: datetime) -> bool:
    is_full = job.byte_count + len(done.body) >= LARGEST
    is_over = not done.cursor or is_full
    problem = f"The file is full at {LARGEST // 2**20} MB: narrow the filters to export the rest." if is_full else ""
    kept = BulkJob.objects.filter(id=job.id, cursor=job.cursor, ended_at=None).update(
        state=BulkJob.State.DONE if is_over else BulkJob.State.RUNNING,
        cursor=done.cursor,
        done_count=F("done_count") + done.done_count,
        changed_count=F("changed_count") + done.changed_count,
        byte_count=F("byte_count") + len(done.body),
        ended_at=now if is_over else None,
        problem=problem,
        failure_count=0,
        leased_until=now,
    )
    if kept and done.body:
        BulkPiece.objects.create(job=job, body=done.body)
    return bool(kept)


def _deleted(job: BulkJob, bearer: Bearer) -> Slice:
    calls, cursor = _calls(job, bearer)
    return Slice(len(calls), changed_count=erasure.erase_calls(calls), cursor=cursor)


def _redacted(job: BulkJob, bearer: Bearer) -> Slice:
    calls, cursor = _calls(job, bearer)
    done = reredaction.redact_calls(calls, policies.rules_of(job.workspace_id))
    return Slice(len(calls), changed_count=done.changed_count, cursor=cursor)


def _exported(job: BulkJob, bearer: Bearer) -> Slice:
    """The next records of the file, oldest first."""
    file = io.BytesIO()
    writer = exports.writer(
        "csv" if job.format == "csv" else "jsonl", file, with_content=job.has_content, is_continued=bool(job.cursor)
    )
    reads_all = job.has_content and bearer.role in WHO_MAY[Act.SEE_CONTENT]
    most = EXPORTED // 10 if job.has_content else EXPORTED
    found = list(islice(_records(job, bearer), most))
    for each in found:
        record = dict(each.record)
        record.pop("raw_payload_uri", None)
        if not (reads_all or record.get("user_id") == str(bearer.user_id)):
            for name in OTHERS:
                record.pop(name, None)
        writer.write(record)
    writer.close()
    return Slice(len(found), cursor=str(found[-1].cursor) if len(found) == most else "", body=file.getvalue())


def _records(job: BulkJob, bearer: Bearer) -> Iterator[exports.Exported]:
    after = Cursor.read(job.cursor) if job.cursor else None
    if job.query:
        filters = _filters(bearer, job.query, job.created_at)
        if filters is not None:
            yield from exports.records(filters, now=job.created_at, after=after, with_content=job.has_content)
        return
    own = reading.narrowed(Filters(job.workspace_id), bearer)
    for key in sorted(Cursor.read(text) for text in job.calls):
        if own is None or (after and key <= after):
            continue
        at_once = replace(own, since=key.received_at, until=key.received_at + TICK)
        found = exports.records(at_once, now=job.created_at, with_content=job.has_content)
        yield from (each for each in found if each.cursor == key)


def _calls(job: BulkJob, bearer: Bearer) -> tuple[list[InferenceLog], str]:
    """The next calls to act on, and the cursor after them."""
    if job.query:
        filters = _filters(bearer, job.query, job.created_at)
        if filters is None:
            return [], ""
        after = Cursor.read(job.cursor) if job.cursor else None
        page = pages.logs_page(filters, after, SLICE, now=job.created_at, seconds=READING_SECONDS)
        return _rows(job.workspace_id, [line.cursor for line in page.lines], bearer), str(page.older or "")
    start = int(job.cursor or 0)
    keys = [Cursor.read(text) for text in job.calls[start : start + SLICE]]
    end = start + len(keys)
    return _rows(job.workspace_id, keys, bearer), str(end) if end < len(job.calls) else ""


def _rows(workspace_id: UUID, keys: Sequence[Cursor], bearer: Bearer) -> list[InferenceLog]:
    """The calls of these keys that are still there and this person's to act on."""
    if not keys:
        return []
    times = [key.received_at for key in keys]
    found = InferenceLog.objects.filter(
        workspace_id=workspace_id, id__in=[key.id for key in keys], received_at__gte=min(times), received_at__lte=max(times)
    )
    return [call for call in found if reading.sees_all(bearer) or reading.is_own(bearer, call.user_id)]


def _filters(bearer: Bearer, query: str, now: datetime) -> Filters | None:
    """The list's calls until the act was ordered."""
    look = listed.read(QueryDict(query), now, columns=tuple(log_columns.COLUMNS))
    if look.typed:
        raise PermissionDenied("What was searched for cannot be acted on as a whole: choose the calls.")
    filters = listed.within(look, bearer)
    return replace(filters, until=min(filters.until or now, now)) if filters else None


def _counted(query: str, parameters: Mapping[str, Any]) -> int | None:
    try:
        return _count_in_time(query, parameters)
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            return None
        raise


def _count_in_time(query: str, parameters: Mapping[str, Any]) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(COUNT_SECONDS * 1000)])
        cursor.execute(query, parameters)
        return int(cursor.fetchone()[0])


def _lease(now: datetime) -> BulkJob | None:
    """The job that has waited longest, for this worker alone for a while."""
    with transaction.atomic():
        job = (
            BulkJob.objects.select_for_update(skip_locked=True)
            .filter(ended_at=None, leased_until__lte=now)
            .order_by("leased_until", "created_at")
            .first()
        )
        if job:
            job.failure_count += 1
            BulkJob.objects.filter(id=job.id).update(leased_until=now + LEASE, failure_count=job.failure_count)
        return job


def _end(job: BulkJob, now: datetime, problem: str) -> None:
    BulkJob.objects.filter(id=job.id, ended_at=None).update(state=BulkJob.State.FAILED, ended_at=now, problem=problem[:1_000])


def _forget(now: datetime) -> None:
    """Files after a day, acts after a month."""
    old = BulkJob.objects.filter(ended_at__lt=now - KEPT, byte_count__gt=0)
    for job in old[:100]:
        with transaction.atomic():
            job.pieces.all().delete()
            BulkJob.objects.filter(id=job.id).update(byte_count=0)
    BulkJob.objects.filter(ended_at__lt=now - REMEMBERED).delete()


def _note(part: Membership, job: BulkJob, now: datetime) -> None:
    """In the audit log: what was ordered, and that others' content will be read."""
    detail = {"name": "calls", "act": job.kind, "job": str(job.id), "call_count": job.total_count, "all": bool(job.query)}
    action = {"delete": Action.CALLS_DELETED, "redact": Action.CALLS_REDACTED, "export": Action.DATA_EXPORTED}[job.kind]
    audit.note(action, part.user_id, now=now, workspace=part.workspace_id, detail=detail)
    if job.has_content and may(part, Act.SEE_CONTENT):
        audit.note(Action.CONTENT_SEEN, part.user_id, now=now, workspace=part.workspace_id, detail=detail)
