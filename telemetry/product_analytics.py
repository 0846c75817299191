"""How the product does over a period of days (UTC), and beside the period before it: who came and came back, what it cost them in
time and us in tokens, how often it worked, and what people thought of it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from telemetry import rollup_reads
from telemetry.analytics import ENDED
from telemetry.product_events import ACTIVE
from telemetry.retention_cohorts import KEPT_DAYS, Presence, presence
from telemetry.rollup_reads import Scope, Totals
from telemetry.rollup_sums import NIL, USAGE
from telemetry.rollup_windows import Window, parts

PERIODS: Mapping[str, int] = {"7d": 7, "30d": 30, "90d": 90, "365d": 365}
USUAL = "30d"
COHORT_WEEKS: Mapping[str, int] = {"7d": 8, "30d": 8, "90d": 13, "365d": 26}
TOP = 10

TIME_SPENT = """
WITH visit AS MATERIALIZED (
    SELECT user_id, (happened_at AT TIME ZONE 'UTC')::date AS day,
        extract(epoch FROM max(happened_at) - min(happened_at))::float AS seconds
    FROM product_event
    WHERE name = ANY(%(names)s) AND happened_at >= %(start)s AND happened_at < %(end)s AND user_id IS NOT NULL AND {scope}
    GROUP BY user_id, day
)
SELECT day, sum(seconds), count(*) FROM visit GROUP BY day
UNION ALL SELECT NULL, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds), count(*) FROM visit WHERE day >= %(middle)s
"""
JUDGED = """
SELECT (created_at AT TIME ZONE 'UTC')::date AS day, name, label, count(*), sum(value)
FROM telemetry_score
WHERE created_at >= %(start)s AND created_at < %(end)s AND source <> 'evaluation' AND name IN ('thumb', 'rating', 'reason')
    AND {scope}
GROUP BY day, name, label
UNION ALL
SELECT NULL, CASE WHEN created_at >= %(middle_at)s THEN 'now' ELSE 'before' END, '', count(DISTINCT inference_id), NULL
FROM telemetry_score
WHERE created_at >= %(start)s AND created_at < %(end)s AND source <> 'evaluation' AND inference_id IS NOT NULL AND {scope}
GROUP BY 2
"""
MODELS = """
SELECT model, count(DISTINCT user_id) FILTER (WHERE user_id <> %(nil)s), sum(call_count), sum(error_count),
    sum({tokens}), sum(cost_usd), count(*) OVER ()
FROM ({parts}) AS part GROUP BY model ORDER BY 3 DESC, 1 LIMIT %(limit)s
"""
PEOPLE = """
SELECT user_id, count(DISTINCT (bucket_at AT TIME ZONE 'UTC')::date), sum(call_count), sum({tokens}), sum(cost_usd)
FROM ({parts}) AS part WHERE user_id <> %(nil)s GROUP BY user_id ORDER BY 3 DESC, 1 LIMIT %(limit)s
"""
TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")


@dataclass(frozen=True, slots=True)
class Day:
    """One day (UTC). Weekly and monthly are the people of the 7 and the 30 days that end with it."""

    day: date
    active_users: int
    weekly_users: int
    monthly_users: int
    newcomers: int
    calls: int = 0
    succeeded: int = 0
    ended: int = 0  # what a person stopped has neither succeeded nor failed
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    seconds: float = 0.0  # of all visits
    visits: int = 0
    thumbs_up: int = 0
    thumbs_down: int = 0

    @property
    def success_rate(self) -> float | None:
        return _share(self.succeeded, self.ended)

    @property
    def mean_seconds(self) -> float | None:
        return _share(self.seconds, self.visits)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days in a row, summed; `people` were there on at least one of them. What nobody did or said is None."""

    days: Sequence[Day]
    people: int
    judged_calls: int
    ratings: int
    rating_sum: float

    def total(self, name: str) -> Any:
        return sum(getattr(day, name) for day in self.days)

    @property
    def mean_active_users(self) -> float | None:
        return _share(self.total("active_users"), len(self.days))

    @property
    def stickiness(self) -> float | None:
        """How much of those of a month come on a day: the mean of DAU by the mean of MAU."""
        return _share(self.total("active_users"), self.total("monthly_users"))

    @property
    def success_rate(self) -> float | None:
        return _share(self.total("succeeded"), self.total("ended"))

    @property
    def mean_seconds(self) -> float | None:
        return _share(self.total("seconds"), self.total("visits"))

    @property
    def approval(self) -> float | None:
        """Thumbs up among all thumbs."""
        return _share(self.total("thumbs_up"), self.total("thumbs_up") + self.total("thumbs_down"))

    @property
    def mean_rating(self) -> float | None:
        return _share(self.rating_sum, self.ratings)

    @property
    def feedback_rate(self) -> float | None:
        """Calls that were judged among those that succeeded: at most all of them, however late a judgement comes."""
        share = _share(self.judged_calls, self.total("succeeded"))
        return None if share is None else min(1.0, share)


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What one model was used for, and by how many."""

    model: str
    people: int
    calls: int
    errors: int
    tokens: int
    cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class PersonUse:
    """What was called in one person's name, and on how many days."""

    user_id: UUID
    days: int
    calls: int
    tokens: int
    cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class WorkspaceUse:
    """The sums of one workspace."""

    workspace_id: UUID
    calls: int
    succeeded: int
    ended: int
    tokens: int
    cost_usd: Decimal

    @property
    def success_rate(self) -> float | None:
        return _share(self.succeeded, self.ended)


@dataclass(frozen=True, slots=True)
class Analytics:
    """A period, and the one before it where so much is kept."""

    period: str
    now: Stretch
    before: Stretch | None
    presence: Presence
    models: Sequence[ModelUse]
    model_count: int
    reasons: Sequence[tuple[str, int]]
    median_seconds: float | None


@dataclass(slots=True)
class _Judged:
    """What was thought, by day."""

    thumbs: dict[date, tuple[int, int]] = field(default_factory=dict)
    ratings: dict[date, tuple[int, float]] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    calls: dict[str, int] = field(default_factory=dict)


def read(workspaces: Sequence[UUID] | None, period: str, *, now: datetime) -> Analytics:
    """Of these workspaces together, or of the whole installation. Five statements, whatever there is."""
    length = PERIODS[period]
    has_before = length * 2 <= KEPT_DAYS
    today = now.astimezone(UTC).date()
    middle = today - timedelta(days=length - 1)
    first = middle - timedelta(days=length) if has_before else middle
    dates = [first + timedelta(days=number) for number in range((today - first).days + 1)]
    window, scope = Window(_midnight(first), now), Scope(workspaces)
    there = presence(workspaces, dates, middle=middle, cohort_weeks=COHORT_WEEKS[period], now=now)
    sums = _sums_by_day(rollup_reads.series(window, scope, step="day", by=["status"], now=now))
    visits, median = _visits(window, middle, workspaces)
    judged = _judged(window, middle, workspaces)
    days = []
    for day in dates:
        people = (there.daily[day], there.weekly[day], there.monthly[day], there.newcomers[day])
        seconds, visit_count = visits.get(day, (0.0, 0))
        up, down = judged.thumbs.get(day, (0, 0))
        told: dict[str, Any] = {
            "seconds": seconds,
            "visits": visit_count,
            "thumbs_up": up,
            "thumbs_down": down,
            **sums.get(day, {}),
        }
        days.append(Day(day, *people, **told))
    models, model_count = _models(Window(_midnight(middle), now), workspaces, now=now)
    return Analytics(
        period=period,
        now=_stretch(days[-length:], there.people.get(middle, 0), judged, "now"),
        before=_stretch(days[:-length], there.people.get(first, 0), judged, "before") if has_before else None,
        presence=there,
        models=models,
        model_count=model_count,
        reasons=sorted(judged.reasons.items(), key=lambda pair: (-pair[1], pair[0])),
        median_seconds=median,
    )


def by_workspace(workspaces: Sequence[UUID], period: str, *, now: datetime) -> list[WorkspaceUse]:
    """Each of them, also one without a call, the busiest first."""
    start = _midnight(now.astimezone(UTC).date() - timedelta(days=PERIODS[period] - 1))
    found: dict[UUID, dict[str, Any]] = {workspace: _no_sums() for workspace in workspaces}
    for totals in rollup_reads.totals(Window(start, now), Scope(workspaces), by=["workspace_id", "status"], now=now):
        workspace = totals.group["workspace_id"]
        assert isinstance(workspace, UUID)
        _add(found[workspace], totals)
    uses = [WorkspaceUse(workspace, **sums) for workspace, sums in found.items()]
    return sorted(uses, key=lambda use: (-use.calls, str(use.workspace_id)))


def by_person(workspace_id: UUID, period: str, *, now: datetime) -> list[PersonUse]:
    """Who called the most."""
    start = _midnight(now.astimezone(UTC).date() - timedelta(days=PERIODS[period] - 1))
    columns = ("call_count", "cost_usd", *TOKENS)
    query, parameters = parts(USAGE, Window(start, now), [workspace_id], step="day", columns=columns, now=now)
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE.format(parts=query, tokens=" + ".join(TOKENS)), parameters | {"nil": NIL, "limit": TOP})
        rows = cursor.fetchall()
    return [PersonUse(user_id, days, int(calls), int(tokens), Decimal(cost or 0)) for user_id, days, calls, tokens, cost in rows]


def _stretch(days: Sequence[Day], people: int, judged: _Judged, which: str) -> Stretch:
    rated = [judged.ratings[day.day] for day in days if day.day in judged.ratings]
    return Stretch(
        days, people, judged.calls.get(which, 0), sum(count for count, _ in rated), float(sum(value for _, value in rated))
    )


def _sums_by_day(steps: Sequence[Totals]) -> dict[date, dict[str, Any]]:
    found: dict[date, dict[str, Any]] = defaultdict(_no_sums)
    for step in steps:
        assert step.bucket_at is not None
        _add(found[step.bucket_at.astimezone(UTC).date()], step)
    return found


def _no_sums() -> dict[str, Any]:
    return {"calls": 0, "succeeded": 0, "ended": 0, "tokens": 0, "cost_usd": Decimal(0)}


def _add(sums: dict[str, Any], totals: Totals) -> None:
    status = totals.group["status"]
    sums["calls"] += totals.call_count
    sums["succeeded"] += totals.call_count if status == "success" else 0
    sums["ended"] += totals.call_count if status in ENDED else 0
    sums["tokens"] += totals.prompt_tokens + totals.completion_tokens
    sums["cost_usd"] += totals.cost_usd


def _visits(
    window: Window, middle: date, workspaces: Sequence[UUID] | None
) -> tuple[dict[date, tuple[float, int]], float | None]:
    rows = _rows(
        TIME_SPENT, {"names": list(ACTIVE), "start": window.start, "end": window.end, "middle": middle}, workspaces=workspaces
    )
    median = next(seconds for day, seconds, _ in rows if day is None)
    return {day: (seconds, count) for day, seconds, count in rows if day is not None}, median


def _judged(window: Window, middle: date, workspaces: Sequence[UUID] | None) -> _Judged:
    found = _Judged()
    for day, name, label, count, value in _rows(
        JUDGED, {"start": window.start, "end": window.end, "middle_at": _midnight(middle)}, workspaces=workspaces
    ):
        if day is None:
            found.calls[name] = count
        elif name == "thumb":
            found.thumbs[day] = (round(value or 0), count - round(value or 0))
        elif name == "rating":
            found.ratings[day] = (count, value or 0.0)
        elif day >= middle:
            found.reasons[label] += count
    return found


def _models(window: Window, workspaces: Sequence[UUID] | None, *, now: datetime) -> tuple[list[ModelUse], int]:
    columns = ("call_count", "error_count", "cost_usd", *TOKENS)
    query, parameters = parts(USAGE, window, workspaces, step="day", columns=columns, now=now)
    statement = MODELS.format(parts=query, tokens=" + ".join(TOKENS))
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters | {"nil": NIL, "limit": TOP})
        rows = cursor.fetchall()
    uses = [
        ModelUse(model, people, int(calls), int(errors), int(tokens), Decimal(cost or 0))
        for model, people, calls, errors, tokens, cost, _ in rows
    ]
    return uses, rows[0][-1] if rows else 0


def _rows(statement: str, parameters: Mapping[str, Any], *, workspaces: Sequence[UUID] | None) -> list[Any]:
    scope = "true" if workspaces is None else "workspace_id = ANY(%(workspaces)s)"
    with connection.cursor() as cursor:
        cursor.execute(statement.format(scope=scope), {**parameters, "workspaces": list(workspaces or ())})
        return list(cursor.fetchall())


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
