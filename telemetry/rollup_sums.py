"""The SQL that sums calls up: the same for a minute's rebuild, a day's backfill and a reader's fresh rows. Pure text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from telemetry import sketches

Unit = Literal["minute", "hour", "day"]

TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
HAS_TOKENS = " OR ".join(f"{name} > 0" for name in TOKENS)

# What one call adds to each sum. A call that failed before any token has no cost to know.
OF_A_CALL: Mapping[str, str] = {
    "call_count": "1",
    "error_count": "(status = 'error')::int",
    **{name: f"coalesce({name}, 0)" for name in TOKENS},
    "estimated_count": "coalesce(usage_source IN ('counted', 'estimated'), false)::int",
    "cost_usd": "coalesce(cost_usd, 0)",
    "unpriced_count": "(cost_usd IS NULL AND (status NOT IN ('in_progress', 'error') "
    f"OR status = 'error' AND coalesce({HAS_TOKENS}, false)))::int",
    "latency_sum_ms": "coalesce(latency_ms, 0)",
    "latency_count": "(latency_ms IS NOT NULL)::int",
    "ttft_sum_ms": "coalesce(ttft_ms, 0)",
    "ttft_count": "(ttft_ms IS NOT NULL)::int",
}
SUMS = tuple(OF_A_CALL)
SKETCHES = ("latency", "ttft")
NIL = "00000000-0000-0000-0000-000000000000"

# What is read of a call: never what was said in it.
COLUMNS = (
    "workspace_id, received_at, provider, model, source, status, user_id, api_key_id, usage_source, cost_usd, "
    f"latency_ms, ttft_ms, {', '.join(TOKENS)}"
)


@dataclass(frozen=True, slots=True)
class Family:
    """Tables with the same dimensions: where each comes from in a call, and the table of each unit."""

    dimensions: Mapping[str, str]
    tables: Mapping[Unit, str]
    has_sketches: bool

    @property
    def key(self) -> str:
        return ", ".join(("workspace_id", "bucket_at", *self.dimensions))

    @property
    def columns(self) -> str:
        sketched = [f"{name}_{part}" for name in SKETCHES for part in ("bins", "counts")] if self.has_sketches else []
        return ", ".join((self.key, *SUMS, *sketched))

    def of_rows(self, unit: Unit) -> str:
        """Each call as a rollup of its own: the key and what it adds; its bins beside it."""
        dimensions = ", ".join(f"{expression} AS {name}" for name, expression in self.dimensions.items())
        added = ", ".join(f"{expression} AS {name}" for name, expression in OF_A_CALL.items())
        bins = "".join(f", {sketches.bin_in_sql(f'{name}_ms')} AS {name}_bin" for name in SKETCHES) if self.has_sketches else ""
        return f"workspace_id, date_trunc('{unit}', received_at, 'UTC') AS bucket_at, {dimensions}, {added}{bins}"


CALLS = Family(
    {name: f"coalesce({name}, '')" for name in ("provider", "model", "source", "status")},
    {"minute": "rollup_minute", "hour": "rollup_hour", "day": "rollup_day"},
    has_sketches=True,
)
USAGE = Family(
    {**{name: f"coalesce({name}, '{NIL}')" for name in ("user_id", "api_key_id")}, "model": "coalesce(model, '')"},
    {"hour": "usage_hour", "day": "usage_day"},
    has_sketches=False,
)
FAMILIES = (CALLS, USAGE)

SUMMED = ", ".join(f"sum({name}) AS {name}" for name in SUMS)

OF_ROWS = "SELECT {selected} FROM ({calls}) AS log"
OF_FINER = "SELECT {selected} FROM ({finer}) AS finer"
BUILD = """
WITH given AS MATERIALIZED ({given}), sums AS (SELECT {key}, {summed} FROM given GROUP BY {key})
INSERT INTO {table} ({columns}) SELECT {values} FROM sums{joined}
"""
SKETCH = """
LEFT JOIN (SELECT {key}, array_agg(bin ORDER BY bin) AS {name}_bins, array_agg(n ORDER BY bin) AS {name}_counts
    FROM ({counted}) AS counted GROUP BY {key}) AS {name} USING ({key})"""
COUNTED_ROWS = """
SELECT {key}, {name}_bin AS bin, count(*)::int AS n FROM given WHERE {name}_bin IS NOT NULL GROUP BY {key}, {name}_bin"""
COUNTED_FINER = """
SELECT {key}, bin, sum(n)::int AS n FROM (SELECT {key}, unnest({name}_bins) AS bin, unnest({name}_counts) AS n FROM given) AS each
GROUP BY {key}, bin"""


def from_rows(family: Family, unit: Unit, calls: str) -> str:
    """The statement that builds buckets from calls: `calls` is a query of COLUMNS."""
    return _build(family, unit, OF_ROWS.format(selected=family.of_rows(unit), calls=calls), COUNTED_ROWS)


def from_finer(family: Family, unit: Unit, finer: str) -> str:
    """The statement that builds buckets from finer ones: `finer` is a query of the family's columns."""
    columns = family.columns.replace("bucket_at", f"date_trunc('{unit}', bucket_at, 'UTC') AS bucket_at", 1)
    return _build(family, unit, OF_FINER.format(selected=columns, finer=finer), COUNTED_FINER)


def _build(family: Family, unit: Unit, given: str, counted: str) -> str:
    names = SKETCHES if family.has_sketches else ()
    sketched = [f"coalesce({name}_{part}, '{{}}')" for name in names for part in ("bins", "counts")]
    joined = "".join(
        SKETCH.format(key=family.key, name=name, counted=counted.format(key=family.key, name=name)) for name in names
    )
    return BUILD.format(
        given=given,
        key=family.key,
        summed=SUMMED,
        table=family.tables[unit],
        columns=family.columns,
        values=", ".join((family.key, *SUMS, *sketched)),
        joined=joined,
    )
