"""The values that a column holds, and how many rows there are: without reading the rows."""

from typing import Literal

from django.db import connection

Column = Literal["provider", "model"]

# From one value to the next by the column's index, in each partition: as many steps as there are values, not rows.
DISTINCT = """
WITH RECURSIVE step AS (
    (SELECT {column} AS value FROM inference_log WHERE {column} IS NOT NULL ORDER BY {column} LIMIT 1)
    UNION ALL
    SELECT (SELECT {column} FROM inference_log WHERE {column} > step.value ORDER BY {column} LIMIT 1) FROM step
    WHERE step.value IS NOT NULL
)
SELECT value FROM step WHERE value IS NOT NULL LIMIT %s
"""
ESTIMATE = """
SELECT coalesce(sum(pg_stat_get_live_tuples(inhrelid)), 0)::bigint FROM pg_inherits WHERE inhparent = 'inference_log'::regclass
"""


def distinct_values(column: Column, limit: int = 200) -> list[str]:
    """The column's values, sorted."""
    with connection.cursor() as cursor:
        cursor.execute(DISTINCT.format(column=column), [limit])
        return [value for (value,) in cursor.fetchall()]


def estimated_row_count() -> int:
    """How many calls the log holds, as PostgreSQL's statistics say."""
    with connection.cursor() as cursor:
        cursor.execute(ESTIMATE)
        return int(cursor.fetchone()[0])
