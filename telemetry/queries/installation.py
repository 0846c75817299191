"""The figures of all workspaces, or of one, for who runs the installation: a handful of statements, whatever the log holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from telemetry import rollup_reads
from telemetry.queries.charts import FRACTIONS
from telemetry.rollup_reads import Percentiles, Scope, Totals
from telemetry.rollup_sums import Unit
from telemetry.rollup_windows import Window


@dataclass(frozen=True, slots=True)
class Installation:
    """`by_model` and the durations go by step; `workspaces` and `providers` are of the whole period, the costliest first."""

    by_model: Sequence[Totals]
    latency: Sequence[Percentiles]
    ttft: Sequence[Percentiles]
    workspaces: Sequence[Totals]
    providers: Sequence[Totals]


def read(since: datetime, until: datetime, *, workspace_id: UUID | None, step: Unit, now: datetime) -> Installation:
    window, scope = Window(since, until), Scope([workspace_id] if workspace_id else None)
    return Installation(
        by_model=rollup_reads.series(window, scope, step=step, by=["model"], now=now),
        latency=rollup_reads.percentiles(window, scope, FRACTIONS, of="latency", step=step, now=now),
        ttft=rollup_reads.percentiles(window, scope, FRACTIONS, of="ttft", step=step, now=now),
        workspaces=_costliest(rollup_reads.totals(window, scope, by=["workspace_id"], now=now)),
        providers=_costliest(rollup_reads.totals(window, scope, by=["provider"], now=now)),
    )


def _costliest(found: Sequence[Totals]) -> list[Totals]:
    return sorted((sums for sums in found if sums.call_count), key=lambda sums: (-sums.cost_usd, -sums.call_count))
