"""What makes demo traffic look lived in: an outage now and then, agents that take several calls, second attempts. Pure."""

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

EVERY_DAYS = 11
STRUCK = ("openai", "anthropic", "gemini")
RETRIED = {"rate_limit", "timeout", "server_error"}
AGENTS = ("answer_ticket", "plan_trip", "review_contract", "write_report")
SAMPLES = 12  # times of tokens that are kept of a stream


class Outage(NamedTuple):
    """A provider fails half of its calls for the better part of an hour, and is slow with the rest."""

    provider: str
    begins_at: datetime
    ends_at: datetime

    def strikes(self, provider: str, at: datetime) -> bool:
        return provider == self.provider and self.begins_at <= at < self.ends_at


@dataclass(slots=True)
class Run:
    """An agent at work: its calls and steps share a trace, and are children of its own step, which is told when it ends."""

    name: str
    trace: str
    root: str
    started_at: datetime
    left: int


class Failed(NamedTuple):
    """A call that somebody tries again at once."""

    identity: str
    trace: str
    attempt: int


def outage(day: date) -> Outage | None:
    """The same for the same day, whatever the traffic."""
    if day.toordinal() % EVERY_DAYS != 5:
        return None
    begins = datetime(day.year, day.month, day.day, 13, 10, tzinfo=UTC)
    return Outage(STRUCK[day.toordinal() // EVERY_DAYS % len(STRUCK)], begins, begins + timedelta(minutes=50))


def token_times(dice: random.Random, ttft_ms: int, latency_ms: int) -> str:
    """When sampled tokens came, as COPY wants an array; one in a hundred streams stalls in its middle."""
    gaps = [dice.uniform(0.6, 1.4) for _ in range(SAMPLES)]
    if dice.random() < 0.01:
        gaps[SAMPLES // 2] *= 9
    scale, at, told = max(0, latency_ms - ttft_ms) / sum(gaps), float(ttft_ms), [ttft_ms]
    for gap in gaps:
        at += gap * scale
        told.append(int(at))
    return "{" + ",".join(map(str, told)) + "}"
