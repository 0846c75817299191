"""What the three modes of a workspace mean for programs: passed on, masked and put back, or refused."""

import json

import pytest

from telemetry.models import InferenceLog, RedactionPolicy
from tests.asking import recorded
from tests.gateway.completions.sent import ask, frames, text_of

SAID = [{"role": "user", "content": "Write to bob@example.com and to carol@example.com."}]


@pytest.fixture
def masking(caller, workspace):
    RedactionPolicy.objects.create(workspace=workspace, mode="mask")
    return caller


@pytest.mark.parametrize("is_stream", [True, False], ids=["stream", "whole"])
def test_masked_values_come_back_to_the_program_alone(masking, fake_provider, is_stream):
    reply = ["I wrote to [[EM", "AIL_1]], to [[EMAIL_9]] and to da", "ve@example.org", ". More?"]
    fake_provider.script("plain", chunks=reply, rate=100)
    answer = ask(masking, messages=SAID, stream=is_stream, user="bob@example.com")
    text = text_of(frames(answer.text)) if is_stream else answer.json()["choices"][0]["message"]["content"]
    assert text == "I wrote to bob@example.com, to [[EMAIL_9]] and to [[EMAIL]]. More?"
    sent = fake_provider.last.body
    assert sent["messages"][0]["content"] == "Write to [[EMAIL_1]] and to [[EMAIL_2]]."
    assert sent["user"] == "[[EMAIL_1]]"
    (row,) = recorded()
    assert "@" not in json.dumps([row.input_preview, row.output_preview, row.parameters, row.end_user])
    assert row.output_preview.startswith("I wrote to [[EMAIL_1]], to")


@pytest.mark.parametrize("is_stream", [True, False], ids=["stream", "whole"])
def test_nothing_is_put_back_into_the_arguments_of_tools(masking, fake_provider, is_stream):
    call = {"id": "call_1", "name": "send", "arguments": ['{"to": "[[EMA', 'IL_1]]", "copy": "dave@exam', 'ple.org"}']}
    fake_provider.script("plain", tool_calls=[call], finish_reason="tool_calls")
    answer = ask(masking, messages=SAID, stream=is_stream)
    if is_stream:
        pieces = [call for event in frames(answer.text) for call in event["choices"][0]["delta"].get("tool_calls", ())]
        arguments = "".join(piece["function"]["arguments"] for piece in pieces)
    else:
        arguments = answer.json()["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"to": "[[EMAIL_1]]", "copy": "[[EMAIL]]"}


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": SAID},
        {"user": "bob@example.com"},
        {"tools": [{"type": "function", "function": {"name": "send", "description": "Sends to bob@example.com"}}]},
    ],
    ids=["messages", "user", "tools"],
)
def test_a_workspace_that_blocks_asks_nobody(caller, workspace, fake_provider, fields):
    RedactionPolicy.objects.create(workspace=workspace, mode="block")
    answer = ask(caller, **fields)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "blocked_by_policy")
    assert "e-mail" in answer.json()["error"]["message"]
    assert fake_provider.requests == []
    assert InferenceLog.objects.count() == 0
    assert ask(caller, messages=[{"role": "user", "content": "Hi"}]).status_code == 200
