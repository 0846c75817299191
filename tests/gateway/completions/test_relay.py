"""Events that are passed on: as they came wherever a client can read that, mended where it could not."""

import json
from typing import Any

import pytest

from gateway.completions.collected import Collected
from gateway.completions.relay import Relay
from gateway.protocol import ProviderError


def event(delta: dict[str, Any], reason: str | None = None, index: int = 0, **fields: Any) -> bytes:
    choices = [{"index": index, "delta": delta, "finish_reason": reason}]
    head = {"id": "chatcmpl-7", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}
    return b"data: " + json.dumps(head | fields).encode() + b"\n\n"


ROLE, HELLO, WORLD, END = event({"role": "assistant"}), event({"content": "Hello"}), event({"content": " 🌍"}), event({}, "stop")
DONE = b"data: [DONE]\n\n"
USAGE = b'data: {"id": "chatcmpl-7", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}\n\n'


def relayed(*pieces: bytes, choices: int = 1) -> tuple[list[bytes], Relay, Collected]:
    said = Collected()
    relay = Relay("Provider", "m", choices, said)
    sent = [part for piece in pieces for part in relay.feed(piece)]
    sent += [*relay.rest(), *relay.ends("text/event-stream")]
    return sent, relay, said


def told(sent: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(one.removeprefix(b"data: ")) for one in b"".join(sent).split(b"\n\n") if one]


def test_the_providers_bytes_are_passed_on_as_they_are():
    logprobs = event({"content": "!"}, logprobs={"content": []}, system_fingerprint="fp_1", obfuscation="xy")
    sent, relay, said = relayed(ROLE, HELLO, logprobs, WORLD, END, USAGE, DONE)
    assert sent[0] == ROLE + HELLO  # the role waits for the first word
    assert b"".join(sent) == ROLE + HELLO + logprobs + WORLD + END
    assert relay.usage == {"prompt_tokens": 3, "completion_tokens": 2}
    assert (said.reply, said[0].finish) == ("Hello! 🌍", "stop")


def test_the_same_is_sent_however_the_bytes_come():
    whole = ROLE + b": a comment\n\n" + HELLO + WORLD + END + USAGE + DONE
    expected = ROLE + HELLO + WORLD + END
    for cut in range(len(whole)):
        sent, _, said = relayed(whole[:cut], whole[cut:])
        assert (b"".join(sent), said.reply) == (expected, "Hello 🌍")
    assert b"".join(relayed(*(whole[place : place + 1] for place in range(len(whole))))[0]) == expected


def test_nothing_is_given_before_the_first_word():
    relay = Relay("Provider", "m", 1, Collected())
    assert list(relay.feed(ROLE)) == []
    assert not relay.has_output
    assert list(relay.feed(HELLO)) == [ROLE + HELLO]


def test_a_missing_role_an_id_that_changes_and_a_strange_reason_are_mended():
    sent, _, said = relayed(event({"content": "Hi"}), event({"content": "!"}, id="other"), event({}, "eos"), DONE)
    first, second, last = told(sent)
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": "Hi"}
    assert {one["id"] for one in (first, second, last)} == {"chatcmpl-7"}
    assert last["choices"][0]["finish_reason"] == said[0].finish == "stop"


def test_a_server_without_ids_gets_one_for_all_its_events():
    bare = [b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n', b'data: {"choices": [{"delta": {"content": "b"}}]}\n\n']
    events = told(relayed(*bare, DONE)[0])
    assert len({one["id"] for one in events}) == 1
    assert events[0]["id"].startswith("chatcmpl-")
    assert all(one["object"] == "chat.completion.chunk" and one["created"] and one["model"] == "m" for one in events)
    assert events[-1]["choices"][0]["finish_reason"] == "stop"


def test_content_in_typed_parts_becomes_text_and_reasoning():
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "Hi"}]
    events = told(relayed(event({"role": "assistant", "content": parts}), END, DONE)[0])
    assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": "Hi", "reasoning_content": "Hm."}


def test_several_choices_are_kept_apart():
    pieces = [event({"role": "assistant", "content": word}, index=index) for index, word in enumerate(("yes", "no"))]
    ends = [event({}, "stop", index=index) for index in range(2)]
    _, _, said = relayed(*pieces, *ends, DONE, choices=2)
    assert said.reply == [{"role": "assistant", "content": "yes"}, {"role": "assistant", "content": "no"}]


def test_tool_calls_pass_and_are_put_together():
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "clock", "arguments": ""}}
    pieces = [event({"role": "assistant", "tool_calls": [call]})]
    pieces += [event({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}) for piece in ('{"a": ', "1}")]
    sent, _, said = relayed(*pieces, event({}, "tool_calls"), DONE)
    assert b"".join(sent) == b"".join(pieces) + event({}, "tool_calls")
    assert said.reply["tool_calls"][0]["function"] == {"name": "clock", "arguments": '{"a": 1}'}


def test_what_was_said_before_an_error_is_passed_on_first():
    relay = Relay("Provider", "m", 1, Collected())
    list(relay.feed(ROLE + HELLO))
    assert list(relay.feed(WORLD + b'data: {"error": {"message": "It broke.", "code": 500}}\n\n')) == [WORLD]
    assert relay.is_done
    with pytest.raises(ProviderError, match="It broke"):
        list(relay.rest())


def test_an_error_before_the_first_word_is_raised_at_once():
    relay = Relay("Provider", "m", 1, Collected())
    with pytest.raises(ProviderError, match="It broke"):
        list(relay.feed(ROLE + HELLO + b'data: {"error": {"message": "It broke."}}\n\n'))


@pytest.mark.parametrize("pieces", [(), (ROLE, HELLO)], ids=["nothing", "half a reply"])
def test_a_stream_that_ends_too_soon_is_a_fault(pieces):
    with pytest.raises(ProviderError):
        relayed(*pieces)
