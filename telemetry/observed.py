"""What is read when Prometheus asks, because the database knows it for all processes at once: what waits where, who works, what
became of the events, and how the product is used.

A figure is one row of a table here; `docs/monitoring.md` is checked against it.
"""

import threading
import time
from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from telemetry import accounting, analytics

USAGE_SECONDS = 60.0  # thirty days are not summed up anew for each scrape


def state() -> Iterator[Metric]:
    """Inbox, spool, dead letters, the events' accounts, processes and consumers of the feed. Raises the database's errors."""
    figures = accounting.figures()
    balance = figures.balance
    yield _gauge("ollive_inbox_events", "Events that wait for the digest.", balance.pending)
    yield _gauge("ollive_inbox_oldest_seconds", "For how long the first of them has waited.", figures.oldest_seconds)
    yield _gauge("ollive_dead_letters", "Events that were put aside.", balance.dead)
    yield _gauge("ollive_spool_events", "Events in the spool of the data folder.", figures.spool.events)
    yield _gauge("ollive_spool_bytes", "Bytes of the spool.", figures.spool.size_bytes)
    yield _gauge("ollive_spool_aside", "Records of the spool that could not be read.", figures.spool.aside)
    yield _gauge("ollive_events_missing", "Events received whose fate is not known: 0, or a bug.", balance.missing)
    fates = CounterMetricFamily("ollive_events", "Events, by what became of them.", labels=("outcome", "reason"))
    for outcome in ("received", "stored", "duplicate", "erased"):
        fates.add_metric((outcome, ""), getattr(balance, outcome))
    for reason, count in sorted(balance.rejected.items()):
        fates.add_metric(("rejected", reason), count)
    yield fates
    alive = GaugeMetricFamily("ollive_processes", "Processes that gave a sign of life in the last 30 seconds.", labels=("kind",))
    kinds = ["web", "worker", *sorted({beat.kind for beat in figures.heartbeats} - {"web", "worker"})]
    for kind in kinds:
        alive.add_metric((kind,), sum(beat.kind == kind and beat.is_alive for beat in figures.heartbeats))
    yield alive
    waiting = GaugeMetricFamily("ollive_feed_waiting", "Changes of the log that a consumer has not seen.", labels=("consumer",))
    for lag in figures.consumers:
        waiting.add_metric((lag.name,), lag.waiting)
    yield waiting


def product(now: datetime) -> Iterator[Metric]:
    """How the product was used in the last thirty days. Raises the database's errors."""
    usage = _usage.get(now)
    users = GaugeMetricFamily("ollive_daily_active_users", "People who were active on the day (UTC).", labels=("day",))
    for day, active in usage.active_users.items():
        users.add_metric((day.isoformat(),), active)
    yield users
    burnt = GaugeMetricFamily("ollive_token_burn", "Tokens of the day (UTC), read and written.", labels=("day",))
    for day, tokens in usage.tokens.items():
        burnt.add_metric((day.isoformat(),), tokens)
    yield burnt
    spent = GaugeMetricFamily(
        "ollive_time_spent_seconds", "From a user's first to their last event of the day, on average.", labels=("day",)
    )
    for day, seconds in sorted(usage.mean_seconds.items()):
        spent.add_metric((day.isoformat(),), seconds)
    yield spent
    if usage.success_rate is not None:
        yield _gauge("ollive_success_rate", "Share of the calls of thirty days that succeeded.", usage.success_rate)
    if usage.mean_latency_ms is not None:
        yield _gauge("ollive_average_latency_ms", "Mean duration of the calls of thirty days.", usage.mean_latency_ms)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


class _Kept:
    """The installation's usage, read once a minute a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._usage: analytics.Usage | None = None

    def get(self, now: datetime) -> analytics.Usage:
        with self._lock:
            if self._usage is None or time.monotonic() - self._read_at > USAGE_SECONDS:
                self._usage, self._read_at = analytics.usage(None, now=now), time.monotonic()
            return self._usage


_usage = _Kept()
