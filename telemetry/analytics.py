"""How the product is used: who was there on which day, for how long, how well it went, and what it used.

An active user is somebody who did something that day, or in whose name a call was recorded. Users are told by a pseudonym: the
same each time, and nobody's id.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from telemetry import product_events, rollup_reads
from telemetry.rollup_reads import Scope
from telemetry.rollup_windows import Window

DAYS = 30
SAMPLES = 1000  # the newest days first
ENDED = ("success", "error", "interrupted")  # who stops a reply has neither succeeded nor failed

SPENT = """
SELECT user_id, (happened_at AT TIME ZONE 'UTC')::date AS day, extract(epoch FROM max(happened_at) - min(happened_at))::float
FROM product_event
WHERE name = ANY(%(names)s) AND happened_at >= %(start)s AND happened_at < %(end)s AND user_id IS NOT NULL
    AND (%(workspaces)s::uuid[] IS NULL OR workspace_id = ANY(%(workspaces)s::uuid[]))
GROUP BY user_id, day ORDER BY day DESC, user_id
"""


@dataclass(frozen=True, slots=True)
class Spent:
    """From a user's first to their last event of a day."""

    user_id: UUID
    day: date
    seconds: float


@dataclass(frozen=True, slots=True)
class Usage:
    """Thirty days. `active_users` and `tokens` have every day, today last; a rate or a mean without calls is None."""

    active_users: dict[date, int]
    tokens: dict[date, int]
    success_rate: float | None
    mean_latency_ms: float | None
    spent: Sequence[Spent]

    @property
    def mean_seconds(self) -> dict[date, float]:
        """How long a user stayed, on the days when there was one."""
        by_day: dict[date, list[float]] = {}
        for spent in self.spent:
            by_day.setdefault(spent.day, []).append(spent.seconds)
        return {day: sum(seconds) / len(seconds) for day, seconds in by_day.items()}

    def as_json(self, *, samples_of: UUID | None = None) -> dict[str, Any]:
        """With everybody's time, or one user's alone."""
        samples = [spent for spent in self.spent if samples_of is None or spent.user_id == samples_of]
        return {
            "dau_last_30_days": [{"day": day.isoformat(), "dau": count} for day, count in self.active_users.items()],
            "success_rate": None if self.success_rate is None else round(self.success_rate, 4),
            "avg_latency_ms": None if self.mean_latency_ms is None else round(self.mean_latency_ms, 1),
            "token_burn_last_30_days": [{"day": day.isoformat(), "total_tokens": count} for day, count in self.tokens.items()],
            "time_spent_samples": [
                {
                    "user_id": product_events.pseudonym(spent.user_id),
                    "day": spent.day.isoformat(),
                    "seconds_spent": round(spent.seconds),
                }
                for spent in samples[:SAMPLES]
            ],
        }


def usage(workspaces: Sequence[UUID] | None, *, now: datetime) -> Usage:
    """Of these workspaces, or of the whole installation."""
    today = now.astimezone(UTC).date()
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    window = Window(datetime(days[0].year, days[0].month, days[0].day, tzinfo=UTC), now)
    scope = Scope(workspaces)
    spent = _spent(window, workspaces)
    tokens = dict.fromkeys(days, 0)
    present = {(each.day, each.user_id) for each in spent}
    for step in rollup_reads.series(window, scope, step="day", by=["user_id"], now=now):
        assert step.bucket_at is not None
        day = step.bucket_at.astimezone(UTC).date()
        tokens[day] = tokens.get(day, 0) + step.prompt_tokens + step.completion_tokens
        if isinstance(user_id := step.group["user_id"], UUID):
            present.add((day, user_id))
    by_status = {totals.group.get("status"): totals for totals in rollup_reads.totals(window, scope, by=["status"], now=now)}
    active = Counter(day for day, _ in present)
    ended = sum(by_status[status].call_count for status in ENDED if status in by_status)
    succeeded = by_status["success"].call_count if "success" in by_status else 0
    timed = sum(totals.latency_count for totals in by_status.values())
    return Usage(
        active_users={day: active[day] for day in days},
        tokens=tokens,
        success_rate=succeeded / ended if ended else None,
        mean_latency_ms=sum(totals.latency_sum_ms for totals in by_status.values()) / timed if timed else None,
        spent=spent,
    )


def seen_by(role: str, user_id: UUID) -> UUID | None:
    """Whose time the role may see: everybody's (None), or one's own. Members see of others what is summed up."""
    return None if role in {"owner", "admin"} else user_id


def _spent(window: Window, workspaces: Sequence[UUID] | None) -> list[Spent]:
    given = None if workspaces is None else list(workspaces)
    with connection.cursor() as cursor:
        cursor.execute(
            SPENT, {"names": list(product_events.ACTIVE), "start": window.start, "end": window.end, "workspaces": given}
        )
        return [Spent(*row) for row in cursor.fetchall()]
