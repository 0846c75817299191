"""The page of budgets: who may make, change and delete them, and what it tells."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import api_keys
from accounts.models import AuditEntry, Membership
from gateway import standings
from gateway.models import Budget, BudgetPeriod

pytestmark = pytest.mark.django_db
PAGE = "/settings/budgets/"


@pytest.fixture
def as_alice(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def make(client: Client, **fields):
    return client.post(PAGE, {"subject": "workspace", "period": "month", "limit_usd": "50"} | fields)


def test_a_budget_is_made_changed_and_deleted(as_alice, workspace):
    assert make(as_alice).status_code == 302
    budget = Budget.objects.get()
    assert (budget.workspace, budget.subject, budget.period) == (workspace, "workspace", "month")
    assert budget.limit_usd == Decimal(50)
    assert "$50.00 a month for the whole workspace" in as_alice.get(PAGE).content.decode()

    address = reverse("gateway:budget", args=[budget.id])
    assert as_alice.post(address, {"limit_usd": "0.5"}).status_code == 302
    budget.refresh_from_db()
    assert (budget.limit_usd, budget.is_enabled) == (Decimal("0.5"), False)
    assert '<span class="badge">off</span>' in as_alice.get(PAGE).content.decode()

    as_alice.post(reverse("gateway:delete_budget", args=[budget.id]))
    assert not Budget.objects.exists()
    assert [entry.detail["what"] for entry in AuditEntry.objects.order_by("id")] == ["made", "changed", "deleted"]
    assert {entry.action for entry in AuditEntry.objects.all()} == {"budget.changed"}


def test_a_person_is_named_by_their_address(as_alice, bob, charlie):
    assert make(as_alice, subject="user", email="Bob@Example.com", period="day").status_code == 302
    budget = Budget.objects.get()
    assert (budget.subject, budget.subject_id) == ("user", bob.id)
    assert "a day for bob@example.com" in as_alice.get(PAGE).content.decode()
    refused = make(as_alice, subject="user", email=charlie.email)
    assert refused.status_code == 422
    assert "Nobody in Wonderland has this address." in refused.content.decode()


def test_a_key_is_chosen_from_those_of_the_workspace(as_alice, alice, charlie, workspace):
    key, _ = api_keys.issue(alice, workspace, name="script", now=timezone.now())
    foreign, _ = api_keys.issue(charlie, charlie.memberships.get().workspace, name="theirs", now=timezone.now())
    assert make(as_alice, subject="api_key", key=str(foreign.id)).status_code == 422
    assert make(as_alice, subject="api_key", key=str(key.id)).status_code == 302
    assert Budget.objects.get().subject_id == key.id
    page = as_alice.get(PAGE).content.decode()
    assert "for the key script" in page
    assert "theirs" not in page


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"limit_usd": "-1"}, "greater than or equal to 0"),
        ({"limit_usd": "much"}, "Enter a number"),
        ({"period": "year"}, "not one of the available choices"),
        ({"subject": "api_key"}, "Choose a key."),
        ({"subject": "user", "email": "no address"}, "valid email"),
    ],
)
def test_what_cannot_be_is_refused_where_it_was_typed(as_alice, fields, reason):
    answer = make(as_alice, **fields)
    assert answer.status_code == 422
    assert reason in answer.content.decode()
    assert not Budget.objects.exists()


def test_there_is_one_budget_of_a_kind(as_alice):
    make(as_alice)
    again = make(as_alice, limit_usd="70")
    assert again.status_code == 422
    assert "There is such a budget for each month already." in again.content.decode()
    assert make(as_alice, period="day").status_code == 302


def test_it_tells_how_a_budget_stands(as_alice, workspace):
    budget = Budget.objects.create(workspace=workspace, limit_usd=10, period="day")
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    told = {"reserved_usd": Decimal("0.5"), "unknown_count": 2}
    BudgetPeriod.objects.create(budget=budget, starts_on=noon.date(), spent_usd=Decimal("9.25"), **told)
    BudgetPeriod.objects.create(
        budget=budget, starts_on=noon.date().replace(day=20), spent_usd=3, reserved_usd=0, unknown_count=0
    )

    [standing] = standings.of_workspace(workspace.id, now=noon).rows
    assert (standing.spent_usd, standing.reserved_usd, standing.left_usd) == (Decimal("9.25"), Decimal("0.5"), Decimal("0.25"))
    assert (standing.unknown_count, str(standing.renews_on), standing.is_used_up) == (2, "2026-11-22", False)


def test_the_page_has_a_bar_and_says_the_same_in_words(as_alice, workspace):
    budget = Budget.objects.create(workspace=workspace, limit_usd=10)
    month = timezone.now().date().replace(day=1)
    BudgetPeriod.objects.create(budget=budget, starts_on=month, spent_usd=10, reserved_usd=0, unknown_count=1)
    page = " ".join(as_alice.get(PAGE).content.decode().split())
    assert "<meter" in page
    assert "style=" not in page
    assert "$10.00 spent, $0 left until 1 " in page
    assert "1 call without a known price" in page
    assert "used up" in page


@pytest.mark.parametrize("role", ["member", "viewer"])
def test_only_owners_and_admins_get_there(as_alice, alice, workspace, role):
    budget = Budget.objects.create(workspace=workspace, limit_usd=10)
    Membership.objects.filter(user=alice).update(role=role)
    address = reverse("gateway:budget", args=[budget.id])
    answers = [as_alice.get(PAGE), make(as_alice), as_alice.get(address), as_alice.post(address, {"limit_usd": "1"})]
    assert [answer.status_code for answer in answers] == [403] * 4
    assert as_alice.post(reverse("gateway:delete_budget", args=[budget.id])).status_code == 403
    assert Budget.objects.get().limit_usd == 10


def test_for_a_stranger_a_budget_does_not_exist(charlie, workspace):
    budget = Budget.objects.create(workspace=workspace, limit_usd=10)
    client = Client()
    client.force_login(charlie)
    assert client.get(reverse("gateway:budget", args=[budget.id])).status_code == 404
    assert client.post(reverse("gateway:delete_budget", args=[budget.id])).status_code == 404
    assert client.post(PAGE, {"workspace": str(workspace.id), "subject": "workspace"}).status_code == 404


def test_a_list_of_any_length_costs_the_same(as_alice, workspace, bob):
    def add(count: int) -> None:
        for _ in range(count):
            Budget.objects.create(workspace=workspace, subject="user", subject_id=uuid.uuid4(), limit_usd=1)

    as_alice.get(PAGE)
    Budget.objects.create(workspace=workspace, subject="user", subject_id=bob.id, limit_usd=1)
    add(10)
    with CaptureQueriesContext(connection) as few:
        as_alice.get(PAGE)
    add(10)
    with CaptureQueriesContext(connection) as more:
        as_alice.get(PAGE)
    assert len(few) == len(more)


def test_more_than_a_page_is_shown_page_by_page(as_alice, workspace, monkeypatch):
    monkeypatch.setattr(standings, "PAGE", 3)
    for number in range(7):
        Budget.objects.create(workspace=workspace, subject="user", subject_id=uuid.uuid4(), limit_usd=number + 1)
    seen, after = [], ""
    while True:
        found = standings.of_workspace(workspace.id, now=timezone.now(), after=after)
        seen += [int(standing.budget.limit_usd) for standing in found.rows]
        after = found.next_after
        if not after:
            break
    assert seen == [1, 2, 3, 4, 5, 6, 7]
