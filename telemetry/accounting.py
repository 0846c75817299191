"""The state of telemetry at a glance: are all events accounted for, what waits where and for how long, who works."""

from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection

from telemetry import feed, inbox, spool, tallies

SILENT_AFTER_SECONDS = 30

PROCESSES = """
SELECT kind, host, pid, started_at, extract(epoch FROM statement_timestamp() - beat_at)::float FROM telemetry_process
WHERE beat_at > statement_timestamp() - interval '1 day' ORDER BY beat_at DESC LIMIT 50
"""
RECENT = """
SELECT count(*) FROM (
    SELECT FROM inference_log WHERE received_at > statement_timestamp() - interval '1 minute' LIMIT 100000
) AS recent
"""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A process of ours and how long it has been silent."""

    kind: str
    host: str
    pid: int
    started_at: datetime
    silent_seconds: float

    @property
    def is_alive(self) -> bool:
        return self.silent_seconds < SILENT_AFTER_SECONDS


@dataclass(frozen=True, slots=True)
class Figures:
    """`oldest_seconds` is how long the first event that may be digested has waited: the digest's lag."""

    balance: tallies.Balance
    oldest_seconds: float
    last_minute_count: int
    spool: spool.State
    heartbeats: list[Heartbeat] = field(default_factory=list)
    consumers: list[feed.Lag] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        return self.balance.missing == 0

    @property
    def is_late(self) -> bool:
        return self.oldest_seconds > inbox.LATE_SECONDS

    @property
    def worker_silent_seconds(self) -> float | None:
        """Since the last sign of life of anybody who digests; None when there was none for a day."""
        signs = [beat.silent_seconds for beat in self.heartbeats if beat.kind in {"worker", "drain"}]
        return min(signs, default=None)

    @property
    def is_worker_silent(self) -> bool:
        return self.worker_silent_seconds is None or self.worker_silent_seconds > SILENT_AFTER_SECONDS


def figures() -> Figures:
    with connection.cursor() as cursor:
        cursor.execute(PROCESSES)
        heartbeats = [Heartbeat(*row) for row in cursor.fetchall()]
        cursor.execute(RECENT)
        last_minute_count = int(cursor.fetchone()[0])
    return Figures(tallies.balance(), inbox.oldest_seconds(), last_minute_count, spool.state(), heartbeats, feed.lags())
