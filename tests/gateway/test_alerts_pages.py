"""The pages of alerts: an owner makes, tries, mutes, changes and deletes them, and reads what they said."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry
from gateway import alert_rules, alerts
from gateway.models import AlertEvent, AlertRule
from telemetry import health_samples
from tests.gateway.test_alerts import TOLD, call, rule_of
from tests.gateway.test_webhooks import make, receiver

__all__ = ["receiver"]
pytestmark = pytest.mark.django_db
GIVEN = {
    "name": "Too many errors",
    "severity": "critical",
    "figure": "error_rate",
    "window_minutes": "15",
    "comparison": "above",
    "threshold": "20",
    "recover_threshold": "10",
    "for_minutes": "0",
    "least_calls": "0",
    "on_no_data": "keep",
    "remind_minutes": "60",
    "model": "gpt-4o-mini, other",
}


@pytest.fixture
def as_alice(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def page(client: Client, name: str, *args: Any) -> str:
    answer = client.get(reverse(name, args=args))
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def act(client: Client, name: str, rule: AlertRule, **data: Any) -> str:
    answer = client.post(reverse(name, args=[rule.pk]), data, follow=True)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_one_is_made_and_looked_at_at_once(as_alice, workspace, receiver, alice):
    hook, _ = make(workspace, receiver, alice, *TOLD)
    call(workspace, "error", "success")
    assert "Nothing is watched yet" in page(as_alice, "alerts")
    made = as_alice.post("/alerts/new/", GIVEN | {"webhook_ids": [str(hook.pk)]}, follow=True).content.decode()
    rule = AlertRule.objects.get()
    assert (rule.threshold, rule.recover_threshold, rule.remind_minutes) == (0.2, 0.1, 60)
    assert rule.filters == {"model": ["gpt-4o-mini", "other"]}
    assert list(rule.webhooks.all()) == [hook]
    assert rule.state == "firing"
    assert "is watched from now on" in made
    for name, args in (("alerts", []), ("alert", [rule.pk]), ("alert_history", [])):
        shown = page(as_alice, name, *args)
        assert "Error rate is 50 % (fires above 20 %), over 15 minutes." in shown
        assert "Too many errors" in shown
    [entry] = AuditEntry.objects.filter(action="alert.changed")
    assert (entry.detail["what"], entry.detail["figure"]) == ("made", "error_rate")


def test_what_it_would_read_is_told_before_it_is_saved(as_alice, workspace):
    call(workspace, "error", "success")
    answer = as_alice.post("/alerts/new/", GIVEN | {"check": "yes"})
    assert "Now: 50 %. If that lasts, it fires." in " ".join(answer.content.decode().split())
    calm = as_alice.post("/alerts/new/", GIVEN | {"check": "yes", "threshold": "60"})
    assert "It does not fire." in calm.content.decode()
    assert not AlertRule.objects.exists()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"recover_threshold": "30"}, "It recovers below where it fires"),
        ({"threshold": "many"}, "Enter a number."),
        ({"letters_to": "not an address"}, "is no e-mail address"),
        ({"figure": "inbox_age_seconds"}, "it takes no filters"),
        ({"figure": "happiness"}, "Select a valid choice"),
        ({"source": ["nowhere"]}, "Select a valid choice"),
    ],
)
def test_what_can_not_be_is_refused_with_a_sentence(as_alice, workspace, fields, sentence):
    answer = as_alice.post("/alerts/new/", GIVEN | fields)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not AlertRule.objects.exists()


def test_the_form_holds_what_the_rule_is_and_saving_it_changes_nothing(as_alice, workspace, alice):
    filters = {"source": ["chat"], "tags": ["a", "b"]}
    rule = rule_of(workspace, alice, threshold=0.05, window_minutes=45, filters=filters, for_minutes=5)
    form = as_alice.get(reverse("change_alert", args=[rule.pk])).context["form"]
    given = {name: value for name, value in form.initial.items() if value is not None}
    assert (given["threshold"], given["window_minutes"]) == ("5", 45)
    as_alice.post(reverse("change_alert", args=[rule.pk]), given)
    saved = AlertRule.objects.get()
    same = ("name", "figure", "threshold", "window_minutes", "for_minutes", "filters", "recover_threshold")
    assert [getattr(saved, name) for name in same] == [getattr(rule, name) for name in same]


def test_a_test_reaches_who_would_be_told(as_alice, workspace, alice, receiver):
    hook, _ = make(workspace, receiver, alice, *TOLD)
    rule = rule_of(workspace, alice)
    assert "Nobody would be told" in act(as_alice, "test_alert", rule)
    rule.webhooks.set([hook])
    assert "on call: answered 200" in act(as_alice, "test_alert", rule)
    [said] = receiver.said
    assert (said["type"], said["data"]["is_test"]) == ("alert.fired", True)
    receiver.answers = [500]
    assert "on call: answered 500" in act(as_alice, "test_alert", rule)
    assert not AlertEvent.objects.exists()


def test_it_is_muted_switched_off_and_deleted(as_alice, workspace, alice):
    rule = rule_of(workspace, alice)
    assert "Muted until" in act(as_alice, "mute_alert", rule, minutes="60")
    assert "Muted until" not in act(as_alice, "mute_alert", rule)
    act(as_alice, "mute_alert", rule, minutes="7")  # not one of the choices
    assert AlertRule.objects.get().muted_until is None
    assert ">Off<" in act(as_alice, "switch_alert", rule, is_on="no")
    assert ">Off<" not in act(as_alice, "switch_alert", rule, is_on="yes")
    call(workspace, "error")
    alerts.look(rule.pk, now=timezone.now())
    assert "(deleted)" in act(as_alice, "delete_alert", rule)
    assert not AlertRule.objects.exists()


def test_the_history_is_read_page_by_page_and_by_kind(as_alice, workspace, alice):
    rule, now = rule_of(workspace, alice), timezone.now()
    for number in range(30):
        kind = "fired" if number % 2 else "recovered"
        at = now - timedelta(minutes=number)
        AlertEvent.objects.create(
            workspace=workspace, rule=rule, name="x", severity="info", kind=kind, says=f"no {number}.", created_at=at
        )
    first = page(as_alice, "alert_history")
    assert "no 0." in first
    assert "no 25." not in first
    link = re.search(r'href="(\?kind=[^"]*before=[^"]*)"', first)
    assert link is not None
    second = as_alice.get("/alerts/history/" + link[1].replace("&amp;", "&")).content.decode()
    assert "no 25." in second
    assert "no 1." in (fired := as_alice.get("/alerts/history/?kind=fired").content.decode())
    assert "no 2." not in fired
    assert as_alice.get("/alerts/history/?kind=nonsense&before=nonsense").status_code == 200


def test_lists_ask_the_same_however_long_they_are(as_alice, workspace, alice):
    counts = []
    for _ in range(2):
        for _ in range(10):
            rule = rule_of(workspace, alice)
            at = timezone.now()
            AlertEvent.objects.create(
                workspace=workspace, rule=rule, name="x", severity="info", kind="fired", says="x", created_at=at
            )
        found = []
        for address in ("/alerts/", "/alerts/history/"):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                as_alice.get(address)
            found.append(len(queries))
        counts.append(found)
    assert counts[0] == counts[1]


def test_there_are_not_too_many(as_alice, workspace, alice, monkeypatch):
    monkeypatch.setattr(alert_rules, "MOST", 1)
    rule_of(workspace, alice)
    assert "at most 1 alerts" in as_alice.post("/alerts/new/", GIVEN).content.decode()


def test_its_page_draws_how_the_figure_went(as_alice, workspace, alice):
    call(workspace, "error", "success")
    rule = rule_of(workspace, alice, threshold=0.05, recover_threshold=0.02, filters={"model": ["gpt-4o-mini"]})
    drawing = as_alice.get(reverse("alert", args=[rule.pk])).context["drawing"]
    figure, fires, recovers = drawing.lines
    assert [value for value in figure.values if value is not None] == [0.5]
    assert (fires.label, set(fires.values), recovers.label) == ("Fires above 5 %", {0.05}, "Recovers at 2 %")
    place = list(figure.values).index(0.5)
    calls = as_alice.get(figure.hrefs[place]).content.decode()
    assert "gpt-4o-mini" in calls
    health_samples.take(timezone.now() - timedelta(minutes=2))
    late = rule_of(workspace, alice, figure="inbox_age_seconds", threshold=60)
    drawing = as_alice.get(reverse("alert", args=[late.pk])).context["drawing"]
    assert (drawing.counted_in, [value for value in drawing.lines[0].values if value is not None]) == ("ms", [0.0])
    assert drawing.lines[1].values[0] == 60_000
    budget = rule_of(workspace, alice, figure="budget_used", threshold=0.8)
    assert as_alice.get(reverse("alert", args=[budget.pk])).context["drawing"] is None
