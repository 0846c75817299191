"""What people thought of replies, over time: thumbs and ratings, by when they were given."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.db import connection

from telemetry.queries.filters import Filters, by_columns
from telemetry.queries.overview import Grid
from telemetry.rollup_reads import MONDAY

JUDGED = """
SELECT date_bin(%(stride)s, score.created_at, %(origin)s), count(*) FILTER (WHERE score.name = 'thumb' AND score.value = 1),
    count(*) FILTER (WHERE score.name = 'thumb' AND score.value = 0), count(*) FILTER (WHERE score.name = 'rating'),
    coalesce(sum(score.value) FILTER (WHERE score.name = 'rating'), 0)
FROM telemetry_score AS score
WHERE score.workspace_id = %(workspace)s AND score.created_at >= %(since)s AND score.created_at < %(until)s
    AND score.name IN ('thumb', 'rating') AND score.value IS NOT NULL{judged} GROUP BY 1
"""
# A judgement says which call it is of; what that call was is in the log, as long as it is kept.
OF_CALLS = """
 AND EXISTS (
    SELECT FROM inference_key AS key JOIN inference_log AS log
        ON log.workspace_id = key.workspace_id AND log.received_at = key.received_at AND log.id = key.inference_id
    WHERE key.workspace_id = score.workspace_id AND key.inference_id = score.inference_id AND {condition}
)"""


@dataclass(frozen=True, slots=True)
class Judged:
    """How many thumbs went up and down, and what ratings from 1 to 5 add up to."""

    up_count: int = 0
    down_count: int = 0
    rating_count: int = 0
    rating_sum: float = 0.0

    @property
    def up_share(self) -> float | None:
        thumbs = self.up_count + self.down_count
        return self.up_count / thumbs if thumbs else None

    @property
    def mean_rating(self) -> float | None:
        return self.rating_sum / self.rating_count if self.rating_count else None


def judged(filters: Filters, grid: Grid) -> Mapping[datetime, Judged]:
    """By stretch, of the calls that pass. Needs a period, which is that of the judgements."""
    named = replace(filters, since=None, until=None)
    condition = by_columns(named)
    of_calls = OF_CALLS.format(condition=condition.sql) if named.named else ""
    asked = {"workspace": filters.workspace_id, "since": filters.since, "until": filters.until}
    with connection.cursor() as cursor:
        cursor.execute(JUDGED.format(judged=of_calls), condition.parameters | asked | {"stride": grid.stride, "origin": MONDAY})
        return {at.astimezone(UTC): Judged(up, down, count, float(total)) for at, up, down, count, total in cursor.fetchall()}


def added(parts: Iterable[Judged]) -> Judged:
    """All of them together."""
    listed = list(parts)
    return Judged(
        sum(part.up_count for part in listed),
        sum(part.down_count for part in listed),
        sum(part.rating_count for part in listed),
        sum(part.rating_sum for part in listed),
    )
