"""Alerts: what fires, how long it must last, when it is good again, and that each change is told once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.urls import reverse
from django.utils import timezone
from uuid_utils.compat import uuid7

from gateway import alert_rules, alerts, deliveries, webhooks
from gateway.alert_rules import Wanted
from gateway.alert_states import Limits, Standing, step
from gateway.models import AlertEvent, AlertRule, Budget, BudgetPeriod
from telemetry import health_samples, inbox
from telemetry.models import HealthSample
from tests.gateway.test_webhooks import make, receiver
from tests.telemetry.calls import append, finished, record, started

__all__ = ["receiver"]
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY = UUID("00000000-0000-4000-8000-00000000000a")
TOLD = ("alert.fired", "alert.no_data", "alert.recovered")


def rule_of(workspace: Any, alice: Any, **fields: Any) -> AlertRule:
    wanted: dict[str, Any] = {"name": "Too many errors", "figure": "error_rate", "threshold": 0.2} | fields
    return alert_rules.make(workspace, Wanted(**wanted), now=timezone.now() - timedelta(minutes=1), by=alice)


def call(workspace: Any, *statuses: str, **fields: Any) -> None:
    told = []
    for status in statuses:
        inference_id = uuid7()
        told += [started(inference_id, workspace_id=workspace.id, started_at=timezone.now(), **fields)]
        told += [finished(inference_id, workspace_id=workspace.id, status=status, ended_at=timezone.now())]
    record(*told)


def look(rule: AlertRule, **later: float) -> AlertRule:
    """The rule after a look at it, so much later."""
    found = alerts.look(rule.pk, now=timezone.now() + timedelta(**later))
    assert found is not None
    return found


def kinds(rule: AlertRule) -> list[str]:
    return list(AlertEvent.objects.filter(rule=rule).order_by("created_at").values_list("kind", flat=True))


@pytest.mark.django_db
def test_it_fires_tells_a_webhook_once_and_recovers(workspace, alice, receiver):
    hook, _ = make(workspace, receiver, alice, *TOLD)
    rule = rule_of(workspace, alice, webhook_ids=[hook.pk], severity="critical")
    call(workspace, "success", "success", "success", "error")
    assert look(rule).state == "firing"
    assert look(rule).state == "firing"
    call(workspace, *["success"] * 8)
    rule = look(rule)
    assert rule.state == "ok"
    assert rule.value == pytest.approx(1 / 12)
    assert kinds(rule) == ["fired", "recovered"]
    deliveries.work()
    fired, recovered = sorted(receiver.said, key=lambda said: said["timestamp"])
    assert (fired["type"], recovered["type"]) == ("alert.fired", "alert.recovered")
    told = fired["data"]
    assert (told["name"], told["severity"], told["state"], told["figure"]) == (rule.name, "critical", "firing", "error_rate")
    assert (told["value"], told["threshold"], told["window_minutes"]) == (0.25, 0.2, 15)
    assert told["says"] == "Error rate is 25 % (fires above 20 %), over 15 minutes."
    assert told["url"].endswith(reverse("alert", args=[rule.pk]))
    assert recovered["data"]["state"] == "ok"


@pytest.mark.django_db
def test_only_chosen_webhooks_are_told(workspace, alice, receiver):
    make(workspace, receiver, alice, *TOLD)
    rule = rule_of(workspace, alice)
    call(workspace, "error")
    look(rule)
    assert deliveries.work() == 0
    assert AlertEvent.objects.get(rule=rule).told_count == 0


def walk(limits: Limits, *values: float | None) -> list[str]:
    """How a rule stands after each reading, a minute apart."""
    standing = Standing("ok", NOON)
    found: list[str] = []
    for minute, value in enumerate(values):
        standing = step(limits, standing, value, now=NOON + timedelta(minutes=minute))
        found.append(standing.state)
    return found


ABOVE = Limits(True, 10, 10, timedelta(0), "keep")


@pytest.mark.parametrize(
    ("limits", "values", "states"),
    [
        (ABOVE, [10, 11, 10], ["ok", "firing", "ok"]),
        (Limits(True, 10, 5, timedelta(0), "keep"), [11, 7, 5.1, 5, 7], ["firing", "firing", "firing", "ok", "ok"]),
        (Limits(False, 10, 15, timedelta(0), "keep"), [10, 9, 12, 15], ["ok", "firing", "firing", "ok"]),
        (
            Limits(True, 10, 10, timedelta(minutes=2), "keep"),
            [11, 11, 9, 11, 11, 11],
            [*["pending"] * 2, "ok", *["pending"] * 2, "firing"],
        ),
        (ABOVE, [11, None, None, 9], ["firing", "firing", "firing", "ok"]),
        (Limits(True, 10, 10, timedelta(minutes=2), "keep"), [11, None, 11], ["pending", "ok", "pending"]),
        (Limits(True, 10, 10, timedelta(0), "ok"), [11, None], ["firing", "ok"]),
        (
            Limits(True, 10, 10, timedelta(0), "alert"),
            [1, None, None, 11, None, 1],
            ["ok", *["no_data"] * 2, "firing", "no_data", "ok"],
        ),
    ],
    ids=["above", "hysteresis", "below", "lasting", "keeps", "gap while pending", "good without", "tells without"],
)
def test_a_state_follows_from_the_readings(limits, values, states):
    assert walk(limits, *values) == states


@pytest.mark.django_db
def test_too_few_calls_are_no_data(workspace, alice):
    rule = rule_of(workspace, alice, least_calls=5, on_no_data="alert")
    call(workspace, "error")
    found = look(rule)
    assert (found.state, found.value) == ("no_data", None)
    assert AlertEvent.objects.get().says == "Error rate has had no data for 15 minutes."
    call(workspace, *["error"] * 4)
    assert look(rule).state == "firing"
    assert kinds(rule) == ["no_data", "fired"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("figure", "threshold", "filters", "value"),
    [
        ("calls", 1, {}, 3),
        ("calls", 1, {"model": ["gpt-4o-mini"]}, 2),
        ("calls", 0.5, {"tags": ["nightly"]}, 1),
        ("cost_usd", 0.00001, {"model": ["gpt-4o-mini"]}, Decimal("0.00009")),
        ("latency_ms_p95", 2000, {"model": ["gpt-4o-mini"]}, 2400),
        ("error_rate", 0.1, {"status": ["error", "success"]}, 1 / 3),
        ("calls", 0.5, {"api_key_id": [str(KEY)]}, 1),
        ("latency_ms_p50", 2000, {"api_key_id": [str(KEY)], "model": ["gpt-4o-mini"]}, 2400),
    ],
)
def test_a_figure_is_read_over_the_window_and_of_the_calls_that_are_meant(workspace, alice, figure, threshold, filters, value):
    start = timezone.now()
    told = []
    for model, status, tags in (("gpt-4o-mini", "success", []), ("gpt-4o-mini", "success", ["nightly"]), ("other", "error", [])):
        one = uuid7()
        told += [
            started(one, workspace_id=workspace.id, model=model, tags=tags, api_key_id=KEY if tags else None, started_at=start)
        ]
        told += [
            finished(
                one, workspace_id=workspace.id, status=status, ended_at=start + timedelta(milliseconds=2400), first_token_at=None
            )
        ]
    record(*told)
    rule = look(rule_of(workspace, alice, figure=figure, threshold=threshold, filters=filters))
    assert rule.value == pytest.approx(float(value), rel=0.02)
    assert rule.state == "firing"
    assert look(rule, minutes=20).value in (None, 0)  # the window has gone on


@pytest.mark.django_db
def test_no_calls_at_all_are_told_of(workspace, alice):
    assert look(rule_of(workspace, alice, figure="calls", comparison="below", threshold=1)).state == "firing"


@pytest.mark.django_db
def test_the_fullest_budget_or_a_chosen_one_is_watched(workspace, alice):
    today = timezone.now().date()
    full, empty = (Budget.objects.create(workspace=workspace, limit_usd=10, period=period) for period in ("day", "month"))
    BudgetPeriod.objects.create(budget=full, starts_on=today, spent_usd=9, reserved_usd=0, unknown_count=0)
    assert look(rule_of(workspace, alice, figure="budget_used", threshold=0.8)).value == 0.9
    assert look(rule_of(workspace, alice, figure="budget_used", threshold=0.8, budget_id=empty.pk)).value == 0
    Budget.objects.update(is_enabled=False)
    rule = look(rule_of(workspace, alice, figure="budget_used", threshold=0.8, on_no_data="alert"))
    assert (rule.state, rule.value) == ("no_data", None)
    assert AlertEvent.objects.get(rule=rule).says.startswith("There is no budget")


@pytest.mark.django_db
def test_the_age_of_the_inbox_is_watched(workspace, alice):
    append(started(workspace_id=workspace.id))
    rule = rule_of(workspace, alice, figure="inbox_age_seconds", threshold=60, on_no_data="alert")
    assert look(rule).state == "no_data"  # nobody has looked at the inbox
    alerts.work(timezone.now())
    assert HealthSample.objects.get().pending_count == 1
    HealthSample.objects.update(oldest_seconds=90)
    assert look(rule).state == "firing"
    assert inbox.oldest_seconds() < 90
    HealthSample.objects.update(taken_at=timezone.now() - timedelta(days=31))
    assert health_samples.prune(timezone.now()) == 1


@pytest.mark.django_db
def test_the_clock_looks_at_each_rule_at_its_pace(workspace, alice):
    quick, slow = (rule_of(workspace, alice, window_minutes=minutes) for minutes in (15, 1440))
    off = rule_of(workspace, alice, is_enabled=False)
    now = timezone.now()
    assert alerts.work(now) == 2
    assert alerts.work(now) == 0
    assert alerts.work(now + timedelta(seconds=30)) == 1
    assert alerts.work(now + timedelta(minutes=2)) == 2
    assert set(AlertRule.objects.exclude(checked_at=None)) == {quick, slow}
    assert list(AlertRule.objects.filter(checked_at=None)) == [off]


@pytest.mark.django_db
def test_a_muted_one_tells_nobody_until_then_and_then_at_once(workspace, alice, receiver):
    hook, _ = make(workspace, receiver, alice, *TOLD)
    rule = rule_of(workspace, alice, webhook_ids=[hook.pk])
    alert_rules.mute(rule, timezone.now() + timedelta(hours=1), now=timezone.now(), by=alice)
    call(workspace, "error")
    look(rule)
    assert AlertEvent.objects.get().was_muted
    assert deliveries.work() == 0
    rule = AlertRule.objects.get(pk=rule.pk)
    alert_rules.mute(rule, None, now=timezone.now(), by=alice)
    look(rule)
    look(rule)
    assert kinds(rule) == ["fired", "reminded"]
    assert deliveries.work() == 1
    # It was told, so that its end is told too, whether it is muted or not.
    alert_rules.mute(rule, timezone.now() + timedelta(hours=1), now=timezone.now(), by=alice)
    call(workspace, *["success"] * 9)
    look(rule)
    assert deliveries.work() == 1
    assert receiver.said[-1]["type"] == "alert.recovered"


@pytest.mark.django_db
def test_it_reminds_while_it_fires(workspace, alice):
    rule = rule_of(workspace, alice, window_minutes=1440, remind_minutes=60)
    call(workspace, "error")
    for minutes in (0, 30, 61, 90, 122):
        look(rule, minutes=minutes)
    assert kinds(rule) == ["fired", "reminded", "reminded"]


@pytest.mark.django_db
@pytest.mark.parametrize("act", ["change", "switch", "delete"])
def test_who_was_told_hears_that_a_rule_is_no_more(workspace, alice, receiver, act):
    hook, _ = make(workspace, receiver, alice, *TOLD)
    rule = rule_of(workspace, alice, webhook_ids=[hook.pk])
    call(workspace, "error")
    look(rule)
    now = timezone.now()
    if act == "change":
        wanted = Wanted(name="Slow", figure="latency_ms_p95", threshold=9000, webhook_ids=[hook.pk])
        alert_rules.change(rule, wanted, now=now, by=alice)
    elif act == "switch":
        alert_rules.switch(rule, is_on=False, now=now, by=alice)
    else:
        alert_rules.delete(rule, now=now, by=alice)
    assert deliveries.work() == 2
    assert {said["type"] for said in receiver.said} == {"alert.fired", "alert.recovered"}
    assert AlertEvent.objects.count() == 2  # the history stays


@pytest.mark.django_db
def test_a_figure_that_takes_too_long_changes_nothing_and_is_said(workspace, alice, monkeypatch):
    rule = rule_of(workspace, alice, filters={"tags": ["nightly"]})
    call(workspace, "error", tags=["nightly"])
    assert look(rule).state == "firing"
    monkeypatch.setattr("telemetry.queries.raw.totals", lambda *_, **__: _sleep())
    monkeypatch.setattr("telemetry.figures.TIMEOUT_MS", 20)
    found = look(rule)
    assert (found.state, found.value) == ("firing", 1.0)
    assert "takes too long" in found.problem


def _sleep() -> list[Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(5)")
    return []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": " "}, "name"),
        ({"figure": "happiness"}, "figure"),
        ({"recover_threshold": 0.3}, "recover_threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"window_minutes": 0}, "window_minutes"),
        ({"filters": {"colour": ["red"]}}, "filters"),
        ({"filters": {"status": ["splendid"]}}, "status"),
        ({"figure": "inbox_age_seconds", "filters": {"model": ["x"]}}, "filters"),
        ({"letters_to": ["nobody"]}, "letters_to"),
        ({"webhook_ids": [uuid7()]}, "webhook_ids"),
        ({"figure": "budget_used", "budget_id": uuid7()}, "budget_id"),
    ],
)
def test_what_can_not_be_is_refused(workspace, alice, fields, field):
    with pytest.raises(alert_rules.InvalidRule) as refused:
        rule_of(workspace, alice, **fields)
    assert refused.value.field == field
    assert not AlertRule.objects.exists()


@pytest.mark.django_db
def test_a_webhook_of_another_workspace_is_none_of_ours(workspace, alice, charlie, receiver):
    elsewhere = charlie.memberships.get().workspace
    hook, _ = make(elsewhere, receiver, charlie, *TOLD)
    with pytest.raises(alert_rules.InvalidRule, match="no such webhook"):
        rule_of(workspace, alice, webhook_ids=[hook.pk])


@pytest.mark.django_db
def test_old_events_are_forgotten(workspace, alice):
    rule = rule_of(workspace, alice)
    call(workspace, "error")
    look(rule)
    AlertEvent.objects.update(created_at=timezone.now() - timedelta(days=401))
    assert alerts.prune(timezone.now()) == 1
    assert webhooks.EVENTS.keys() >= set(TOLD)
