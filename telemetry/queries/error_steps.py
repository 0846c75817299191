"""Failed calls by the class of their error, over time: no rollup has them, an index of failed calls alone does."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from django.db import connection

from telemetry.queries.filters import Filters, by_columns
from telemetry.queries.overview import Grid
from telemetry.rollup_reads import MONDAY

CLASSES = """
SELECT log.error_class, date_bin(%(stride)s, log.received_at, %(origin)s), count(*) FROM inference_log AS log
WHERE log.workspace_id = %(workspace)s AND log.error_class IS NOT NULL
    AND log.received_at >= %(since)s AND log.received_at < %(until)s AND {condition}
GROUP BY 1, 2
"""


def error_classes(filters: Filters, grid: Grid) -> Mapping[str, Mapping[datetime, int]]:
    """By class the calls of each stretch, the most usual class first. Needs a period."""
    condition = by_columns(replace(filters, since=None, until=None))
    asked = {"workspace": filters.workspace_id, "since": filters.since, "until": filters.until}
    found: dict[str, dict[datetime, int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            CLASSES.format(condition=condition.sql), condition.parameters | asked | {"stride": grid.stride, "origin": MONDAY}
        )
        for error_class, at, count in cursor.fetchall():
            found.setdefault(error_class, {})[at.astimezone(UTC)] = count
    return dict(sorted(found.items(), key=lambda line: (-sum(line[1].values()), line[0])))
