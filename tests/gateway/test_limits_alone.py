"""Limits while Valkey is away: each process counts alone, for its part of them, and nobody gets more than the limit."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
import redis
from django.conf import settings

from accounts.database import in_thread
from accounts.entrance import Limits, Refused
from gateway import allowances, limits
from gateway.allowances import Admission, admit
from gateway.limits import KINDS, SCRIPT
from gateway.windows import SLOTS, Booked, Full, Subject, Tally
from telemetry.models import ProductEvent
from telemetry.processes import register
from tests.gateway.limits import bearer
from tests.own_valkey import OwnValkey, own_valkey

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def _running_valkey() -> Iterator[OwnValkey]:
    with own_valkey() as server:
        yield server


@pytest.fixture
async def valkey(_running_valkey: OwnValkey, settings) -> AsyncIterator[OwnValkey]:
    """The one that the limits are counted in."""
    settings.REDIS_URL = _running_valkey.url
    _running_valkey.start()
    yield _running_valkey
    await allowances.settled()
    await limits.aclose()


async def count(who, calls: int, *, tokens: int = 0) -> int:
    """How many of so many calls at once may be made."""
    found = await asyncio.gather(*(admit(who, tokens=tokens) for _ in range(calls)), return_exceptions=True)
    assert all(isinstance(one, Admission | Refused) for one in found), found
    return sum(isinstance(one, Admission) for one in found)


@pytest.mark.parametrize("whose", ["key_limits", "person_limits"])
async def test_it_lets_one_of_200_through_at_a_limit_less_one(valkey, whose):
    who = bearer(**{whose: Limits(requests=20)})
    assert await count(who, 19) == 19
    valkey.stop()
    assert await count(who, 200) == 1


async def test_a_limit_holds_when_valkey_goes_while_they_ask(valkey):
    who = bearer(key_limits=Limits(requests=50))
    asking = [asyncio.create_task(count(who, 40)) for _ in range(3)]
    await asyncio.sleep(0)
    valkey.stop()
    assert sum(await asyncio.gather(*asking)) + await count(who, 200) == 50


async def test_running_calls_and_tokens_are_counted_too(valkey):
    valkey.stop()
    assert await count(bearer(key_limits=Limits(concurrent=3)), 200) == 3
    assert await count(bearer(key_limits=Limits(tokens=100)), 200, tokens=30) == 3
    who = bearer(key_limits=Limits(concurrent=1))
    admission = await admit(who)
    await admission.close()
    assert await count(who, 5) == 1


async def test_each_process_has_its_part(valkey):
    await asyncio.gather(*(in_thread(register, "web") for _ in range(4)))
    valkey.stop()
    who = bearer(key_limits=Limits(requests=10))
    assert await count(who, 100) == 2
    assert await count(bearer(key_limits=Limits(requests=1)), 100) == 1


async def test_it_goes_on_with_all_others_when_valkey_is_back(valkey, monkeypatch):
    monkeypatch.setattr(limits, "AWAY_SECONDS", 0.0)
    who = bearer(key_limits=Limits(requests=10))
    assert await count(who, 4) == 4
    valkey.stop()
    assert await count(who, 3) == 3
    valkey.start()
    assert await count(who, 100) == 3
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        assert int(client.hget(f"ollive:limit:k:{who.api_key_id.hex}", "r")) == 3


async def test_nobody_waits_again_for_a_valkey_that_did_not_answer(valkey):
    valkey.stop()
    who = bearer(key_limits=Limits(requests=100))
    await count(who, 1)
    began = asyncio.get_running_loop().time()
    await count(who, 50)
    assert asyncio.get_running_loop().time() - began < limits.AWAY_SECONDS / 2


async def test_a_refusal_is_a_product_event_once_a_minute(valkey, workspace, alice):
    who = bearer(workspace_id=workspace.id, user_id=alice.id, key_limits=Limits(requests=1, concurrent=5))
    await count(who, 20)
    await allowances.settled()
    found = await in_thread(list, ProductEvent.objects.filter(name="rate_limited"))
    assert [(event.workspace_id, event.user_id, event.detail) for event in found] == [(workspace.id, alice.id, "requests")]


def test_a_window_never_holds_more_than_its_limit_in_any_minute():
    """However the requests come, over ten minutes."""
    chance, tally, subject = random.Random(7), Tally(), Subject("k", Limits(requests=10))
    now, admitted = 1000.0, []
    while now < 1600:
        if isinstance(tally.admit([subject], 0, now=now), Booked):
            admitted.append(now)
        now += chance.choice([0.01, 0.1, 1.0, 5.0, 30.0])
    for start in admitted:
        assert sum(start <= moment < start + 60 for moment in admitted) <= 10
    assert len(admitted) > 40


def test_it_says_when_to_come_again():
    tally, subject = Tally(), Subject("k", Limits(requests=2, tokens=100))
    tally.admit([subject], 60, now=10.5)
    tally.admit([subject], 10, now=20.5)
    full = tally.admit([subject], 0, now=30.0)
    assert isinstance(full, Full)
    assert (full.kind, full.wait) == ("requests", 10 + SLOTS - 30.0)
    assert isinstance(tally.admit([subject], 80, now=30.0 + full.wait), Booked)


def test_the_script_and_the_process_count_alike():
    """The same calls at the same times: the script is told the time, else it would ask the server."""
    chance = random.Random(11)
    subjects = [Subject("a", Limits(6, 500, None)), Subject("b", Limits(9, 300, None))]
    timed = SCRIPT.replace("redis.call('TIME')", "{table.remove(ARGV), '500000'}")
    assert timed != SCRIPT
    tally, now, prefix = Tally(), 1_000, uuid.uuid4().hex
    keys = [f"{prefix}:{kind}:{subject.name}" for subject in subjects for kind in ("w", "l")]
    numbers = [-1 if limit is None else limit for one in subjects for limit in (one.limits.requests, one.limits.tokens, None)]
    seen = set()
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        for _ in range(400):
            now += chance.choice([0, 0, 0, 1, 3, 10, 40, 70])
            tokens = chance.choice([0, 0, 0, 10, 60, 200])
            own = tally.admit(subjects, tokens, now=now + 0.5)
            told = client.eval(timed, 4, *keys, "admit", "id", tokens, 60, *numbers, now)
            if isinstance(own, Full):
                assert (told[0], told[1] - 1, KINDS[told[2]]) == (0, own.position, own.kind)
                assert told[3] / 1000 == own.wait
                assert (told[4] / 1000, told[5] / 1000) == (own.used.requests_gone_in, own.used.tokens_gone_in)
                seen.add((own.position, own.kind))
            else:
                used = tally.used(subjects, now=now + 0.5)
                assert told[3:] == [number for one in used for number in (one.requests, one.tokens)]
                taken = chance.choice([0, tokens, tokens + 50])
                later = now + chance.choice([0, 1, 65])
                tally.close(subjects, own, tokens=tokens, taken=taken, now=later + 0.5)
                client.eval(timed, 4, *keys, "close", "id", now, tokens, taken, later)
                now = later
    assert seen >= {(0, "requests"), (0, "tokens"), (1, "tokens")}
