"""The limits of keys and people, counted by all processes together in Valkey."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis
from django.conf import settings

from accounts.entrance import Limits, Refused
from gateway import allowances, limits
from gateway.allowances import Admission, admit
from tests.gateway.limits import bearer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
async def _counter() -> AsyncIterator[None]:
    yield
    await allowances.settled()
    await limits.aclose()


async def tried(who, count: int = 1, *, tokens: int = 0) -> list[Admission]:
    """So many calls at once; those that may be made."""
    found = await asyncio.gather(*(admit(who, tokens=tokens) for _ in range(count)), return_exceptions=True)
    assert all(isinstance(one, Admission | Refused) for one in found), found
    return [one for one in found if isinstance(one, Admission)]


async def refused(who, *, tokens: int = 0) -> Refused:
    with pytest.raises(Refused) as caught:
        await admit(who, tokens=tokens)
    return caught.value


@pytest.mark.parametrize("whose", ["key_limits", "person_limits"])
async def test_it_lets_one_of_200_through_at_a_limit_less_one(whose):
    who = bearer(**{whose: Limits(requests=20)})
    assert len(await tried(who, 19)) == 19
    assert len(await tried(who, 200)) == 1


async def test_it_asks_nobody_when_there_is_no_limit():
    admission = await admit(bearer())
    await admission.close(10)
    assert (admission.headers, limits._counters.get(asyncio.get_running_loop())) == ({}, None)


async def test_it_tells_what_is_left_and_when_to_come_again():
    who = bearer(key_limits=Limits(requests=2, tokens=100))
    [first] = await tried(who, tokens=30)
    assert first.headers == {
        "x-ratelimit-limit-requests": "2",
        "x-ratelimit-remaining-requests": "1",
        "x-ratelimit-reset-requests": "1m1s",
        "x-ratelimit-limit-tokens": "100",
        "x-ratelimit-remaining-tokens": "70",
        "x-ratelimit-reset-tokens": "1m1s",
    }
    await tried(who)
    no = await refused(who)
    assert (no.status, no.code) == (429, "rate_limit_exceeded")
    assert 55 <= no.retry_after <= 61
    assert no.headers["x-ratelimit-remaining-requests"] == "0"
    assert no.message.startswith("This API key may make 2 requests a minute. Try again in ")


async def test_it_tells_the_tighter_of_two_limits():
    [one] = await tried(bearer(key_limits=Limits(requests=100), person_limits=Limits(requests=3)))
    assert (one.headers["x-ratelimit-limit-requests"], one.headers["x-ratelimit-remaining-requests"]) == ("3", "2")


async def test_it_counts_the_tokens_that_a_call_took_once_it_has_ended():
    who = bearer(key_limits=Limits(tokens=100))
    [first] = await tried(who, tokens=80)
    assert await tried(who, tokens=30) == []
    await first.close(10)
    await first.close(90)  # the first time counts
    [second] = await tried(who, tokens=80)
    assert second.headers["x-ratelimit-remaining-tokens"] == "10"
    await second.close(200)  # more than was thought
    assert (await refused(who, tokens=1)).message.startswith("This API key may use 100 tokens a minute; 0 are left")


async def test_it_never_waits_for_what_can_never_be():
    no = await refused(bearer(key_limits=Limits(tokens=100)), tokens=101)
    assert (no.status, no.retry_after, no.headers["x-should-retry"]) == (429, None, "false")


async def test_it_lets_so_many_calls_run_at_once():
    who = bearer(person_limits=Limits(concurrent=5))
    running = await tried(who, 200)
    assert len(running) == 5
    await running[0].close()
    assert len(await tried(who, 10)) == 1
    no = await refused(who)
    assert (no.retry_after, no.message) == (
        1,
        "You may, with all your keys together, have 5 calls running at once. Try again when one has ended.",
    )


async def test_a_refusal_by_one_limit_uses_up_nothing_of_the_other():
    who = bearer(key_limits=Limits(requests=10), person_limits=Limits(requests=1))
    assert len(await tried(who, 5)) == 1
    other = bearer(api_key_id=who.api_key_id, key_limits=Limits(requests=10))
    assert len(await tried(other, 20)) == 9


async def test_all_keys_of_a_person_count_together():
    first = bearer(person_limits=Limits(requests=3))
    second = bearer(workspace_id=first.workspace_id, user_id=first.user_id, person_limits=Limits(requests=3))
    assert len(await tried(first, 2)) + len(await tried(second, 2)) == 3


async def test_a_caller_who_hangs_up_leaves_no_running_call_behind():
    who = bearer(key_limits=Limits(concurrent=1))
    task = asyncio.create_task(admit(who))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.1)
    assert len(await tried(who)) == 1


async def test_the_calls_of_a_killed_process_end_by_themselves():
    who = bearer(key_limits=Limits(concurrent=1))
    await tried(who)
    with redis.Redis.from_url(settings.REDIS_URL) as valkey:
        [(_, ends)] = valkey.zrange(f"ollive:running:k:{who.api_key_id.hex}", 0, -1, withscores=True)
        seconds, _ = valkey.time()
        assert 0 < ends - seconds <= limits.LEASE_SECONDS
        assert 0 < valkey.ttl(f"ollive:limit:k:{who.api_key_id.hex}") <= 62


async def test_running_calls_are_renewed(monkeypatch):
    monkeypatch.setattr(limits, "RENEWED_EVERY_SECONDS", 0.05)
    who = bearer(key_limits=Limits(concurrent=1))
    await tried(who)
    key = f"ollive:running:k:{who.api_key_id.hex}"
    with redis.Redis.from_url(settings.REDIS_URL) as valkey:
        valkey.delete(key)
        await asyncio.sleep(0.3)
        assert valkey.zcard(key) == 1


async def test_a_server_that_was_emptied_does_not_lift_the_limit():
    who = bearer(key_limits=Limits(requests=5))
    await tried(who, 4)
    with redis.Redis.from_url(settings.REDIS_URL) as valkey:
        valkey.script_flush()
        valkey.delete(f"ollive:limit:k:{who.api_key_id.hex}")
    assert len(await tried(who, 50)) == 1


@pytest.mark.parametrize(
    ("models", "name", "path", "may"),
    [
        ((), "openai/gpt-4o", "", True),
        (("openai/gpt-4o",), "openai/gpt-4o", "", True),
        (("openai/gpt-4o",), "gpt-4o", "openai/gpt-4o", True),
        (("OpenAI/GPT-4o",), "openai/gpt-4o", "", True),
        (("openai/*",), "openai/gpt-4o", "", True),
        (("openai/*",), "openai", "", False),
        (("fast",), "fast", "", True),
        (("openai/gpt-4o",), "fast", "", False),
        (("openai/gpt-4o",), "openai/gpt-4o-mini", "", False),
    ],
)
def test_a_key_is_for_the_models_of_its_list(models, name, path, may):
    assert allowances.may_use(bearer(models=models), name, path) is may
