"""Working costs out anew: a preview that changes nothing, then the change, each call's former cost kept as a version.

A pass goes through the log by (received_at, id) in small transactions; where it is stands in its row, so it goes on after a kill.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import inf
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import F

from telemetry import feed, prices, rollups, rows
from telemetry.models import Repricing

BATCH = 2_000
COLUMNS = (
    "workspace_id", "received_at", "id", "started_at", "provider", "model", "served_model",
    *rows.TOKENS, "is_cached", "reported_cost_usd", "cost_usd", "price_id",
)  # fmt: skip

PAGE = """
SELECT {columns} FROM inference_log
WHERE received_at >= %(since)s AND received_at < %(until)s AND (received_at, id) > (%(at_received_at)s, %(at_id)s)
    AND (%(workspace_id)s::uuid IS NULL OR workspace_id = %(workspace_id)s)
    AND (%(provider)s::text IS NULL OR provider = %(provider)s)
    AND (%(model)s::text IS NULL OR model = %(model)s OR served_model = %(model)s)
    AND (NOT %(only_unknown)s OR cost_usd IS NULL) AND status <> 'in_progress'
ORDER BY received_at, id LIMIT %(limit)s
""".format(columns=", ".join(COLUMNS))

# Sorted as the digest locks rows. One that changed since it was read is left: whoever changed it priced it too.
CHANGE = """
WITH given AS (
    SELECT * FROM json_to_recordset(%s::json) AS change (workspace_id uuid, received_at timestamptz, id uuid,
        old_cost numeric, old_price text, new_cost numeric, new_price text) ORDER BY workspace_id, received_at, id
), held AS (
    SELECT given.* FROM given CROSS JOIN LATERAL (
        SELECT FROM inference_log AS log WHERE log.workspace_id = given.workspace_id AND log.received_at = given.received_at
            AND log.id = given.id AND log.cost_usd IS NOT DISTINCT FROM given.old_cost
            AND log.price_id IS NOT DISTINCT FROM given.old_price FOR UPDATE
    ) AS found
), kept AS (
    INSERT INTO cost_version (workspace_id, received_at, id, version, cost_usd, price_id, repricing_id)
    SELECT workspace_id, received_at, id, 1 + (
        SELECT count(*) FROM cost_version AS earlier WHERE earlier.workspace_id = held.workspace_id
            AND earlier.received_at = held.received_at AND earlier.id = held.id
    ), old_cost, old_price, %s FROM held
)
UPDATE inference_log AS log SET cost_usd = held.new_cost, price_id = held.new_price FROM held
WHERE log.workspace_id = held.workspace_id AND log.received_at = held.received_at AND log.id = held.id
"""

NOBODY = UUID(int=0)
AT_ITS_START: dict[str, Any] = {
    "at_received_at": None, "at_id": None, "seen_count": 0, "changed_count": 0, "newly_known_count": 0,
    "newly_unknown_count": 0, "before_usd": 0, "after_usd": 0, "ended_at": None,
}  # fmt: skip

Report = Callable[[int], object]  # called with the number of calls seen since the last time


def _nothing(count: int) -> None:
    """Report to nobody."""


class PricesChanged(Exception):
    """Prices are not what they were when the repricing was previewed: it must be previewed again."""


@dataclass(slots=True)
class Difference:
    """What a batch of calls cost before and after. Calls with an unknown cost count in no sum."""

    seen: int = 0
    changed: int = 0
    newly_known: int = 0
    newly_unknown: int = 0
    before_usd: Decimal = Decimal(0)
    after_usd: Decimal = Decimal(0)

    def add(self, old: Decimal | None, new: Decimal | None, *, is_changed: bool) -> None:
        self.seen += 1
        self.changed += is_changed
        self.newly_known += old is None and new is not None
        self.newly_unknown += old is not None and new is None
        self.before_usd += old or 0
        self.after_usd += new or 0


def preview(job_id: UUID, *, now: datetime, seconds: float = inf, report: Report = _nothing) -> bool:
    """Work out what would change, for at most so many seconds; says whether it is done.

    A preview goes on where it stopped, and begins anew when prices have changed since.
    """
    _restart_unless_current(job_id)
    prices.refresh(at_once=True)
    return _pass(job_id, now, seconds=seconds, report=report, is_applied=False)


def order(job_id: UUID) -> bool:
    """Ask for a previewed repricing to be applied; says whether there was one."""
    ordered = Repricing.objects.filter(id=job_id, state=Repricing.State.PREVIEWED)
    return bool(ordered.update(**AT_ITS_START, state=Repricing.State.ORDERED))


def apply(job_id: UUID, *, now: datetime, seconds: float = inf, report: Report = _nothing) -> bool:
    """Change what an ordered repricing found, for at most so many seconds; says whether it is done.

    Raises PricesChanged, and changes nothing more, where the preview no longer holds: then it is previewed again.
    """
    if _restart_unless_current(job_id):
        raise PricesChanged("Prices have changed since this repricing was previewed: preview it again.")
    prices.refresh(at_once=True)
    return _pass(job_id, now, seconds=seconds, report=report, is_applied=True)


def work(now: datetime, *, seconds: float) -> bool:
    """Preview or apply what is asked for, oldest first, for about so many seconds; says whether all is done."""
    deadline = time.monotonic() + seconds
    waiting = Repricing.objects.filter(state__in=[Repricing.State.WAITING, Repricing.State.ORDERED]).order_by("id")
    while (job := waiting.first()) is not None:
        if time.monotonic() > deadline:
            return False
        step = preview if job.state == Repricing.State.WAITING else apply
        with suppress(PricesChanged):  # it waits for a new preview now
            step(job.id, now=now, seconds=deadline - time.monotonic())
    return True


def _pass(job_id: UUID, now: datetime, *, seconds: float, report: Report, is_applied: bool) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            # Two workers on one job take turns: each goes on where the job's row says.
            job = Repricing.objects.select_for_update().get(id=job_id)
            page = _read(job, min(job.until, now) if job.until else now, cursor)
            if not page:
                state = Repricing.State.DONE if is_applied else Repricing.State.PREVIEWED
                Repricing.objects.filter(id=job_id).update(state=state, ended_at=now, at_received_at=None, at_id=None)
                return True
            difference, changes = _compare(page)
            if is_applied and changes:
                cursor.execute(CHANGE, [orjson.dumps(changes).decode(), job_id])
                rollups.touch(cursor, [(change["workspace_id"], change["received_at"]) for change in changes])
                feed.note(cursor, [(change["workspace_id"], change["id"], change["received_at"], True) for change in changes])
            _count(job_id, page[-1], difference)
        report(len(page))
        if time.monotonic() > deadline:
            return False


def _read(job: Repricing, until: datetime, cursor: CursorWrapper) -> list[dict[str, Any]]:
    cursor.execute(
        PAGE,
        {
            "since": job.since,
            "until": until,
            "at_received_at": job.at_received_at or job.since,
            "at_id": job.at_id or NOBODY,
            "workspace_id": job.workspace_id,
            "provider": job.provider or None,
            "model": job.model or None,
            "only_unknown": job.only_unknown,
            "limit": BATCH,
        },
    )
    return [dict(zip(COLUMNS, row, strict=True)) for row in cursor.fetchall()]


def _compare(page: Sequence[dict[str, Any]]) -> tuple[Difference, list[dict[str, Any]]]:
    difference, changes = Difference(), []
    for call in page:
        priced = dict(call) | {name: call[name].isoformat() if call[name] else None for name in ("received_at", "started_at")}
        rows.price(priced)
        new = rows.rounded(priced["cost_usd"])
        is_changed = (new, priced["price_id"]) != (call["cost_usd"], call["price_id"])
        difference.add(call["cost_usd"], new, is_changed=is_changed)
        if is_changed:
            changes.append({
                "workspace_id": call["workspace_id"], "received_at": call["received_at"], "id": call["id"],
                "old_cost": _text(call["cost_usd"]), "old_price": call["price_id"],
                "new_cost": _text(new), "new_price": priced["price_id"],
            })  # fmt: skip
    return difference, changes


def _count(job_id: UUID, last: Mapping[str, Any], difference: Difference) -> None:
    Repricing.objects.filter(id=job_id).update(
        at_received_at=last["received_at"],
        at_id=last["id"],
        seen_count=F("seen_count") + difference.seen,
        changed_count=F("changed_count") + difference.changed,
        newly_known_count=F("newly_known_count") + difference.newly_known,
        newly_unknown_count=F("newly_unknown_count") + difference.newly_unknown,
        before_usd=F("before_usd") + difference.before_usd,
        after_usd=F("after_usd") + difference.after_usd,
    )


def _restart_unless_current(job_id: UUID) -> bool:
    """Begin the preview anew where prices have changed since it began; says whether."""
    state = prices.state()
    stale = Repricing.objects.filter(id=job_id).exclude(prices=state)
    return bool(stale.update(**AT_ITS_START, state=Repricing.State.WAITING, prices=state))


def _text(usd: Decimal | None) -> str | None:
    return None if usd is None else str(usd)
