"""The rollups' figures computed from rows, for filters that no rollup knows. Exact; the cost grows with the calls that pass."""

from collections.abc import Sequence
from datetime import UTC
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from telemetry.queries.filters import Filters, by_columns, by_facets
from telemetry.rollup_reads import Dimension, Duration, Percentiles, Totals, Value
from telemetry.rollup_sums import COLUMNS, NIL, OF_A_CALL, Unit

DIMENSIONS = ("workspace_id", "provider", "model", "source", "status", "user_id", "api_key_id")
PASSING = """
SELECT {columns} FROM inference_log AS log
WHERE log.workspace_id = %(workspace)s AND log.received_at >= %(since)s AND log.received_at < %(until)s AND {condition} OFFSET 0
"""
SUMS = "SELECT {selected}, {summed} FROM (SELECT {added} FROM ({passing}) AS log) AS part GROUP BY {grouped}"
FRACTIONS = """
SELECT {selected}, count({name}_ms), percentile_cont(%(fractions)s::float8[]) WITHIN GROUP (ORDER BY {name}_ms)
FROM ({passing}) AS log WHERE {name}_ms IS NOT NULL GROUP BY {grouped}
"""


def totals(filters: Filters, *, by: Sequence[Dimension], step: Unit | None) -> list[Totals]:
    """Sums of the calls that pass, by group and step; without either one row, of zeros when there is none. Needs a period."""
    passing, parameters = _passing(filters)
    statement = SUMS.format(
        selected=_selected(by, step),
        summed=", ".join(f"sum({name})" for name in OF_A_CALL),
        added=", ".join([*DIMENSIONS, "received_at", *(f"{expression} AS {name}" for name, expression in OF_A_CALL.items())]),
        passing=passing,
        grouped=_grouped(by, step),
    )
    found = [_totals(row, by, step) for row in _rows(statement, parameters)]
    if not found and not by and not step:
        return [_totals([*[None], *([0] * len(OF_A_CALL))], by, step)]
    return sorted(found, key=_order)


def percentiles(
    filters: Filters, fractions: Sequence[float], *, of: Duration, by: Sequence[Dimension], step: Unit | None
) -> list[Percentiles]:
    """Durations in ms at the fractions (0 to 1), by group and step. Needs a period."""
    passing, parameters = _passing(filters)
    statement = FRACTIONS.format(selected=_selected(by, step), name=of, passing=passing, grouped=_grouped(by, step))
    found = [
        Percentiles(*_key(key, by, step), count, tuple(values), is_exact=True)
        for *key, count, values in _rows(statement, parameters | {"fractions": list(fractions)})
        if count
    ]
    return sorted(found, key=_order)


def _passing(filters: Filters) -> tuple[str, dict[str, Any]]:
    condition = by_columns(filters)
    if not filters.is_exact:
        facets = by_facets(filters)
        condition.terms += facets.terms
        condition.parameters |= facets.parameters
    period = {"workspace": filters.workspace_id, "since": filters.since, "until": filters.until}
    columns = ", ".join(f"log.{name}" for name in COLUMNS.split(", "))
    return PASSING.format(columns=columns, condition=condition.sql), condition.parameters | period


def _selected(by: Sequence[Dimension], step: Unit | None) -> str:
    return ", ".join((*by, *([f"date_trunc('{step}', received_at, 'UTC')"] if step else []))) or "1"


def _grouped(by: Sequence[Dimension], step: Unit | None) -> str:
    return ", ".join(str(place + 1) for place in range(len(by) + bool(step))) or "()"


def _totals(row: Sequence[Any], by: Sequence[Dimension], step: Unit | None) -> Totals:
    width = len(by) + bool(step) or 1
    sums = {name: value or 0 for name, value in zip(OF_A_CALL, row[width:], strict=True)}
    cost = Decimal(sums.pop("cost_usd"))
    group, bucket_at = _key(row[:width], by, step)
    return Totals(group, bucket_at, cost_usd=cost, **{name: int(value) for name, value in sums.items()})


def _key(key: Sequence[Any], by: Sequence[Dimension], step: Unit | None) -> tuple[dict[str, Value], Any]:
    values = [None if value in ("", UUID(NIL)) else value for value in key[: len(by)]]
    return dict(zip(by, values, strict=True)), key[len(by)].astimezone(UTC) if step else None


def _order(found: Totals | Percentiles) -> tuple[str, ...]:
    """By time, then by the group."""
    return (str(found.bucket_at), *map(str, found.group.values()))


def _rows(statement: str, parameters: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
