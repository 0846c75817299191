"""The fake provider itself, as a process of its own that is steered over HTTP."""

import json
import subprocess
import sys
from urllib.request import Request, urlopen

import pytest


@pytest.fixture
def base():
    """The address of a running process, without `/v1`."""
    command = [sys.executable, "-m", "tests.fakes.provider"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip().removesuffix("/v1")
        finally:
            process.terminate()


def call(url: str, body: dict | None = None) -> str:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data=data, headers={"Content-Type": "application/json"}), timeout=20) as response:
        return response.read().decode()


def test_it_says_what_it_was_told_to_as_often_as_it_was_told(base):
    call(f"{base}/control/script", {"model": "m", "chunks": ["On ", "demand."], "times": 1})
    question = {"model": "m", "messages": [{"role": "user", "content": "Well?"}]}
    replies = [json.loads(call(f"{base}/v1/chat/completions", question)) for _ in range(2)]
    texts = [reply["choices"][0]["message"]["content"] for reply in replies]
    assert texts[0] == "On demand."
    assert texts[1].startswith("## Tides")


def test_it_remembers_what_it_was_asked(base):
    call(f"{base}/v1/chat/completions", {"model": "m", "stream": True, "messages": []})
    [seen] = json.loads(call(f"{base}/control/requests"))
    assert (seen["model"], seen["body"]["stream"], seen["closed_early_at"]) == ("m", True, None)
    call(f"{base}/control/reset", {})
    assert json.loads(call(f"{base}/control/requests")) == []


def test_it_paces_and_counts_its_tokens(base):
    stream = call(f"{base}/v1/chat/completions", {"model": "paced-200x30", "stream": True, "messages": []})
    events = [line[6:] for line in stream.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    contents = [json.loads(event)["choices"][0]["delta"].get("content") for event in events[:-1]]
    assert len([content for content in contents if content]) == 30
