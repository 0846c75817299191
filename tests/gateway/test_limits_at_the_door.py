"""Limits and budgets at the door for chat completions: 200 programs at once, and never one call too many."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import aiohttp
import httpx
import pytest
from django.utils import timezone

from accounts import api_keys
from accounts.entrance import Limits
from accounts.models import ApiKey, Membership, User
from gateway.models import Budget, BudgetPeriod
from tests.fakes.fixtures import RunningProvider
from tests.own_valkey import OwnValkey, own_valkey
from tests.server import WebServer, web_server

MODEL = "openai/gpt-4o-mini"  # its price is known; the fake provider answers for it
ASKED = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "Why?"}]}


@pytest.fixture(scope="module")
def own_store() -> Iterator[OwnValkey]:
    with own_valkey() as store:
        yield store


@pytest.fixture(scope="module")
def limited_server(django_db_setup: None, own_store: OwnValkey, _running_provider: RunningProvider) -> Iterator[WebServer]:
    provider = {"OPENAI_API_KEY": "fake", "OPENAI_BASE_URL": _running_provider.url}
    with web_server({**provider, "REDIS_URL": own_store.url, "RATE_LIMIT_PER_MIN": "30"}) as server:
        yield server


@pytest.fixture
def server(limited_server: WebServer, own_store: OwnValkey, fake_provider: RunningProvider, transactional_db: None) -> WebServer:
    """A web process with a Valkey of its own, which runs."""
    own_store.start()
    return limited_server


@pytest.fixture(params=["with Valkey", "without"])
def store(request: pytest.FixtureRequest, own_store: OwnValkey) -> OwnValkey | None:
    """What is to be stopped before the 200 come; None in half of the tests."""
    return own_store if request.param == "without" else None


def issue(user: User, **limits: int) -> tuple[ApiKey, str]:
    given = Limits(**{"requests": 1000, **limits})
    return api_keys.issue(user, user.workspaces.get(), name="n", now=timezone.now(), scopes=["chat"], limits=given)


def ask(server: WebServer, tokens: str | list[str], count: int, *, headers: dict[str, str] | None = None) -> Counter[int]:
    """So many calls at once, with each of the tokens in turn; how many got which status."""
    return asyncio.run(_ask(server, [tokens] if isinstance(tokens, str) else tokens, count, headers=headers or {}))


async def _ask(server: WebServer, tokens: list[str], count: int, *, headers: dict[str, str]) -> Counter[int]:
    async def one(session: aiohttp.ClientSession, token: str) -> int:
        given = {"authorization": f"Bearer {token}", **headers}
        async with session.post(f"{server.url}/v1/chat/completions", json=ASKED, headers=given) as answer:
            await answer.read()
            return answer.status

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        return Counter(await asyncio.gather(*(one(session, tokens[number % len(tokens)]) for number in range(count))))


def asked_of(provider: RunningProvider) -> int:
    return len(provider.requests)


def test_200_at_a_keys_limit_less_one(server, fake_provider, store, alice):
    _, token = issue(alice, requests=10)
    assert ask(server, token, 9) == {200: 9}
    if store:
        store.stop()
    assert ask(server, token, 200) == {200: 1, 429: 199}
    assert asked_of(fake_provider) == 10


def test_200_at_a_persons_limit_less_one(server, fake_provider, store, alice):
    Membership.objects.filter(user=alice).update(requests_per_minute=10)
    (_, first), (_, second) = issue(alice), issue(alice)
    assert ask(server, first, 9) == {200: 9}
    if store:
        store.stop()
    assert ask(server, [first, second], 200) == {200: 1, 429: 199}
    assert asked_of(fake_provider) == 10


def test_200_at_once_where_five_may_run(server, fake_provider, store, alice):
    fake_provider.script("gpt-4o-mini", headers_delay=3)
    _, token = issue(alice, concurrent=5)
    if store:
        store.stop()
    assert ask(server, token, 200) == {200: 5, 429: 195}
    assert asked_of(fake_provider) == 5
    fake_provider.reset()
    assert ask(server, token, 3) == {200: 3}  # what ended has made room


def test_200_at_a_keys_budget_less_one(server, fake_provider, store, alice, workspace):
    """Each call may cost about $0.00006: there is room for nine and a bit, and then for one."""
    fake_provider.script("gpt-4o-mini", tokens=100)  # as long as it may be, so that a call costs what was set aside
    key, token = issue(alice)
    budget = Budget.objects.create(workspace=workspace, subject="api_key", subject_id=key.id, limit_usd=Decimal("0.000065"))
    if store:
        store.stop()
    found = ask(server, token, 200)
    assert (found[200], found[429]) == (1, 199)
    assert asked_of(fake_provider) == 1
    period = BudgetPeriod.objects.get(budget=budget)
    assert 0 < period.spent_usd + period.reserved_usd <= budget.limit_usd


def test_a_budget_is_one_for_the_chat_and_for_programs(server, alice, workspace):
    """What the chat has spent is gone for a key too, and it is said so that no client asks again at once."""
    budget = Budget.objects.create(workspace=workspace, subject="user", subject_id=alice.id, limit_usd=1)
    starts_on = timezone.now().date().replace(day=1)
    BudgetPeriod.objects.create(budget=budget, starts_on=starts_on, spent_usd=1, reserved_usd=0, unknown_count=0)
    _, token = issue(alice)
    answer = post(server, token)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], answer.headers["x-should-retry"]) == (429, "insufficient_quota", "false")
    assert error["message"].startswith("Your budget of $1.00 a month is used up.")
    assert int(answer.headers["retry-after"]) > 0


def test_forwarded_headers_lift_no_limit(server, alice):
    _, token = issue(alice, requests=3)
    found = Counter[int]()
    for number in range(6):
        rotated = {"x-forwarded-for": f"10.0.0.{number}", "x-real-ip": f"10.0.0.{number}", "forwarded": f"for=10.0.0.{number}"}
        found += ask(server, token, 1, headers=rotated)
    assert found == {200: 3, 429: 3}


def post(server: WebServer, token: str, **more: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"}
    return httpx.post(f"{server.url}/v1/chat/completions", json={**ASKED, **more}, headers=headers, trust_env=False, timeout=30)


def test_the_answer_says_what_is_left(server, alice):
    _, token = issue(alice, requests=2, tokens=5000)
    first = post(server, token)
    assert first.status_code == 200, first.text
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    assert 4800 < int(first.headers["x-ratelimit-remaining-tokens"]) < 5000
    post(server, token)
    no = post(server, token)
    assert (no.status_code, no.json()["error"]["type"], no.json()["error"]["code"]) == (
        429,
        "rate_limit_error",
        "rate_limit_exceeded",
    )
    assert 50 <= int(no.headers["retry-after"]) <= 61
    assert no.headers["x-ratelimit-remaining-requests"] == "0"


def test_a_key_without_limits_has_the_installations(server, alice):
    token = api_keys.issue(alice, alice.workspaces.get(), name="n", now=timezone.now(), scopes=["chat"])[1]
    assert post(server, token).headers["x-ratelimit-limit-requests"] == "30"


def test_a_stream_gives_back_the_tokens_that_it_did_not_take(server, fake_provider, alice):
    fake_provider.script("gpt-4o-mini", tokens=5)
    _, token = issue(alice, tokens=300)
    for _ in range(4):  # each may take 100, and takes a few
        answer = post(server, token, stream=True)
        assert answer.status_code == 200, answer.text
        assert answer.text.endswith("data: [DONE]\n\n")


def test_a_key_asks_no_model_beside_its_list(server, alice):
    token = api_keys.issue(
        alice, alice.workspaces.get(), name="n", now=timezone.now(), scopes=["chat"], models=["openai/gpt-4o"]
    )[1]
    no = post(server, token)
    assert (no.status_code, no.json()["error"]["code"], no.json()["error"]["param"]) == (403, "model_not_allowed", "model")
    assert post(server, token, model="openai/gpt-4o").status_code == 200
