"""Alerts for programs: made, changed, muted, tried, deleted, and what they said."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gateway.models import AlertRule
from tests.gateway.test_alerts import TOLD, call, look, rule_of
from tests.gateway.test_webhooks import make, receiver
from tests.rest import Program

__all__ = ["receiver"]
pytestmark = pytest.mark.django_db
NEW = {"name": "Slow", "figure": "latency_ms_p95", "threshold": 2000, "filters": {"model": ["gpt-4o-mini"]}}


@pytest.fixture
def program(alice) -> Program:
    return Program(alice)


def test_an_alert_is_made_changed_and_deleted(program, workspace, alice, receiver):
    hook, _ = make(workspace, receiver, alice, *TOLD)
    made = program.told("post", "/admin/alerts", NEW | {"webhook_ids": [str(hook.pk)]}, status=201)
    path = f"/admin/alerts/{made['id']}"
    assert (made["state"], made["value"], made["recover_threshold"]) == ("ok", None, None)
    assert made["filters"]["model"] == ["gpt-4o-mini"]
    assert program.told("get", path) == made
    changed = program.told("patch", path, {"threshold": 1500, "recover_threshold": 1000})
    assert changed == made | {"threshold": 1500.0, "recover_threshold": 1000.0, "since": changed["since"]}
    assert program.told("patch", path, {"recover_threshold": None})["recover_threshold"] is None
    assert program.told("patch", path, {"is_enabled": False, "name": None})["is_enabled"] is False
    program.told("delete", path, status=204)
    program.told("get", path, status=404)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"figure": "happiness"}, "figure"),
        ({"filters": {"status": ["splendid"]}}, "status"),
        ({"recover_threshold": 9000}, "recover_threshold"),
        ({"letters_to": ["nobody"]}, "letters_to"),
    ],
)
def test_what_can_not_be_is_refused_by_its_name(program, fields, param):
    refused = program.told("post", "/admin/alerts", NEW | fields, status=422)
    assert refused["param"] == param
    assert not AlertRule.objects.exists()


@pytest.mark.parametrize(
    "fields", [{"colour": "red"}, {"filters": {"colour": ["red"]}}, {"window_minutes": 0}, {"for_minutes": True}]
)
def test_what_is_malformed_is_refused(program, fields):
    program.told("post", "/admin/alerts", NEW | fields, status=422)
    assert not AlertRule.objects.exists()


def test_what_it_said_is_read_page_by_page(program, workspace, alice):
    rule = rule_of(workspace, alice)
    for _ in range(2):
        call(workspace, *["error"] * 30)
        look(rule)
        call(workspace, *["success"] * 500)
        look(rule)
    said = program.pages("/admin/alerts/history", limit=3)
    assert [one["kind"] for one in said] == ["recovered", "fired"]
    assert {one["alert_id"] for one in said} == {str(rule.pk)}
    program.told("delete", f"/admin/alerts/{rule.pk}", status=204)
    assert {one["alert_id"] for one in program.pages("/admin/alerts/history")} == {None}


def test_it_is_muted_and_tried(program, workspace, alice, receiver):
    hook, _ = make(workspace, receiver, alice, *TOLD)
    rule = rule_of(workspace, alice, webhook_ids=[hook.pk])
    assert program.told("post", f"/admin/alerts/{rule.pk}/mute", {"minutes": 60})["muted_until"]
    assert program.told("post", f"/admin/alerts/{rule.pk}/mute", {"minutes": 0})["muted_until"] is None
    [told] = program.told("post", f"/admin/alerts/{rule.pk}/test")["data"]
    assert (told["whom"], told["is_good"]) == ("on call", True)
    assert receiver.said[0]["data"]["is_test"] is True


def test_what_can_be_watched_is_listed(program):
    found: dict[str, Any] = {one["name"]: one for one in program.told("get", "/admin/alert-figures")["data"]}
    assert found["error_rate"] == {"name": "error_rate", "label": "Error rate", "unit": "share", "takes_filters": True}
    assert not found["budget_used"]["takes_filters"]


def test_a_list_asks_the_same_however_long_it_is(program, workspace, alice):
    program.told("get", "/admin/alerts")  # the key's first use is noted
    counts = []
    for _ in range(2):
        for _ in range(10):
            rule_of(workspace, alice)
        with CaptureQueriesContext(connection) as asked:
            program.told("get", "/admin/alerts")
        counts.append(len(asked))
    assert counts[0] == counts[1]
