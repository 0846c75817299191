"""LiteLLM through its callbacks and through the wrapped functions. Importing it takes seconds, so one test drives both."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import asyncio, json, os, sys, time, warnings
warnings.simplefilter("ignore")
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
from ollive_sdk import Memory, Recorder, acompletion, completion, install
import litellm
memory, known = Memory(), set()
recorder = Recorder(transport=memory, flush_seconds=0.01)
asked = dict(api_base=sys.argv[1], api_key="key", messages=[{"role": "user", "content": "Hello"}], num_retries=0)

def show(name, count):
    "Once `count` calls have ended: what is told of them, with duplicates of one call put together as the server does."
    for _ in range(1000):
        ended = [event for event in memory.events if event["phase"] == "finished" and event["inference_id"] not in known]
        if len({event["inference_id"] for event in ended}) >= count:
            break
        time.sleep(0.01)
    known.update(event["inference_id"] for event in ended)
    print(json.dumps({"name": name, "ids": sorted({event["inference_id"] for event in ended}), "last": ended[-1]}))

completion("openai/whole", recorder=recorder, **asked)
show("wrapped", 1)
stream = completion("openai/paced-50x400", recorder=recorder, stream=True, **asked)
assert isinstance(stream, litellm.CustomStreamWrapper), type(stream)
for chunk in stream:
    if chunk.choices[0].delta.content:
        break
del stream
show("left", 1)

async def several():
    await acompletion(model="openai/whole", recorder=recorder, **asked)
    async for _ in await acompletion(model="openai/whole", recorder=recorder, stream=True, **asked):
        pass
asyncio.run(several())
show("async", 2)
try:
    completion("openai/error-429", recorder=recorder, **asked)
except litellm.RateLimitError as error:
    show("error", 1)

install(recorder)
install(recorder)
litellm.completion("openai/whole", **asked)
show("callback", 1)
for _ in litellm.completion("openai/whole", stream=True, **asked):
    pass
show("callback stream", 1)
completion("openai/whole", recorder=recorder, **asked)
time.sleep(0.5)
show("both", 1)
try:
    litellm.completion("openai/error-429", **asked)
except litellm.RateLimitError as error:
    show("callback error", 1)

async def called():
    await litellm.acompletion("openai/whole", **asked)
    await asyncio.sleep(0.5)
asyncio.run(called())
show("callback async", 1)
"""


@pytest.fixture
def shown(fake_provider):
    fake_provider.script("whole", chunks=["Good ", "day"], cached_tokens=1)
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), fake_provider.url]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert answer.returncode == 0, answer.stderr[-3000:]
    lines = [json.loads(line) for line in answer.stdout.splitlines() if line.startswith('{"name"')]
    return {line["name"]: line for line in lines}


def test_every_way_through_litellm_makes_one_call_each(shown):
    counts = {name: len(line["ids"]) for name, line in shown.items()}
    assert counts == {
        "wrapped": 1,
        "left": 1,
        "async": 2,
        "error": 1,
        "callback": 1,
        "callback stream": 1,
        "both": 1,
        "callback error": 1,
        "callback async": 1,
    }
    ends = {name: line["last"] for name, line in shown.items()}
    assert {name: end["status"] for name, end in ends.items() if end["status"] != "success"} == {
        "left": "canceled",
        "error": "error",
        "callback error": "error",
    }
    for end in ends.values():
        assert end["provider"] == "openai"
        assert "/" not in end["model"]
    for name in ("wrapped", "async", "callback", "callback stream", "both", "callback async"):
        assert ends[name]["reply"]["content"] == "Good day", name
    for name in ("wrapped", "callback", "callback async"):
        buckets = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
        assert sum(ends[name][bucket] for bucket in buckets) == ends[name]["usage"]["total_tokens"]
        assert ends[name]["cache_read_tokens"] == 1
    assert ends["error"]["error_class"] == "rate_limit"
    assert ends["callback error"]["error_message"]
