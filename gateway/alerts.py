"""Rules looked at by the clock: each figure is read, and what changes is written down and told in one transaction.

One worker at a time looks, the rule that waited longest first: a rule whose figure takes long to read keeps none from its turn.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q

from gateway import alert_reading, alert_telling
from gateway.alert_states import Limits, NoData, Standing, State, step
from gateway.models import AlertEvent, AlertRule
from telemetry import health_samples
from telemetry.figures import TooMuch

Kind = AlertEvent.Kind
Change = tuple[str, str]

RUN_SECONDS = 25.0
LOCK = 0x0111_0E04  # any number of our own, for the advisory lock
EVENTS_KEPT = timedelta(days=400)
PIECE = 1000
AT_ONCE = 200
# A long window moves slowly: it is looked at less often. Up to so many minutes → every so many seconds.
PACES: Sequence[tuple[int, int]] = ((60, 25), (1440, 115), (1_000_000, 595))
TELLS: dict[Change, AlertEvent.Kind] = {
    **{(before, "firing"): Kind.FIRED for before in ("ok", "pending", "no_data")},
    **{(before, "no_data"): Kind.NO_DATA for before in ("ok", "pending", "firing")},
    **{(before, "ok"): Kind.RECOVERED for before in ("firing", "no_data")},
}

log = structlog.get_logger(__name__)


def work(now: datetime, *, seconds: float = RUN_SECONDS) -> int:
    """Take a sample of telemetry's health, and look at every rule whose turn it is; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
        try:
            health_samples.take(now)
            return _work(now, time.monotonic() + seconds)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def look(rule_id: UUID, *, now: datetime) -> AlertRule | None:
    """Read one rule's figure and do what follows from it. None where it is gone, off, or was changed meanwhile."""
    rule = AlertRule.objects.filter(pk=rule_id, is_enabled=True).first()
    if rule is None:
        return None
    value, problem = _read(rule, now)
    with transaction.atomic():
        held = AlertRule.objects.select_for_update().filter(pk=rule_id, is_enabled=True, changed_at=rule.changed_at).first()
        if held is None:
            return None
        held.checked_at, held.problem = now, problem
        if not problem:
            held.value = value
            _follow(held, now)
        held.save(update_fields=["checked_at", "problem", "value", "state", "since", "told_at"])
    return held


def would_be(rule: AlertRule, *, now: datetime) -> tuple[float | None, State, str]:
    """What a rule that is not saved would read now, where that puts it if it lasts, and why it cannot be read."""
    value, problem = _read(rule, now)
    limits = limits_of(rule)
    lasting = Standing("pending", now - limits.lasts)
    return value, step(limits, lasting, value, now=now).state, problem


def settle(rule: AlertRule, *, now: datetime, because: str) -> None:
    """Begin anew: what fires is told to be over. In the caller's transaction, with the rule locked."""
    if rule.state in ("firing", "no_data"):
        alert_telling.note(rule, Kind.RECOVERED, now=now, because=because)
    rule.state, rule.since, rule.value, rule.checked_at = AlertRule.State.OK, now, None, None
    rule.problem, rule.told_at = "", None


def limits_of(rule: AlertRule) -> Limits:
    recover = rule.threshold if rule.recover_threshold is None else rule.recover_threshold
    is_above = rule.comparison == AlertRule.Comparison.ABOVE
    return Limits(is_above, rule.threshold, recover, timedelta(minutes=rule.for_minutes), cast("NoData", rule.on_no_data))


def prune(now: datetime) -> int:
    """Forget what happened more than a year ago, and old samples; returns how many events."""
    health_samples.prune(now)
    pruned = 0
    while True:
        old = AlertEvent.objects.filter(created_at__lt=now - EVENTS_KEPT).values("pk")[:PIECE]
        count = AlertEvent.objects.filter(pk__in=old).delete()[1].get("gateway.AlertEvent", 0)
        pruned += count
        if count < PIECE:
            return pruned


def _work(now: datetime, deadline: float) -> int:
    looked = 0
    for rule_id in _due(now):
        if time.monotonic() > deadline:
            log.warning("not every alert could be looked at in its time", looked=looked)
            break
        look(rule_id, now=datetime.now(UTC))
        looked += 1
    return looked


def _due(now: datetime) -> list[UUID]:
    turn, least = Q(checked_at=None), 0
    for minutes, seconds in PACES:
        waited = Q(checked_at__lte=now - timedelta(seconds=seconds))
        turn |= waited & Q(window_minutes__gt=least, window_minutes__lte=minutes)
        least = minutes
    rules = AlertRule.objects.filter(turn, is_enabled=True).order_by(F("checked_at").asc(nulls_first=True), "id")
    return list(rules.values_list("pk", flat=True)[:AT_ONCE])


def _read(rule: AlertRule, now: datetime) -> tuple[float | None, str]:
    """The value, or why there is none that can be trusted: such a reading changes nothing."""
    try:
        return alert_reading.read(rule, now=now), ""
    except (TooMuch, alert_reading.InvalidFilters) as error:
        return None, str(error)
    except DatabaseError as error:
        log.warning("an alert could not be read", rule=str(rule.pk), error=type(error).__name__)
        return None, "The database did not answer."


def _follow(rule: AlertRule, now: datetime) -> None:
    before = Standing(cast("State", rule.state), rule.since)
    after = step(limits_of(rule), before, rule.value, now=now)
    if kind := TELLS.get((before.state, after.state)):
        rule.state, rule.since = after.state, after.since
        alert_telling.note(rule, kind, now=now, because=_because(kind, rule))
        return
    rule.state, rule.since = after.state, after.since
    if after.state in ("firing", "no_data") and (again := _again(rule, now)):
        alert_telling.note(rule, again, now=now)


def _again(rule: AlertRule, now: datetime) -> AlertEvent.Kind | None:
    """What is to be said of trouble that goes on: nobody was told, for it was muted, or it is time to remind."""
    if alert_telling.is_quiet(rule, now):
        return None
    pause = timedelta(minutes=rule.remind_minutes)
    if rule.told_at is not None and (not pause or now - rule.told_at < pause):
        return None
    return Kind.NO_DATA if rule.state == "no_data" else Kind.REMINDED


def _because(kind: AlertEvent.Kind, rule: AlertRule) -> str:
    if kind == Kind.NO_DATA:
        measure = alert_reading.MEASURES[rule.figure]
        if measure.of == "budgets":
            return "There is no budget that holds calls back: its share has no data."
        return f"{measure.label} has had no data for {alert_telling.in_words(rule.window_minutes)}."
    return ""
