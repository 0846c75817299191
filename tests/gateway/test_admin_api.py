"""Models, short names, prices, budgets and webhooks for programs."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ApiKey, AuditEntry
from gateway import catalogue, routing, sources, webhooks
from gateway.models import Budget, BudgetPeriod, Delivery, ModelEntry, Provider, Webhook
from gateway.protocol import ProviderError
from telemetry import prices, pricing
from tests.gateway.test_webhooks import Receiver, receiver
from tests.rest import Program

__all__ = ["receiver"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def program(alice) -> Program:
    return Program(alice)


@pytest.fixture
def work(workspace) -> Provider:
    key = "sk-0123456789abc"
    made = Provider.objects.create(
        workspace=workspace, name="work", kind="openai", api_key=key, model_names=["big", "small", "wee"]
    )
    sources.forget()
    return made


def queries_of(program: Program, path: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        program.told("get", path)
    return len(asked)


def test_a_model_is_kept_for_a_role_and_given_back(program, work, workspace):
    paths = [model["path"] for model in program.pages("/admin/models", provider="work", limit=2)]
    assert sorted(paths) == ["work/big", "work/small", "work/wee"]
    put = program.told("put", "/admin/models/work/big", {"label": "The big one", "roles": ["owner"], "context_window": 9000})
    assert (put["label"], put["roles"], put["context_window"]) == ("The big one", ["owner"], 9000)
    with pytest.raises(ProviderError):
        catalogue.resolve("work/big", workspace_id=workspace.id, role="member")
    program.told("delete", "/admin/models/work/big", status=204)
    assert program.told("get", "/admin/models/work/big")["roles"] == []
    assert not ModelEntry.objects.exists()
    program.told("delete", "/admin/models/work/big", status=404)
    assert [entry.detail["model"] for entry in AuditEntry.objects.filter(action="models.changed")] == ["work/big"] * 2


@pytest.mark.parametrize("path", ["nobody/model", "nothing", "work/%00", "%2e%2e/x"])
def test_a_model_that_is_not_there(program, work, path):
    program.told("get", f"/admin/models/{path}", status=404)


def test_a_short_name_is_set_asked_and_deleted(program, work, workspace):
    wanted = {
        "path": "work/big",
        "weight": 3,
        "deployments": [{"path": "work/small", "weight": 1, "is_fallback": False}, {"path": "work/wee", "is_fallback": True}],
        "max_attempts": 2,
        "cache_seconds": 60,
    }
    put = program.told("put", "/admin/aliases/gpt-4.1-ours", wanted)
    assert (put["name"], put["weight"], [one["path"] for one in put["deployments"]]) == (
        "gpt-4.1-ours",
        3,
        ["work/small", "work/wee"],
    )
    route = routing.plan("gpt-4.1-ours", workspace_id=workspace.id, role="owner")
    assert route.target.path in {"work/big", "work/small"}
    audited = AuditEntry.objects.count()
    assert program.told("put", "/admin/aliases/gpt-4.1-ours", wanted) == put
    assert AuditEntry.objects.count() == audited  # nothing changed
    assert program.told("put", "/admin/aliases/gpt-4.1-ours", {"path": "work/wee"})["deployments"] == []
    assert [one["name"] for one in program.pages("/admin/aliases")] == ["gpt-4.1-ours"]
    program.told("delete", "/admin/aliases/gpt-4.1-ours", status=204)
    program.told("get", "/admin/aliases/gpt-4.1-ours", status=404)


@pytest.mark.parametrize(
    ("name", "wanted", "param"),
    [
        ("fast", {"path": "nobody/model"}, "path"),
        ("Loud", {"path": "work/big"}, "name"),
        ("fast", {"path": "work/big", "deployments": [{"path": "work/big"}]}, "deployments"),
        ("fast", {"path": "work/big", "weight": -1}, "weight"),
        ("fast", {"path": "work/big", "colour": "green"}, "colour"),
    ],
    ids=["leads nowhere", "no name", "twice", "weight", "unknown field"],
)
def test_a_short_name_that_can_not_be(program, work, name, wanted, param):
    assert program.told("put", f"/admin/aliases/{name}", wanted, status=422)["param"] == param


def test_a_budget_is_made_read_as_it_stands_changed_and_deleted(program, workspace):
    made = program.told("post", "/admin/budgets", {"limit_usd": 50}, status=201)
    budget = Budget.objects.get()
    assert (made["id"], made["subject"], made["period"], made["limit_usd"], made["left_usd"]) == (
        str(budget.id),
        "workspace",
        "month",
        50,
        50,
    )
    BudgetPeriod.objects.create(
        budget=budget,
        starts_on=timezone.now().date().replace(day=1),
        spent_usd=Decimal("12.5"),
        reserved_usd=Decimal("0.5"),
        unknown_count=2,
    )
    address = f"/admin/budgets/{budget.id}"
    told = program.told("get", address)
    assert (told["spent_usd"], told["reserved_usd"], told["left_usd"], told["unknown_count"]) == (12.5, 0.5, 37.0, 2)
    changed = program.told("patch", address, {"limit_usd": "20.000001", "is_enabled": False})
    assert (changed["limit_usd"], changed["is_enabled"]) == (20.000001, False)
    program.told("delete", address, status=204)
    program.told("get", address, status=404)
    told = [entry.detail["what"] for entry in AuditEntry.objects.filter(action="budget.changed").order_by("id")]
    assert told == ["made", "changed", "deleted"]


def test_a_budget_is_one_persons_or_keys_of_this_workspace(program, bob, charlie, workspace):
    for subject, subject_id in (("user", bob.id), ("api_key", ApiKey.objects.get().pk)):
        given = {"subject": subject, "subject_id": str(subject_id), "period": "day", "limit_usd": 1}
        assert program.told("post", "/admin/budgets", given, status=201)["subject_id"] == str(subject_id)
    given = {"subject": "user", "subject_id": str(charlie.id), "limit_usd": 1}
    assert program.told("post", "/admin/budgets", given, status=422)["param"] == "subject_id"
    assert program.told("post", "/admin/budgets", {"subject": "user", "limit_usd": 1}, status=422)["param"] == "subject_id"
    assert program.told("post", "/admin/budgets", {"limit_usd": -1}, status=422)["param"] == "limit_usd"
    assert program.told("post", "/admin/budgets", {"limit_usd": 1e300}, status=422)["param"] == "limit_usd"


def test_a_second_budget_takes_the_first_ones_place(program):
    for limit in (5, 6):
        program.told("post", "/admin/budgets", {"limit_usd": limit}, status=201)
    assert Budget.objects.get().limit_usd == 6


def test_many_budgets_and_webhooks_cost_no_more_queries(program, workspace):
    def add(numbers: range) -> None:
        for number in numbers:
            key = ApiKey.objects.create(workspace=workspace, user=person, name=f"{number}", token_sha256=f"{number}", scopes=[])
            Budget.objects.create(workspace=workspace, subject="api_key", subject_id=key.pk, limit_usd=1)
            Webhook.objects.create(workspace=workspace, name=f"{number}", url="https://example.com", events=["call.failed"])

    person = workspace.members.get()
    add(range(10))
    paths = ("/admin/budgets", "/webhooks", "/admin/budgets", "/webhooks")
    few = [queries_of(program, path) for path in paths][2:]
    add(range(10, 20))
    assert [queries_of(program, path) for path in paths[:2]] == few
    assert len(program.pages("/admin/budgets", limit=7)) == 20


def test_prices_are_the_operators(program, alice):
    given = {"provider": "openai", "model": "gpt-ours", "input": 2, "output": "8.5", "source": "contract"}
    assert "operator" in program.told("post", "/admin/prices", given, status=403)["detail"]
    alice.is_staff = True
    alice.save()
    program.told("post", "/admin/prices", given, status=403)
    alice.user_permissions.add(*Permission.objects.filter(codename__in=["add_listedprice", "change_listedprice"]))
    made = program.told("post", "/admin/prices", given, status=201)
    assert (made["input"], made["output"], made["reasoning"], made["origin"]) == (2.0, 8.5, 8.5, "manual")
    prices.refresh(at_once=True)
    rates = pricing.rates("openai", "gpt-ours", timezone.now())
    assert rates is not None
    assert rates.by_bucket["output"] * 1_000_000 == Decimal("8.5")
    assert [one["id"] for one in program.pages("/admin/prices", provider="openai", model="gpt-ours")] == [made["id"]]
    program.told("delete", f"/admin/prices/{made['id']}", status=204)
    program.told("delete", f"/admin/prices/{made['id']}", status=404)
    assert program.pages("/admin/prices", model="gpt-ours") == []
    assert len(program.pages("/admin/prices", model="gpt-ours", with_withdrawn=True)) == 1


def test_a_webhook_is_added_tried_read_and_deleted(program, receiver, workspace):
    wanted = {"name": "on call", "url": receiver.url, "events": ["call.failed", "budget.used_up"]}
    made = program.told("post", "/webhooks", wanted, status=201)
    assert made["secret"].startswith("whsec_")
    address = f"/webhooks/{made['id']}"
    assert "secret" not in program.told("get", address)
    assert program.told("post", f"{address}/test") | {"ms": 0} == {
        "delivery_id": str(Delivery.objects.get().pk),
        "is_good": True,
        "status": 200,
        "ms": 0,
        "says": "thanks",
    }
    receiver.answers = [500]
    webhooks.tell([webhooks.Event(workspace.id, "call.failed", "one", {"model": "big"})], now=timezone.now())
    failed = Delivery.objects.get(event="call.failed")
    outcome = program.told("post", f"{address}/deliveries/{failed.pk}/send")
    assert (outcome["is_good"], outcome["status"]) == (False, 500)
    told: list[Any] = program.pages(f"{address}/deliveries", limit=1)
    assert [(one["event"], one["state"], len(one["attempts"])) for one in told] == [
        ("call.failed", "pending", 1),
        ("webhook.test", "delivered", 1),
    ]
    assert told[0]["body"]["data"] == {"model": "big"}
    fresh = program.told("post", f"{address}/secret")["secret"]
    assert fresh != made["secret"]
    changed = program.told("patch", address, {"is_enabled": False})
    assert (changed["is_enabled"], changed["events"]) == (False, wanted["events"])
    program.told("delete", address, status=204)
    program.told("get", address, status=404)


def test_a_webhook_into_the_private_network_is_refused(program, settings):
    wanted = {"name": "x", "url": "http://169.254.169.254/", "events": ["call.failed"]}
    assert program.told("post", "/webhooks", wanted, status=422)["param"] == "url"
    assert program.told("post", "/webhooks", wanted | {"events": ["every.thing"]}, status=422)["param"] == "events.0"


def test_another_workspaces_delivery_is_not_sent(program, charlie, receiver: Receiver):
    elsewhere = charlie.workspaces.get()
    theirs, _ = webhooks.make(elsewhere, name="x", url=receiver.url, events=["call.failed"], now=timezone.now(), by=charlie)
    webhooks.tell([webhooks.Event(elsewhere.id, "call.failed", "one", {})], now=timezone.now())
    delivery = Delivery.objects.get()
    program.told("post", f"/webhooks/{theirs.pk}/deliveries/{delivery.pk}/send", status=404)
    mine = program.told("post", "/webhooks", {"name": "y", "url": receiver.url, "events": ["call.failed"]}, status=201)
    program.told("post", f"/webhooks/{mine['id']}/deliveries/{delivery.pk}/send", status=404)
    assert receiver.heard == []
