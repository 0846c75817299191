"""Working costs out anew: previewed, applied once, resumable, and the former cost stays on record."""

from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from telemetry import prices, pricing, repricing
from telemetry.models import CostVersion, InferenceLog, Repricing, RollupMark
from tests.telemetry.calls import NOON, WORKSPACE, finished, record, record_calls, started

RATES = {"input": Decimal("0.00001"), "output": Decimal("0.00002")}
COST = Decimal("0.002")  # 100 input and 50 output tokens
DAY = timedelta(days=1)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _built_in_prices_again():
    yield
    prices.forget()
    pricing.use(None)


def unpriced(count):
    """Calls of a model that nobody has a price for."""
    return record_calls(count, provider="cellar", model="vintage")


def enter_price():
    return prices.add("cellar", "vintage", usd=RATES, effective_from=NOON - DAY)


def job(**fields):
    return Repricing.objects.create(since=NOON - 9999 * DAY, **fields)


def later():
    return max(InferenceLog.objects.values_list("received_at", flat=True)) + timedelta(seconds=1)


def preview(asked, **options):
    done = repricing.preview(asked.id, now=later(), **options)
    asked.refresh_from_db()
    return done


def test_a_preview_says_what_would_change_and_changes_nothing():
    unpriced(3)
    record_calls(2)
    enter_price()
    asked = job()
    assert preview(asked)
    assert (asked.state, asked.seen_count, asked.changed_count, asked.newly_known_count) == ("previewed", 5, 3, 3)
    assert asked.after_usd - asked.before_usd == 3 * COST
    assert InferenceLog.objects.filter(cost_usd=None).count() == 3
    assert not CostVersion.objects.exists()


def test_what_was_previewed_is_applied_and_the_former_cost_is_kept():
    calls = unpriced(3)
    price = enter_price()
    asked = job()
    preview(asked)
    assert repricing.order(asked.id)
    RollupMark.objects.all().delete()
    assert repricing.apply(asked.id, now=later())
    assert {(call.cost_usd, call.price_id) for call in InferenceLog.objects.all()} == {(COST, price.id)}
    versions = CostVersion.objects.filter(id__in=[call.id for call in calls])
    assert [(version.version, version.cost_usd, version.repricing_id) for version in versions] == [(1, None, asked.id)] * 3
    assert RollupMark.objects.filter(workspace_id=WORKSPACE).exists()


def test_a_second_repricing_makes_a_second_version():
    unpriced(1)
    for factor in (1, 2):
        usd = {name: factor * rate for name, rate in RATES.items()}
        prices.add("cellar", "vintage", usd=usd, effective_from=NOON - DAY / factor)
        asked = job()
        preview(asked)
        repricing.order(asked.id)
        repricing.apply(asked.id, now=later())
    assert InferenceLog.objects.get().cost_usd == 2 * COST
    assert list(CostVersion.objects.order_by("version").values_list("version", "cost_usd")) == [(1, None), (2, COST)]


def test_one_that_was_not_previewed_is_not_applied():
    unpriced(1)
    asked = job()
    assert not repricing.order(asked.id)


def test_it_is_previewed_again_when_prices_changed_meanwhile():
    unpriced(1)
    enter_price()
    asked = job()
    preview(asked)
    repricing.order(asked.id)
    prices.add("cellar", "other", usd=RATES, effective_from=NOON)
    with pytest.raises(repricing.PricesChanged):
        repricing.apply(asked.id, now=later())
    asked.refresh_from_db()
    assert asked.state == "waiting"
    assert InferenceLog.objects.get().cost_usd is None


def test_it_goes_on_where_it_was_interrupted(monkeypatch):
    monkeypatch.setattr(repricing, "BATCH", 2)
    unpriced(5)
    enter_price()
    asked = job()
    steps = 0
    while not preview(asked, seconds=0):
        steps += 1
    assert (steps, asked.seen_count, asked.changed_count) == (3, 5, 5)
    repricing.order(asked.id)
    steps = 0
    while not repricing.apply(asked.id, now=later(), seconds=0):
        steps += 1
    assert steps == 3
    assert CostVersion.objects.count() == InferenceLog.objects.filter(cost_usd=COST).count() == 5


def test_a_call_that_is_changed_at_the_same_time_is_left_to_who_changed_it(monkeypatch):
    (call,) = unpriced(1)
    enter_price()
    asked = job()
    preview(asked)
    repricing.order(asked.id)
    compare = repricing._compare

    def changed_meanwhile(page):
        InferenceLog.objects.filter(id=call.id).update(cost_usd=Decimal(7))
        return compare(page)

    monkeypatch.setattr(repricing, "_compare", changed_meanwhile)
    repricing.apply(asked.id, now=later())
    assert InferenceLog.objects.get().cost_usd == 7
    assert not CostVersion.objects.exists()


def test_only_what_is_asked_for_is_looked_at():
    unpriced(2)
    record(started(inference := uuid4(), provider="openai", model="gpt-4o"), finished(inference))
    cases: list[tuple[dict[str, Any], int]] = [
        ({"provider": "cellar"}, 2), ({"model": "gpt-4o"}, 1), ({"only_unknown": True}, 2), ({"workspace_id": uuid4()}, 0),
        ({"until": NOON - 9000 * DAY}, 0), ({"workspace_id": WORKSPACE}, 3),
    ]  # fmt: skip
    for filters, seen in cases:
        asked = job(**filters)
        preview(asked)
        assert asked.seen_count == seen, filters


def test_a_cost_that_the_caller_reported_gives_way_to_a_known_price_and_not_to_an_unknown_one():
    record(started(inference := uuid4(), provider="cellar", model="vintage", reported_cost_usd="0.5"), finished(inference))
    asked = job()
    preview(asked)
    assert asked.changed_count == 0
    enter_price()
    again = job()
    preview(again)
    assert (again.changed_count, again.before_usd, again.after_usd) == (1, Decimal("0.5"), COST)


def test_a_worker_takes_what_waits_and_what_is_ordered():
    unpriced(1)
    enter_price()
    asked = job()
    assert repricing.work(later(), seconds=60)
    repricing.order(asked.id)
    assert repricing.work(later(), seconds=60)
    asked.refresh_from_db()
    assert asked.state == "done"
    assert InferenceLog.objects.get().cost_usd == COST


def test_the_command_previews_and_then_changes():
    unpriced(2)
    enter_price()
    out = StringIO()
    call_command("backfill_costs", "--dry-run", provider="cellar", stdout=out, stderr=StringIO())
    assert "2 calls seen, 2 would change: US$ 0.000000 before, US$ 0.004000 after; 2 newly known" in out.getvalue()
    assert InferenceLog.objects.filter(cost_usd=None).count() == 2
    previewed = Repricing.objects.get()
    call_command("backfill_costs", resume=previewed.id, stdout=out, stderr=StringIO())
    assert "2 changed" in out.getvalue()
    assert InferenceLog.objects.filter(cost_usd=None).count() == 0
    with pytest.raises(CommandError, match="is done"):
        call_command("backfill_costs", resume=previewed.id, stdout=out, stderr=StringIO())
    with pytest.raises(CommandError, match="There is no repricing"):
        call_command("backfill_costs", resume=uuid4(), stdout=out, stderr=StringIO())
