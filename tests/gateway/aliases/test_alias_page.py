"""The pages of one short name: its models, how they stand, and how they compare."""

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry
from gateway import catalogue, sources
from gateway.cooling import Rule, health
from gateway.experiments import Share
from gateway.models import Deployment, ModelAlias
from gateway.protocol import ProviderError
from telemetry import digest, events, inbox
from telemetry.models import Score
from tests.gateway.aliases.asking import make_alias, plan
from tests.people import join, make_person

pytestmark = pytest.mark.django_db

OPTIONS = {"max_attempts": 3, "failures_to_rest": 3, "rest_seconds": 30, "cache_seconds": 0, "split_by": "request"}


@pytest.fixture
def client(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def change(client: Client, alias: ModelAlias, rows: list[tuple[str, str, object]], **options: Any):
    """Save the page with these models (path, role, weight)."""
    data: dict[str, Any] = {"form-TOTAL_FORMS": len(rows), "form-INITIAL_FORMS": 0, **OPTIONS, **options}
    for place, (path, role, weight) in enumerate(rows):
        data |= {f"form-{place}-path": path, f"form-{place}-role": role, f"form-{place}-weight": weight}
    return client.post(reverse("gateway:alias", args=[alias.id]), data)


def test_a_name_is_given_models_that_share_and_stand_in(client, openai, workspace):
    alias = make_alias(workspace, "plain")
    rows = [("openai/plain", "share", 3), ("openai/whole", "share", 1), ("openai/cut", "fallback", ""), ("", "share", 1)]
    answer = change(client, alias, rows, first_byte_seconds=2.5, cache_seconds=90, is_compared="on", split_by="user")
    assert answer.status_code == 302, answer.content.decode()
    alias.refresh_from_db()
    assert (alias.path, alias.weight, alias.first_byte_seconds, alias.cache_seconds) == ("openai/plain", 3, 2.5, 90)
    assert (alias.split_by, alias.compared_since is not None) == ("user", True)
    assert [str(one) for one in alias.deployments.all()] == ["openai/whole (1)", "openai/cut (fallback)"]
    route = plan(workspace)
    assert route.target.first_byte_seconds == 2.5
    assert len(route.targets) == 3
    page = client.get(reverse("gateway:alias", args=[alias.id])).content.decode()
    assert "75 % of the requests" in page
    assert "stands in when others fail" in page
    assert AuditEntry.objects.filter(action="models.changed").exists()


def test_an_emptied_line_is_removed_and_the_next_one_takes_its_place(client, openai, workspace):
    alias = make_alias(workspace, "plain", "whole=2")
    assert change(client, alias, [("", "share", 1), ("openai/whole", "share", 2)]).status_code == 302
    alias.refresh_from_db()
    assert (alias.path, alias.weight, alias.deployments.count()) == ("openai/whole", 2, 0)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([("", "share", 1)], "takes a share of the requests"),
        ([("openai/plain", "share", 0)], "takes a share of the requests"),
        ([("openai/plain", "fallback", 1)], "takes a share of the requests"),
        ([("openai/plain", "share", 1), ("openai/plain", "fallback", 1)], "here twice"),
        ([("openai/plain", "share", 1), ("nowhere/x", "fallback", 1)], "nowhere"),
        ([("smart", "share", 1)], "not for another short name"),
        ([("openai/plain", "share", "")], "How many parts"),
        ([("openai/plain", "share", 5000)], "1000"),
    ],
    ids=["none", "no-weight", "only-standing-in", "twice", "nowhere", "a-name", "no-number", "too-much"],
)
def test_models_that_make_no_sense_are_refused(client, openai, workspace, rows, says):
    alias = make_alias(workspace, "plain", "whole")
    answer = change(client, alias, rows)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert Deployment.objects.filter(alias=alias).count() == 1


def test_who_rests_is_shown_and_can_be_woken(client, openai, workspace):
    alias = make_alias(workspace, "plain", "whole")
    place = plan(workspace).alias.places[0]
    health.failed(place.health_id, ProviderError("quota", "Nothing left."), Rule(3, 30))
    health.settle()
    page = client.get(reverse("gateway:alias", args=[alias.id])).content.decode()
    assert "rests" in page
    assert "after: quota" in page
    client.post(reverse("gateway:wake_alias", args=[alias.id]), {"workspace": workspace.id})
    assert not health.rests(place.health_id)
    assert "after: quota" not in client.get(reverse("gateway:alias", args=[alias.id])).content.decode()


def test_kept_answers_are_forgotten(client, openai, workspace):
    alias = make_alias(workspace, "plain", cache_seconds=60)
    before = plan(workspace).cache
    client.post(reverse("gateway:forget_answers", args=[alias.id]), {"workspace": workspace.id})
    after = plan(workspace).cache
    assert before is not None
    assert after is not None
    assert after.name != before.name


def test_only_who_may_configure_sees_it(openai, workspace, bob, charlie):
    alias = make_alias(workspace, "plain")
    for person, status in ((bob, 403), (charlie, 404)):
        client = Client()
        client.force_login(person)
        assert client.get(reverse("gateway:alias", args=[alias.id])).status_code == status
        assert client.get(reverse("gateway:comparison", args=[alias.id])).status_code == status


def test_a_name_whose_first_model_is_gone_is_still_offered(openai, workspace):
    alias = make_alias(workspace, "plain", "whole")
    ModelAlias.objects.filter(id=alias.id).update(path="nowhere/model")
    sources.forget()
    [choice] = [choice for choice in catalogue.models(workspace.id) if choice.path == "smart"]
    assert choice.stands_for == "openai/whole"


def test_the_comparison_tells_how_each_model_did(client, openai, workspace):
    alias = make_alias(workspace, "plain", "whole", compared_since=timezone.now() - timedelta(hours=1))
    ids = record(workspace, "openai/plain", successes=3, latency_ms=400, cost="0.002")
    record(workspace, "openai/whole", successes=2, errors=2, latency_ms=1500)
    record(workspace, "openai/whole", successes=5, is_cached=True)
    record(workspace, "", successes=7)
    Score.objects.create(workspace_id=workspace.id, inference_id=ids[0], source="person", name="thumb", kind="boolean", value=1)
    digest.drain()
    page = client.get(reverse("gateway:comparison", args=[alias.id])).content.decode()
    assert "in 7 calls" in page
    assert "100.0 %" in page
    assert "50.0 %" in page
    assert "0.40 s" in page
    assert "1.50 s" in page
    assert "$2.00" in page
    assert "of 1 judged" in page
    assert "too few calls to tell" in page


def test_a_clear_difference_is_called_one(client, openai, workspace):
    alias = make_alias(workspace, "plain", "whole", compared_since=timezone.now() - timedelta(hours=1))
    record(workspace, "openai/plain", successes=40)
    record(workspace, "openai/whole", successes=30, errors=12)
    digest.drain()
    assert "fails more often" in client.get(reverse("gateway:comparison", args=[alias.id])).content.decode()


def test_calls_from_before_are_told_when_they_are_asked_for(client, openai, workspace):
    alias = make_alias(workspace, "plain", "whole", compared_since=timezone.now() + timedelta(seconds=5))
    record(workspace, "openai/plain", successes=3)
    digest.drain()
    address = reverse("gateway:comparison", args=[alias.id])
    assert "in 0 calls" in client.get(address).content.decode()
    assert "in 3 calls" in client.get(address, {"days": "7"}).content.decode()


def test_anothers_calls_of_a_name_like_it_are_not_counted(client, openai, workspace):
    alias = make_alias(workspace, "plain", "whole", compared_since=timezone.now() - timedelta(hours=1))
    stranger = join(make_person("Charlie"), type(workspace).objects.create(name="Elsewhere"))
    record(stranger.workspaces.get(), "openai/plain", successes=3)
    digest.drain()
    assert "in 0 calls" in client.get(reverse("gateway:comparison", args=[alias.id])).content.decode()


def test_bounds_hold_for_few_calls_and_for_all_of_them():
    low, high = Share(10, 10).bounds
    assert (round(low, 3), high) == (0.722, 1.0)
    assert [round(bound, 3) for bound in Share(45, 50).bounds] == [0.786, 0.957]
    assert not Share(29, 29).differs_from(Share(0, 29))
    assert Share(60, 60).differs_from(Share(50, 60))
    assert not Share(60, 60).differs_from(Share(58, 60))
    assert not Share(40, 40).differs_from(Share(40, 40))


def record(
    workspace,
    variant: str,
    *,
    successes: int,
    errors: int = 0,
    latency_ms: int = 500,
    cost: str = "",
    is_cached: bool | None = None,
) -> list[uuid.UUID]:
    ids = [uuid.uuid4() for _ in range(successes + errors)]
    told = [
        events.finished(
            inference_id=one,
            workspace_id=workspace.id,
            source="gateway",
            requested_model="smart",
            provider="openai",
            model="nobody-knows",
            variant=variant or None,
            is_cached=is_cached,
            status="success" if place < successes else "error",
            started_at=timezone.now(),
            latency_ms=latency_ms,
            reported_cost_usd=Decimal(cost) if cost else None,
        )
        for place, one in enumerate(ids)
    ]
    with connection.cursor() as cursor:
        inbox.append(told, cursor)
    return ids
