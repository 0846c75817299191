"""Who was there on which day, counted: active people by day, week and month, newcomers, and who of them came back.

A person is active on a day (UTC) on which they did something, or on which a call was recorded in their name. All of it is counted
in one statement, so that ten thousand people cost no more than the rows of days and weeks that come back.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.db import connection

from telemetry.product_events import ACTIVE
from telemetry.rollup_sums import NIL, USAGE
from telemetry.rollup_windows import Window, parts

KEPT_DAYS = 400  # of sums and of events, as a rule; who was here before is new to us
WEEK, MONTH = 7, 30

# A day of presence counts for the days after it until the next one, for at most a week (a month): so each person is one at a time
# among those active in the last 7 (30) days, and only where they begin and stop to be needs to be told.
PRESENCE = """
WITH rolled AS MATERIALIZED (
    SELECT DISTINCT user_id, (bucket_at AT TIME ZONE 'UTC')::date AS day FROM ({parts}) AS part WHERE user_id <> %(nil)s
), present AS MATERIALIZED (
    SELECT user_id, day FROM rolled UNION
    SELECT user_id, (happened_at AT TIME ZONE 'UTC')::date FROM product_event
    WHERE name = ANY(%(names)s) AND happened_at >= %(seen_from)s AND happened_at < %(until)s AND user_id IS NOT NULL AND {scope}
), first AS MATERIALIZED (
    SELECT user_id, min(day) AS day FROM present GROUP BY user_id
), newcomer AS MATERIALIZED (
    SELECT user_id, day FROM first WHERE day >= %(first_day)s AND NOT EXISTS (
        SELECT FROM product_event WHERE product_event.user_id = first.user_id AND name = ANY(%(names)s)
            AND happened_at < %(seen_from)s AND {scope})
), spell AS MATERIALIZED (
    SELECT day, lead(day) OVER (PARTITION BY user_id ORDER BY day) AS next FROM present WHERE day >= %(seen_day)s
), change AS (
    SELECT 'week' AS kind, day, 1 AS n FROM spell UNION ALL SELECT 'month', day, 1 FROM spell
    UNION ALL SELECT 'week', least(next, day + %(week)s), -1 FROM spell
    UNION ALL SELECT 'month', least(next, day + %(month)s), -1 FROM spell
)
SELECT 'day', day, 0, count(*) FROM present WHERE day >= %(seen_day)s GROUP BY day
UNION ALL SELECT kind, day, 0, sum(n) FROM change GROUP BY kind, day
UNION ALL SELECT 'new', day, 0, count(*) FROM newcomer GROUP BY day
UNION ALL SELECT 'people', %(middle)s, 0, count(DISTINCT user_id) FROM present WHERE day >= %(middle)s
UNION ALL SELECT 'people', %(first_day)s, 0, count(DISTINCT user_id) FROM present
    WHERE day >= %(first_day)s AND day < %(middle)s
UNION ALL SELECT 'cohort', date_trunc('week', newcomer.day)::date,
    (date_trunc('week', present.day)::date - date_trunc('week', newcomer.day)::date) / 7, count(DISTINCT present.user_id)
FROM newcomer JOIN present USING (user_id) WHERE newcomer.day >= %(cohorts_from)s GROUP BY 2, 3
"""


@dataclass(frozen=True, slots=True)
class Cohort:
    """People whose first day was in the week from `monday` on, and how many of them were there in each week since."""

    monday: date
    counts: Sequence[int]  # of week 0 (all of them), week 1, …; a week that has not begun is not there

    @property
    def size(self) -> int:
        return self.counts[0]

    @property
    def shares(self) -> list[float]:
        return [count / self.size if self.size else 0.0 for count in self.counts]


@dataclass(frozen=True, slots=True)
class Presence:
    """Counts of each day of the period and of the one before; `people` has those of the two periods, by their first day."""

    daily: Mapping[date, int]
    weekly: Mapping[date, int]
    monthly: Mapping[date, int]
    newcomers: Mapping[date, int]
    people: Mapping[date, int]
    cohorts: Sequence[Cohort] = field(default_factory=list)


def presence(
    workspaces: Sequence[UUID] | None, days: Sequence[date], *, middle: date, cohort_weeks: int, now: datetime
) -> Presence:
    """Of these days in a row; `middle` is where the later of the two periods in them begins."""
    today = now.astimezone(UTC).date()
    this_monday = today - timedelta(days=today.weekday())
    cohorts_from = this_monday - timedelta(weeks=cohort_weeks - 1)
    oldest = today - timedelta(days=KEPT_DAYS)
    seen_day = max(oldest, days[0] - timedelta(days=MONTH))
    seen_from = max(oldest, min(seen_day, cohorts_from))
    window = Window(_midnight(oldest), now)
    query, parameters = parts(USAGE, window, workspaces, step="day", columns=("call_count",), now=now)
    scope = "true" if workspaces is None else "workspace_id = ANY(%(workspaces)s)"
    parameters |= {
        "nil": NIL, "names": list(ACTIVE), "seen_from": _midnight(seen_from), "until": now, "seen_day": seen_day, "week": WEEK,
        "month": MONTH, "first_day": min(days[0], cohorts_from), "middle": middle, "cohorts_from": cohorts_from,
    }  # fmt: skip
    found: dict[str, dict[date, int]] = defaultdict(dict)
    cohorts: dict[date, dict[int, int]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(PRESENCE.format(parts=query, scope=scope), parameters)
        for kind, day, week, count in cursor.fetchall():
            if kind == "cohort":
                cohorts[day][week] = count
            else:
                found[kind][day] = int(count)
    return Presence(
        daily={day: found["day"].get(day, 0) for day in days},
        weekly=_running(found["week"], days),
        monthly=_running(found["month"], days),
        newcomers={day: found["new"].get(day, 0) for day in days},
        people=found["people"],
        cohorts=[_cohort(monday, cohorts[monday], this_monday) for monday in sorted(cohorts)],
    )


def _running(changes: Mapping[date, int], days: Sequence[date]) -> dict[date, int]:
    """The sum of all changes up to each day."""
    count = sum(change for day, change in changes.items() if day < days[0])
    found = {}
    for day in days:
        count += changes.get(day, 0)
        found[day] = count
    return found


def _cohort(monday: date, counts: Mapping[int, int], this_monday: date) -> Cohort:
    weeks = (this_monday - monday).days // 7
    return Cohort(monday, [counts.get(week, 0) for week in range(weeks + 1)])


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
