"""The ledger of what may be spent: a call reserves its estimate first, then settles what it cost, or releases it.

Every step is one statement, so any number of processes keep a limit together, with nothing but PostgreSQL. A reservation that
nobody closes (its process was killed) is released when it expires; a settlement that comes later still counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from gateway.models import Budget

EXPIRY = timedelta(hours=1)
KEPT = timedelta(days=40)

# Budgets of one call are locked in the order of their ids, so that calls with the same ones wait instead of deadlocking.
DUE = """
    SELECT id AS budget_id, limit_usd, period, date_trunc(period, %(now)s AT TIME ZONE 'UTC')::date AS starts_on
    FROM gateway_budget WHERE workspace_id = %(workspace_id)s AND is_enabled AND (subject = 'workspace'
        OR subject = 'user' AND subject_id = %(user_id)s OR subject = 'api_key' AND subject_id = %(api_key_id)s)
"""
RESERVE = f"""
WITH due AS ({DUE}), held AS (
    INSERT INTO gateway_budgetperiod AS held (budget_id, starts_on, spent_usd, reserved_usd, unknown_count)
    SELECT budget_id, starts_on, 0, %(amount)s, 0 FROM due WHERE limit_usd > 0 AND %(amount)s <= limit_usd ORDER BY budget_id
    ON CONFLICT (budget_id, starts_on) DO UPDATE SET reserved_usd = held.reserved_usd + excluded.reserved_usd
    WHERE held.spent_usd + held.reserved_usd < (SELECT limit_usd FROM gateway_budget WHERE id = held.budget_id)
        AND held.spent_usd + held.reserved_usd + excluded.reserved_usd
            <= (SELECT limit_usd FROM gateway_budget WHERE id = held.budget_id)
    RETURNING budget_id, starts_on
), noted AS (
    INSERT INTO gateway_reservation (call_id, budget_id, starts_on, amount_usd, state, expires_at)
    SELECT %(call_id)s, budget_id, starts_on, %(amount)s, 'reserved', %(expires_at)s FROM held
)
SELECT budget_id, starts_on, period FROM due WHERE budget_id NOT IN (SELECT budget_id FROM held)
"""  # noqa: S608  (put together of our own words)

# Released and expired ones can still be settled: money that was spent counts, whenever it is heard of.
CLOSE = """
WITH held AS (
    SELECT id, budget_id, starts_on, amount_usd, state FROM gateway_reservation
    WHERE call_id = %(call_id)s AND state = ANY(%(from_states)s) ORDER BY budget_id FOR UPDATE
), closed AS (
    UPDATE gateway_reservation SET state = %(state)s, spent_usd = %(spent)s FROM held WHERE gateway_reservation.id = held.id
)
UPDATE gateway_budgetperiod AS period SET reserved_usd = period.reserved_usd - locked.freed,
    spent_usd = period.spent_usd + coalesce(%(spent)s, 0), unknown_count = period.unknown_count + %(unknown)s
FROM (
    SELECT found.id, CASE WHEN held.state = 'reserved' THEN held.amount_usd ELSE 0 END AS freed
    FROM gateway_budgetperiod AS found JOIN held USING (budget_id, starts_on) ORDER BY found.budget_id FOR UPDATE OF found
) AS locked WHERE period.id = locked.id
"""
EXPIRE = """
WITH expired AS (
    SELECT id, budget_id, starts_on, amount_usd FROM gateway_reservation
    WHERE state = 'reserved' AND expires_at < %(now)s ORDER BY budget_id, id LIMIT 1000 FOR UPDATE SKIP LOCKED
), released AS (
    UPDATE gateway_reservation SET state = 'released' FROM expired WHERE gateway_reservation.id = expired.id
), freed AS (
    SELECT budget_id, starts_on, sum(amount_usd) AS usd, count(*) FROM expired GROUP BY budget_id, starts_on
), changed AS (
    UPDATE gateway_budgetperiod AS period SET reserved_usd = period.reserved_usd - locked.usd
    FROM (
        SELECT found.id, freed.usd FROM gateway_budgetperiod AS found JOIN freed USING (budget_id, starts_on)
        ORDER BY found.budget_id FOR UPDATE OF found
    ) AS locked WHERE period.id = locked.id
)
SELECT coalesce(sum(count), 0) FROM freed
"""
LEFT = f"""
WITH due AS ({DUE})
SELECT budget_id, period, due.starts_on, limit_usd, coalesce(spent_usd, 0), coalesce(reserved_usd, 0), coalesce(unknown_count, 0)
FROM due LEFT JOIN gateway_budgetperiod USING (budget_id, starts_on) ORDER BY limit_usd - coalesce(spent_usd, 0)
"""  # noqa: S608  (same)
FORGET = "DELETE FROM gateway_reservation WHERE state <> 'reserved' AND expires_at < %s"


@dataclass(frozen=True, slots=True)
class Spender:
    """Whose budgets a call is charged to: the workspace's, the person's and the key's."""

    workspace_id: UUID
    user_id: UUID | None = None
    api_key_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """How one budget stands. `remaining_usd` counts what running calls have reserved as gone, and is never negative."""

    budget_id: UUID
    period: str
    limit_usd: Decimal
    spent_usd: Decimal
    reserved_usd: Decimal
    unknown_count: int
    resets_on: date

    @property
    def remaining_usd(self) -> Decimal:
        return max(Decimal(0), self.limit_usd - self.spent_usd - self.reserved_usd)


class OverBudget(Exception):
    """The call would cost more than is left. `resets_on` is the first day (UTC) of the next period."""

    def __init__(self, budget_ids: Sequence[UUID], resets_on: date) -> None:
        super().__init__(f"The budget does not allow this call; it begins anew on {resets_on}.")
        self.budget_ids = tuple(budget_ids)
        self.resets_on = resets_on


def reserve(call_id: UUID, spender: Spender, amount_usd: Decimal | None, *, now: datetime, expiry: timedelta = EXPIRY) -> None:
    """Set aside what a call may cost, in all its budgets or in none. A call whose price is unknown (None) reserves nothing, and
    needs budgets that are not used up. Raises OverBudget.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            RESERVE, _spender(spender, now) | {"call_id": call_id, "amount": amount_usd or Decimal(0), "expires_at": now + expiry}
        )
        refused = cursor.fetchall()
        if refused:
            # Leaving the block by an exception takes back what the other budgets have set aside.
            raise OverBudget([row[0] for row in refused], max(begins_anew(starts_on, period) for _, starts_on, period in refused))


def settle(call_id: UUID, cost_usd: Decimal | None) -> bool:
    """Book what a call cost; None (nobody knows) is counted, not summed. The first time counts; says whether this was it."""
    return _close(call_id, "settled", ["reserved", "released"], spent=cost_usd, unknown=int(cost_usd is None))


def release(call_id: UUID) -> bool:
    """Give back what a call that cost nothing has reserved; says whether there was anything."""
    return _close(call_id, "released", ["reserved"], spent=None, unknown=0)


def release_expired(now: datetime) -> int:
    """Give back what calls that are gone have reserved; returns how many reservations."""
    released = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(EXPIRE, {"now": now})
            count = int(cursor.fetchone()[0])
            cursor.execute(FORGET, [now - KEPT])
        released += count
        if not count:
            return released


def left(spender: Spender, *, now: datetime) -> list[Left]:
    """The budgets that a call would be charged to, the tightest first; none means no limit."""
    with connection.cursor() as cursor:
        cursor.execute(LEFT, _spender(spender, now))
        return [
            Left(budget_id, period, limit, spent, reserved, unknown, begins_anew(starts_on, period))
            for budget_id, period, starts_on, limit, spent, reserved, unknown in cursor.fetchall()
        ]


def _close(call_id: UUID, state: str, from_states: list[str], *, spent: Decimal | None, unknown: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            CLOSE, {"call_id": call_id, "state": state, "from_states": from_states, "spent": spent, "unknown": unknown}
        )
        return bool(cursor.rowcount)


def _spender(spender: Spender, now: datetime) -> dict[str, Any]:
    return {
        "workspace_id": spender.workspace_id,
        "user_id": spender.user_id,
        "api_key_id": spender.api_key_id,
        "now": now,
    }


def period_start(period: str, now: datetime) -> date:
    """The first day (UTC) of the period that runs."""
    today = now.astimezone(UTC).date()
    return today if period == Budget.Period.DAY else today.replace(day=1)


def begins_anew(starts_on: date, period: str) -> date:
    """The first day of the period after this one."""
    if period == Budget.Period.DAY:
        return starts_on + timedelta(days=1)
    return date(starts_on.year + starts_on.month // 12, starts_on.month % 12 + 1, 1)
