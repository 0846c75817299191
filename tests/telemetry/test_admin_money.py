"""The operator enters prices, withdraws them, and reprices after a preview."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from telemetry import prices, pricing, repricing
from telemetry.models import ListedPrice, Repricing
from tests.people import make_person
from tests.telemetry.calls import NOON, record_calls

pytestmark = pytest.mark.django_db
PRICES, ADD_PRICE = "admin:telemetry_listedprice_changelist", "admin:telemetry_listedprice_add"
REPRICINGS, ADD_REPRICING = "admin:telemetry_repricing_changelist", "admin:telemetry_repricing_add"
ENTERED = {
    "provider": "cellar", "model": "vintage", "aliases": "vintage-latest, vintage-1", "effective_from_0": "2026-01-01",
    "effective_from_1": "00:00:00", "usd_input": "1.25", "usd_output": "10", "usd_cache_read": "", "usd_cache_write": "",
    "usd_reasoning": "",
}  # fmt: skip


@pytest.fixture(autouse=True)
def root(client, db):
    person = make_person("Root", is_staff=True, is_superuser=True)
    client.force_login(person)
    yield person
    prices.forget()
    pricing.use(None)


def test_a_price_is_entered_in_dollars_a_million_tokens(client, root):
    answer = client.post(reverse(ADD_PRICE), ENTERED, follow=True)
    row = ListedPrice.objects.get()
    assert (row.input, row.output, row.cache_read) == (Decimal("0.00000125"), Decimal("0.00001"), Decimal("0.00000125"))
    assert (row.aliases, row.origin, row.created_by) == (["vintage-latest", "vintage-1"], "manual", root.id)
    assert "$1.25" in answer.content.decode()
    assert row.effective_from == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_price_that_makes_no_sense_says_so(client):
    answer = client.post(reverse(ADD_PRICE), ENTERED | {"usd_output": "-1", "model": ""})
    assert answer.status_code == 200
    assert "This field is required" in answer.content.decode()
    assert "greater than or equal to 0" in answer.content.decode()
    assert not ListedPrice.objects.exists()


def test_prices_are_listed_found_and_read(client):
    prices.load(NOON)
    page = client.get(reverse(PRICES), {"q": "claude-3-opus"}).content.decode()
    assert "anthropic/claude-3-opus-20240229" in page
    assert "$75" in page
    row = ListedPrice.objects.get(id="ollive-2024-03-04:anthropic/claude-3-opus-20240229")
    detail = client.get(reverse("admin:telemetry_listedprice_change", args=[row.pk.replace("_", "_5F")]), follow=True)
    assert detail.status_code == 200


def test_a_price_is_withdrawn_and_can_be_neither_changed_nor_deleted(client):
    row = prices.add("cellar", "vintage", usd={"input": Decimal(1), "output": Decimal(1)}, effective_from=NOON)
    page = client.post(reverse(PRICES), {"action": "withdraw", "_selected_action": [row.pk]}, follow=True).content.decode()
    assert "1 price is withdrawn" in page
    row.refresh_from_db()
    assert row.withdrawn_at
    assert 'value="delete_selected"' not in page


def test_a_repricing_is_previewed_by_a_worker_and_applied_by_the_operator(client, root):
    record_calls(1, provider="cellar", model="vintage")
    prices.add("cellar", "vintage", usd={"input": Decimal("0.01"), "output": Decimal(0)}, effective_from=NOON - timedelta(days=1))
    asked = {"since_0": "2020-01-01", "since_1": "00:00", "until_0": "", "until_1": "", "workspace_id": "", "provider": "cellar"}
    page = client.post(reverse(ADD_REPRICING), asked | {"model": ""}, follow=True).content.decode()
    assert "The preview is being made" in page
    job = Repricing.objects.get()
    assert (job.state, job.created_by) == ("waiting", root.id)

    tomorrow = datetime.now(UTC) + timedelta(days=1)
    repricing.work(tomorrow, seconds=60)
    assert "1.000000" in client.get(reverse(REPRICINGS)).content.decode()
    client.post(reverse(REPRICINGS), {"action": "apply", "_selected_action": [str(job.pk)]})
    repricing.work(tomorrow, seconds=60)
    job.refresh_from_db()
    assert (job.state, job.changed_count) == ("done", 1)


def test_staff_without_permission_see_no_prices_and_apply_nothing(client):
    clerk = make_person("Clerk", is_staff=True)
    client.force_login(clerk)
    assert client.get(reverse(PRICES)).status_code == 403
    clerk.user_permissions.add(Permission.objects.get(codename="view_repricing"))
    Repricing.objects.create(since=NOON, state=Repricing.State.PREVIEWED)
    page = client.get(reverse(REPRICINGS)).content.decode()
    assert 'value="apply"' not in page
    assert client.get(reverse(ADD_REPRICING)).status_code == 403
