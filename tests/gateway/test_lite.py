"""What LiteLLM's adapter does beyond the contract."""

import asyncio
import subprocess
import sys

import pytest

from gateway.adapters.lite import LiteAdapter
from gateway.protocol import ChatRequest, ProviderError, Target
from tests.fakes.replies import TEXT
from tests.gateway.exchanges import PATIENT, ask, hear

pytestmark = [
    pytest.mark.usefixtures("closing"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:litellm"),  # its own use of pydantic
]


@pytest.fixture
def adapter():
    return LiteAdapter(PATIENT)


async def test_a_provider_that_it_does_not_know_is_no_model(adapter):
    target = Target(provider="nobody", model="m", adapter="litellm", api_key="key-of-alice")
    with pytest.raises(ProviderError) as caught:
        await hear(adapter, ChatRequest(target, [{"role": "user", "content": "Hello"}]))
    assert (caught.value.code, caught.value.retryable) == ("unknown_model", False)


async def test_a_refused_temperature_is_left_out(adapter, fake_provider):
    fake_provider.script("m", rejects=["temperature"])
    assert (await hear(adapter, ask(fake_provider.url, "m", temperature=0.7))).text == TEXT
    assert ["temperature" in seen.body for seen in fake_provider.requests] == [True, False]


async def test_a_named_provider_is_asked_as_its_kind(adapter, fake_provider):
    target = Target(
        provider="work", model="plain", adapter="litellm", base_url=fake_provider.url, api_key="sk-of-alice", kind="openai"
    )
    heard = await hear(adapter, ChatRequest(target, [{"role": "user", "content": "Hello"}]))
    assert heard.text == TEXT
    assert fake_provider.last.body["model"] == "plain"


FIRST_CALL = """
import asyncio, sys, time
import django
django.setup()
from gateway import adapters
from gateway.protocol import ChatRequest, Target

async def call():
    target = Target(provider="openai", model="plain", adapter="litellm", base_url=sys.argv[1], api_key="sk-of-alice")
    return [part async for part in adapters.adapter_for(target).stream(ChatRequest(target, [{"role": "user", "content": "Hi"}]))]

async def main():
    task = asyncio.create_task(call())
    ticks = 0
    while "litellm.main" not in sys.modules or not task.done():
        await asyncio.sleep(0.001)
        ticks += 1
    parts = await task
    await adapters.aclose()
    return len(parts), ticks

parts, ticks = asyncio.run(main())
print(parts > 100, ticks > 20)
"""


def test_the_first_call_loads_it_beside_the_event_loop(fake_provider):
    """In a process of its own: the loop goes on turning through the seconds of the import."""
    command = [sys.executable, "-c", FIRST_CALL, fake_provider.url]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert (ran.stdout.strip().splitlines()[-1:], ran.returncode) == (["True True"], 0), ran.stderr


async def test_calls_run_side_by_side(adapter, fake_provider):
    replies = await asyncio.gather(*(hear(adapter, ask(fake_provider.url, "plain")) for _ in range(5)))
    assert [heard.text for heard in replies] == [TEXT] * 5
