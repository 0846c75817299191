"""How fast calls are rolled up by one worker, and how long a dashboard of 30 days takes over the rollups.

Demo traffic in a real PostgreSQL. `python -m bench.rollups [--rows 100000]`
"""

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial

DAYS = 30
READS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    rows: int = parser.parse_args().rows
    from bench.stack import servers

    with servers():
        from django.core.management import call_command

        call_command("seed_demo", rows=rows, days=DAYS)
        now = datetime.now(UTC)
        measure_build(now)
        measure_backfill(now)
        measure_reads(now)
        measure_error(now)


def measure_build(now: datetime) -> None:
    """Mark yesterday's minutes as the digest would, and build them."""
    from django.db import connection

    from telemetry import rollups
    from telemetry.models import InferenceLog

    yesterday = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    found = InferenceLog.objects.filter(received_at__gte=yesterday, received_at__lt=yesterday + timedelta(days=1))
    touched = list(found.values_list("workspace_id", "received_at"))
    with connection.cursor() as cursor:
        rollups.touch(cursor, touched)
    began = time.perf_counter()
    built = rollups.build(now, seconds=600, is_hasty=True)
    took = time.perf_counter() - began
    print(
        f"{len(touched):,} calls in {built.minutes:,} minutes, {built.hours} hours, {built.days} day(s): "
        f"{len(touched) / took:,.0f} calls/s rolled up by one worker"
    )


def measure_backfill(now: datetime) -> None:
    """Days with minutes, and days that are too old for them."""
    from telemetry import rollup_backfill

    days = rollup_backfill.days(date.min, now.date())
    for name, day in (("with minutes", days[-1]), ("without", days[len(days) // 2])):
        began = time.perf_counter()
        done = rollup_backfill.rebuild_day(day, now)
        took = time.perf_counter() - began
        print(f"backfill of a day {name}: {done.call_count:,} calls in {took:.1f} s, {done.call_count / took:,.0f} calls/s")


def measure_reads(now: datetime) -> None:
    from telemetry import rollup_reads as reads
    from telemetry.rollup_reads import Scope
    from telemetry.rollup_windows import Window

    window, scope = Window(now - timedelta(days=DAYS), now), Scope(None)
    fractions = (0.5, 0.9, 0.95, 0.99)
    questions: dict[str, Callable[[], object]] = {
        "totals by model": partial(reads.totals, window, scope, by=["provider", "model"], now=now),
        "by day and model": partial(reads.series, window, scope, step="day", by=["model"], now=now),
        "p50-p99 by model": partial(reads.percentiles, window, scope, fractions, by=["model"], now=now),
        "p50-p99 by day": partial(reads.percentiles, window, scope, fractions, step="day", now=now),
        "first token by model": partial(reads.percentiles, window, scope, fractions, of="ttft", by=["model"], now=now),
        "cost by user": partial(reads.totals, window, scope, by=["user_id"], now=now),
        "last day by hour": partial(reads.series, Window(now - timedelta(days=1), now), scope, step="hour", now=now),
        "last hour by minute": partial(reads.series, Window(now - timedelta(hours=1), now), scope, step="minute", now=now),
    }
    for name, ask in questions.items():
        ask()
        times = sorted(_timed(ask) for _ in range(READS))
        print(f"{name:>22}: p50 {statistics.median(times) * 1000:.0f} ms, p95 {times[int(READS * 0.95) - 1] * 1000:.0f} ms")


def measure_error(now: datetime) -> None:
    """How far the rollups' percentiles are from the rows'."""
    from django.db import connection

    from telemetry import rollup_reads
    from telemetry.rollup_reads import Scope
    from telemetry.rollup_windows import Window

    window = Window(now - timedelta(days=DAYS), now)
    fractions = [0.5, 0.9, 0.95, 0.99, 0.999]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(model, ''), percentile_cont(%s::float8[]) WITHIN GROUP (ORDER BY latency_ms) FROM inference_log "
            "WHERE latency_ms IS NOT NULL AND received_at >= %s AND received_at < %s GROUP BY 1",
            [fractions, window.widened(now).start, window.widened(now).end],
        )
        exact = dict(cursor.fetchall())
    found = rollup_reads.percentiles(window, Scope(None), fractions, by=["model"], now=now)
    errors = [
        abs(told / true - 1) for one in found for told, true in zip(one.values_ms, exact[one.group["model"] or ""], strict=True)
    ]
    print(f"p50-p99.9 of {len(found)} models: at most {max(errors):.2%} from percentile_cont")


def _timed(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
