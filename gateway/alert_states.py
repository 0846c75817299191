"""When a rule fires, and when it is good again: one step of it, with nothing looked up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

State = Literal["ok", "pending", "firing", "no_data"]
NoData = Literal["keep", "ok", "alert"]


@dataclass(frozen=True, slots=True)
class Limits:
    """`recover` is where it is good again: what lies between it and the threshold changes nothing."""

    is_above: bool
    threshold: float
    recover: float
    lasts: timedelta
    on_no_data: NoData

    def is_beyond(self, value: float, limit: float) -> bool:
        return value > limit if self.is_above else value < limit


@dataclass(frozen=True, slots=True)
class Standing:
    state: State
    since: datetime


def step(limits: Limits, standing: Standing, value: float | None, *, now: datetime) -> Standing:
    """How it stands after a reading; None: there were no data."""
    state = _without_data(limits, standing) if value is None else _with(limits, standing, value, now)
    return standing if state == standing.state else Standing(state, now)


def _without_data(limits: Limits, standing: Standing) -> State:
    if limits.on_no_data == "alert":
        return "no_data"
    # One that was on its way to fire has not held for as long as it must.
    return "ok" if limits.on_no_data == "ok" or standing.state == "pending" else standing.state


def _with(limits: Limits, standing: Standing, value: float, now: datetime) -> State:
    if standing.state == "firing":
        return "firing" if limits.is_beyond(value, limits.recover) else "ok"
    if not limits.is_beyond(value, limits.threshold):
        return "ok"
    if not limits.lasts:
        return "firing"
    if standing.state == "pending":
        return "firing" if now - standing.since >= limits.lasts else "pending"
    return "pending"
