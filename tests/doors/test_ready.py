"""`/ready` says to everybody whether the servers answer, and to operators how telemetry fares."""

import pytest
from django.test import Client
from django.utils import timezone

from accounts import api_keys
from telemetry import processes
from tests.people import make_person
from tests.telemetry.calls import append, started

pytestmark = pytest.mark.django_db


@pytest.fixture
def root():
    client = Client()
    client.force_login(make_person("Root", is_staff=True, is_superuser=True))
    return client


def test_everybody_is_told_of_the_servers_alone(client):
    answer = client.get("/ready")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "checks": {"database": "ok", "redis": "ok"}}


def test_who_is_no_operator_is_told_no_more(client, alice):
    client.force_login(alice)
    assert client.get("/ready").json().keys() == {"status", "checks"}


def test_an_operator_is_told_what_waits_and_who_works(root):
    append(started())
    told = root.get("/ready").json()
    assert told["checks"] == {
        "database": "ok",
        "redis": "ok",
        "migrations": "ok",
        "inbox": "ok",
        "worker": "silent",
        "accounts": "ok",
    }
    assert told["figures"]["inbox_events"] == 1
    assert told["figures"]["events"]["missing"] == 0
    processes.register("worker")
    assert root.get("/ready").json()["checks"]["worker"] == "ok"


@pytest.mark.parametrize(("scopes", "is_told"), [(["metrics"], True), (["admin"], True), (["ingest", "chat"], False)])
def test_a_key_needs_the_scope(client, alice, workspace, scopes, is_told):
    _, token = api_keys.issue(alice, workspace, name="probe", now=timezone.now(), scopes=scopes)
    told = client.get("/ready", headers={"Authorization": f"Bearer {token}"}).json()
    assert ("figures" in told) is is_told


def test_a_server_that_does_not_answer_is_named(root, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1"
    answer = root.get("/ready")
    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", "checks": {"database": "ok", "redis": "unreachable"}}
