"""What may be spent: reserved before a call, settled after it, and never one call over, however many ask at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from gateway import budgets
from gateway.budgets import OverBudget, Spender
from gateway.models import Budget, BudgetPeriod, Reservation

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CENT = Decimal("0.01")


@pytest.fixture
def spender(workspace, alice):
    return Spender(workspace.id, alice.id, uuid4())


def allow(spender, limit, subject="workspace", period="month", **fields):
    subject_id = {"workspace": None, "user": spender.user_id, "api_key": spender.api_key_id}[subject]
    return Budget.objects.create(
        workspace_id=spender.workspace_id, subject=subject, subject_id=subject_id, period=period, limit_usd=limit, **fields
    )


def reserve(spender, usd, *, now=NOON, **options):
    call_id = uuid4()
    budgets.reserve(call_id, spender, None if usd is None else Decimal(usd), now=now, **options)
    return call_id


def sums(budget):
    return BudgetPeriod.objects.values_list("spent_usd", "reserved_usd", "unknown_count").get(budget=budget)


@pytest.mark.django_db
def test_a_call_reserves_then_settles_what_it_cost(spender):
    budget = allow(spender, 1)
    call = reserve(spender, "0.30")
    assert sums(budget) == (0, Decimal("0.30"), 0)
    assert budgets.settle(call, Decimal("0.12"))
    assert sums(budget) == (Decimal("0.12"), 0, 0)
    assert not budgets.settle(call, Decimal("0.12"))
    assert sums(budget) == (Decimal("0.12"), 0, 0)


@pytest.mark.django_db
def test_a_call_that_cost_nothing_gives_back_what_it_reserved(spender):
    budget = allow(spender, 1)
    call = reserve(spender, "0.30")
    assert budgets.release(call)
    assert not budgets.release(call)
    assert sums(budget) == (0, 0, 0)


@pytest.mark.django_db
def test_more_than_is_left_is_refused_and_nothing_is_set_aside(spender):
    budget = allow(spender, 1)
    reserve(spender, "0.60")
    with pytest.raises(OverBudget) as refused:
        reserve(spender, "0.41")
    assert (refused.value.budget_ids, refused.value.resets_on) == ((budget.id,), date(2026, 12, 1))
    assert sums(budget) == (0, Decimal("0.60"), 0)
    reserve(spender, "0.40")


@pytest.mark.django_db
def test_a_call_must_fit_into_all_its_budgets_or_reserves_in_none(spender):
    wide, tight = allow(spender, 100), allow(spender, CENT, "user", "day")
    with pytest.raises(OverBudget) as refused:
        reserve(spender, "0.02")
    assert refused.value.budget_ids == (tight.id,)
    assert refused.value.resets_on == date(2026, 11, 22)
    assert not BudgetPeriod.objects.exists()
    assert not Reservation.objects.exists()
    call = reserve(spender, CENT)
    budgets.settle(call, CENT)
    assert sums(wide) == sums(tight) == (CENT, 0, 0)


@pytest.mark.django_db
@pytest.mark.parametrize("limit", [0, CENT])
def test_a_call_without_a_known_price_needs_a_budget_that_is_not_used_up(spender, limit):
    budget = allow(spender, limit)
    if limit:
        call = reserve(spender, None)
        budgets.settle(call, None)
        assert sums(budget) == (0, 0, 1)
        budgets.settle(reserve(spender, CENT), CENT)
    with pytest.raises(OverBudget):
        reserve(spender, None)


@pytest.mark.django_db
def test_without_a_budget_nothing_is_limited(spender):
    call = reserve(spender, 10**6)
    assert not Reservation.objects.exists()
    assert not budgets.settle(call, Decimal(5))
    assert budgets.left(spender, now=NOON) == []


@pytest.mark.django_db
def test_budgets_of_others_and_disabled_ones_do_not_count(spender):
    allow(spender, 0, is_enabled=False)
    allow(Spender(spender.workspace_id, uuid4(), uuid4()), 0, "user")
    allow(Spender(spender.workspace_id, uuid4(), uuid4()), 0, "api_key")
    reserve(spender, 5)


@pytest.mark.django_db
def test_a_new_period_begins_with_nothing_spent(spender):
    allow(spender, CENT, period="day")
    budgets.settle(reserve(spender, CENT), CENT)
    with pytest.raises(OverBudget):
        reserve(spender, CENT)
    reserve(spender, CENT, now=NOON + timedelta(days=1))


@pytest.mark.django_db
def test_a_call_is_settled_in_the_period_that_it_began_in(spender):
    budget = allow(spender, 1, period="day")
    call = reserve(spender, "0.5", now=datetime(2026, 11, 21, 23, 59, tzinfo=UTC))
    budgets.settle(call, Decimal("0.4"))
    assert budgets.left(spender, now=NOON + timedelta(days=1))[0].spent_usd == 0
    assert BudgetPeriod.objects.get(budget=budget).starts_on == date(2026, 11, 21)


@pytest.mark.django_db
def test_what_a_killed_process_reserved_comes_back_and_its_late_settlement_still_counts(spender):
    budget = allow(spender, 1)
    gone, running = reserve(spender, "0.7"), reserve(spender, "0.2", expiry=timedelta(days=1))
    assert budgets.release_expired(NOON + budgets.EXPIRY + timedelta(seconds=1)) == 1
    assert sums(budget) == (0, Decimal("0.2"), 0)
    assert budgets.settle(gone, Decimal("0.65"))
    assert budgets.settle(running, Decimal("0.1"))
    assert sums(budget) == (Decimal("0.75"), 0, 0)


@pytest.mark.django_db
def test_closed_reservations_are_forgotten_after_a_while(spender):
    allow(spender, 1)
    budgets.release(reserve(spender, CENT))
    budgets.release_expired(NOON + budgets.KEPT + budgets.EXPIRY + timedelta(seconds=1))
    assert not Reservation.objects.exists()


@pytest.mark.django_db
def test_what_is_left_is_told_with_the_tightest_first(spender):
    month, day = allow(spender, 10), allow(spender, 1, "api_key", "day")
    budgets.settle(reserve(spender, "0.50"), Decimal("0.25"))
    reserve(spender, "0.50")
    tight, wide = budgets.left(spender, now=NOON)
    assert (tight.budget_id, tight.remaining_usd, tight.resets_on) == (day.id, Decimal("0.25"), date(2026, 11, 22))
    assert (wide.budget_id, wide.remaining_usd, wide.resets_on) == (month.id, Decimal("9.25"), date(2026, 12, 1))


@pytest.mark.django_db
def test_one_call_reserves_once(spender):
    budget = allow(spender, 1)
    call = reserve(spender, CENT)
    with pytest.raises(IntegrityError), transaction.atomic():
        budgets.reserve(call, spender, CENT, now=NOON)
    assert sums(budget) == (0, CENT, 0)


@pytest.mark.django_db
def test_a_budget_names_its_subject(workspace):
    with pytest.raises(ValidationError, match="needs its id"):
        Budget(workspace=workspace, subject="user", period="day", limit_usd=1).full_clean()


def at_once(count, work):
    """Run `work` in so many threads that start together; returns what each gave, exceptions included."""
    gate = threading.Barrier(count)

    def run(_):
        try:
            gate.wait(timeout=30)
            return work()
        except OverBudget as over:
            return over
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.django_db(transaction=True)
def test_forty_first_calls_at_once_never_spend_one_too_many(spender):
    """Budgets of a workspace, a person and a key, none of which has been used before; a tenth of the calls fit."""
    made = [allow(spender, 4 * CENT), allow(spender, 10 * CENT, "user", "day"), allow(spender, 100 * CENT, "api_key")]
    outcomes = at_once(40, lambda: reserve(spender, CENT))
    taken = [outcome for outcome in outcomes if not isinstance(outcome, OverBudget)]
    assert len(taken) == 4
    assert {sums(budget) for budget in made} == {(0, 4 * CENT, 0)}


@pytest.mark.django_db(transaction=True)
def test_settling_and_reserving_at_once_neither_deadlocks_nor_loses_a_cent(spender):
    made = [allow(spender, 100), allow(spender, 100, "user", "day"), allow(spender, 100, "api_key")]

    def call():
        for _ in range(5):
            budgets.settle(reserve(spender, 2 * CENT), CENT)

    assert at_once(12, call) == [None] * 12
    assert {sums(budget) for budget in made} == {(60 * CENT, 0, 0)}
