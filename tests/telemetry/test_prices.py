"""Price rows: loaded once, never changed, and what the operator enters wins."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from telemetry import price_map, prices, pricing
from telemetry.models import ListedPrice, PriceRelease
from tests.telemetry.calls import NOON

CONTRACT = {"input": Decimal("0.000001"), "output": Decimal("0.000002")}


@pytest.fixture(autouse=True)
def _built_in_prices_again():
    yield
    prices.forget()
    pricing.use(None)


def cost(provider, model, *, at=NOON, **counts):
    prices.refresh(at_once=True)
    price = pricing.cost_usd(provider, model, at=at, **counts)
    return price and price.usd


@pytest.mark.django_db
def test_a_release_is_loaded_once():
    first = prices.load(NOON)
    assert first == ListedPrice.objects.count() > 3000
    assert prices.load(NOON) == 0
    assert PriceRelease.objects.get().added_count == first


@pytest.mark.django_db
def test_loaded_prices_are_the_built_in_ones():
    prices.load(NOON)
    loaded, built_in = prices.book(), pricing.Book(pricing.built_in())
    pairs = [(loaded.price_of(*named), built_in.price_of(*named)) for named in
             ((listing.provider, listing.model, NOON) for listing in pricing.built_in())]  # fmt: skip
    assert [two for two in pairs if not (two[0] and two[1] and two[0].is_same_price(two[1]))] == []


@pytest.mark.django_db
def test_a_price_that_a_release_changes_holds_from_that_day_and_not_before():
    today = pricing.Book(price_map.listings()).price_of("mistral", "mistral-large-latest", NOON)
    doubled = {bucket: 2 * usd for bucket, usd in today.by_bucket.items()}
    ListedPrice.objects.create(
        id="litellm-0.1:mistral/mistral-large-latest", provider="mistral", model="mistral-large-latest", origin="map",
        source="LiteLLM 0.1", **doubled,
    )  # fmt: skip
    prices.load(NOON)
    before = cost("mistral", "mistral-large-latest", input_tokens=1000, at=NOON - timedelta(days=1))
    assert before == 2 * cost("mistral", "mistral-large-latest", input_tokens=1000, at=NOON)


@pytest.mark.django_db
def test_a_release_with_the_same_prices_adds_none():
    prices.load(NOON)
    PriceRelease.objects.all().delete()
    assert prices.load(NOON + timedelta(days=10)) == 0


@pytest.mark.django_db
def test_a_price_is_final():
    row = prices.add("cellar", "vintage", usd=CONTRACT, effective_from=NOON)
    for change in (
        lambda: ListedPrice.objects.filter(id=row.id).update(input=Decimal(5)),
        lambda: ListedPrice.objects.filter(id=row.id).delete(),
    ):
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            change()


@pytest.mark.django_db
def test_what_the_operator_enters_wins_from_its_day_until_it_is_withdrawn():
    prices.load(NOON)
    listed = cost("openai", "gpt-4o", input_tokens=1_000_000)
    row = prices.add("openai", "gpt-4o", usd=CONTRACT, effective_from=NOON)
    assert cost("openai", "gpt-4o", input_tokens=1_000_000) == Decimal(1)
    assert cost("openai", "gpt-4o", cache_read_tokens=1_000_000) == Decimal(1)
    assert cost("openai", "gpt-4o", input_tokens=1_000_000, at=NOON - timedelta(seconds=1)) == listed
    assert prices.withdraw(row.id, NOON)
    assert not prices.withdraw(row.id, NOON)
    assert cost("openai", "gpt-4o", input_tokens=1_000_000) == listed


@pytest.mark.django_db
def test_a_withdrawn_built_in_price_is_not_revived():
    prices.load(NOON)
    for row in ListedPrice.objects.filter(provider="openai", model="gpt-4o"):
        prices.withdraw(row.id, NOON)
    assert cost("openai", "gpt-4o", input_tokens=1) is None


@pytest.mark.django_db
def test_an_unknown_model_is_priced_once_somebody_says_what_it_costs():
    assert cost("cellar", "vintage", output_tokens=10) is None
    prices.add("cellar", "vintage", usd=CONTRACT, effective_from=datetime(2026, 1, 1, tzinfo=UTC), aliases=["vintage-latest"])
    assert cost("cellar", "vintage", output_tokens=10) == cost("cellar", "vintage-latest", output_tokens=10) == Decimal("0.00002")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("provider", "model", "usd", "reason"),
    [
        ("", "m", CONTRACT, "provider's and the model's name"),
        ("p", " ", CONTRACT, "provider's and the model's name"),
        ("p", "m", {"input": Decimal(1)}, "input and output"),
        ("p", "m", CONTRACT | {"images": Decimal(1)}, "no bucket images"),
        ("p", "m", CONTRACT | {"output": Decimal(-1)}, "not negative"),
        ("p", "m", CONTRACT | {"output": Decimal("NaN")}, "not negative"),
    ],
)
def test_a_price_that_makes_no_sense_is_refused_with_the_reason(provider, model, usd, reason):
    with pytest.raises(prices.InvalidPrice, match=reason):
        prices.add(provider, model, usd=usd, effective_from=NOON)
    assert not ListedPrice.objects.exists()


@pytest.mark.django_db
def test_tiers_survive_the_database():
    prices.load(NOON)
    for count in (200_000, 400_000):
        built_in = pricing.Book(price_map.listings()).price_of("gemini", "gemini-2.5-pro", NOON)
        assert prices.book().price_of("gemini", "gemini-2.5-pro", NOON).of(count) == built_in.of(count)
