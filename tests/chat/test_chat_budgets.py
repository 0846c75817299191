"""Budgets in the chat: every call sets aside what it may cost, and nobody spends more than there is."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils import timezone

from accounts.models import Workspace
from chat.models import Conversation, Message
from gateway import budgets
from gateway.models import Budget, BudgetPeriod, Reservation
from telemetry import digest
from tests.chat.browser import Browser, ended, wait_for
from tests.fakes.fixtures import RunningProvider
from tests.server import WebServer

MODEL = "openai/gpt-4o-mini"  # its price is known; the fake provider answers for it


def allow(workspace: Workspace, limit: str, **fields) -> Budget:
    return Budget.objects.create(workspace=workspace, limit_usd=limit, **fields)


def sums(budget: Budget) -> Any:
    return BudgetPeriod.objects.values_list("spent_usd", "reserved_usd", "unknown_count").get(budget=budget)


def test_a_reply_is_booked_with_what_it_cost(as_alice: Browser, fake_provider: RunningProvider, workspace):
    budget = allow(workspace, "1")
    fake_provider.script("gpt-4o-mini", chunks=["The ", "Moon."], rate=4)
    sent = as_alice.send("Why?", model=MODEL)
    _, reserved, _ = sums(budget)
    reply = ended(sent.run)

    assert reserved > Decimal("0.002")  # 4,096 tokens of a reply, at 0.60 a million
    assert sums(budget) == (reply.cost_usd, 0, 0)
    assert reply.cost_usd > 0


def test_a_budget_that_is_used_up_is_told_and_the_prompt_is_kept(as_alice: Browser, workspace):
    allow(workspace, "0")
    refused = as_alice.send("Why is this long prompt kept?", model=MODEL).response

    assert refused.status_code == 402
    assert refused.headers["HX-Retarget"] == "#composer-notice"
    assert "This workspace’s budget of $0.00 a month is used up. It begins anew on 1 " in refused.text
    assert not Message.objects.exists()
    assert not Conversation.objects.exists()
    page = as_alice.post("/turns/", {"conversation": "", "prompt": "kept"}, is_htmx=False)
    assert page.status_code in (402, 422)
    assert "kept" in page.text


def test_what_is_left_but_too_little_is_told_with_a_way_out(as_alice: Browser, workspace, alice):
    allow(workspace, "0.001", subject="user", subject_id=alice.id, period="day")
    refused = as_alice.send("Why?", model=MODEL).response
    assert refused.status_code == 402
    assert "Your budget of $0.001 a day has $0.001 left, and this could cost up to $0.002." in refused.text
    assert "Choose a cheaper model" in refused.text


def test_a_failed_call_gives_back_what_it_had_set_aside(as_alice: Browser, fake_provider: RunningProvider, workspace):
    budget = allow(workspace, "1")
    fake_provider.script("gpt-4o-mini", status=401)
    assert ended(as_alice.send("Why?", model=MODEL).run).status == "failed"
    assert sums(budget) == (0, 0, 0)


def test_a_second_attempt_spends_what_the_first_had_set_aside(as_alice: Browser, fake_provider: RunningProvider, workspace):
    budget = allow(workspace, "1")
    fake_provider.script("gpt-4o-mini", status=503, times=1)
    reply = ended(as_alice.send("Why?", model=MODEL).run)
    assert reply.status == "complete"
    assert len(fake_provider.requests) == 2
    assert sums(budget) == (reply.cost_usd, 0, 0)
    assert Reservation.objects.count() == 1


def test_a_stopped_reply_is_booked_as_far_as_it_came(as_alice: Browser, fake_provider: RunningProvider, workspace):
    budget = allow(workspace, "1")
    fake_provider.script("gpt-4o-mini", rate=20, tokens=400)
    sent = as_alice.send("Why?", model=MODEL)
    wait_for(lambda: Message.objects.get(run_id=sent.run).content)
    as_alice.stop(sent.run)
    reply = ended(sent.run)
    assert reply.status == "canceled"
    assert sums(budget) == (reply.cost_usd, 0, 0)


def test_a_model_without_a_price_passes_and_is_counted(as_alice: Browser, workspace):
    budget = allow(workspace, "1")
    ended(as_alice.send("Why?", model="openai/plain").run)
    assert sums(budget) == (0, 0, 1)


def test_many_at_once_never_exceed_it(as_alice: Browser, fake_provider: RunningProvider, workspace):
    """Room for three replies as they are reserved; eight are asked for at the same moment."""
    fake_provider.script("gpt-4o-mini", rate=2, tokens=6)
    budget = allow(workspace, "0.0075")
    budget.refresh_from_db()
    with ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda number: as_alice.send(f"Why {number}?", model=MODEL), range(8)))
    statuses = sorted(one.response.status_code for one in sent)
    assert statuses == [200] * 3 + [402] * 5
    spent, reserved, _ = sums(budget)
    assert spent + reserved <= budget.limit_usd
    costs = [ended(one.run).cost_usd or Decimal(0) for one in sent if one.response.status_code == 200]
    assert sums(budget) == (sum(costs), 0, 0)


def test_what_a_killed_process_had_set_aside_comes_back(own_server: WebServer, fake_provider: RunningProvider, alice, workspace):
    budget = allow(workspace, "1")
    fake_provider.script("gpt-4o-mini", rate=5, tokens=400)
    with Browser.of(alice, own_server) as browser:
        browser.send("Why?", model=MODEL)
        own_server.kill()
    assert sums(budget)[1] > 0
    budgets.release_expired(timezone.now() + timedelta(hours=2))
    assert sums(budget)[:2] == (0, 0)


def test_without_a_budget_nothing_is_set_aside(as_alice: Browser):
    ended(as_alice.send("Why?", model=MODEL).run)
    assert not Reservation.objects.exists()


def test_what_is_left_is_told_beside_the_composer(as_alice: Browser, workspace, alice):
    assert 'id="budget"' not in as_alice.client.get("/").text
    allow(workspace, "100")
    assert "$100.00 of the workspace’s $100.00 left this month" in as_alice.client.get("/").text
    own = allow(workspace, "5", subject="user", subject_id=alice.id)
    page = as_alice.client.get("/").text
    assert "$5.00 of your $5.00 left this month" in page
    BudgetPeriod.objects.create(
        budget=own, starts_on=timezone.now().date().replace(day=1), spent_usd="4.8", reserved_usd=0, unknown_count=0
    )
    conversation = ended(as_alice.send("Why?", model="openai/plain").run).conversation_id
    line = as_alice.client.get(f"/c/{conversation}/budget/").text
    assert "$0.20 of your $5.00 left this month" in line
    assert "is-low" in line


def test_the_log_and_the_ledger_agree(as_alice: Browser, workspace):
    budget = allow(workspace, "1")
    reply = ended(as_alice.send("Why?", model=MODEL).run)
    digest.drain()
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(cost_usd) FROM inference_log")
        assert cursor.fetchone()[0] == reply.cost_usd == sums(budget)[0]
