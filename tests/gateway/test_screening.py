"""What a provider may be told, by the workspace's mode."""

from typing import Any

import pytest

from gateway import screening
from gateway.screening import Blocked, screen, screen_messages
from telemetry.policies import Closed, Policy, Rules
from telemetry.redaction import redactor_for

EMAIL = "alice.liddell@example.org"


def rules(mode: Any) -> Rules:
    return Rules(Policy(mode=mode), redactor_for())


def test_log_only_sends_what_was_typed_and_stores_what_is_redacted():
    said = screen(f"to {EMAIL}", rules("log_only"), known={})
    assert (said.stored, said.sent, said.values) == ("to [[EMAIL]]", f"to {EMAIL}", {})


def test_mask_sends_and_stores_placeholders():
    said = screen(f"{EMAIL}, bob@example.org, {EMAIL}", rules("mask"), known={"[[EMAIL_1]]": "bob@example.org"})
    assert said.sent == said.stored == "[[EMAIL_2]], [[EMAIL_1]], [[EMAIL_2]]"
    assert said.values == {"[[EMAIL_1]]": "bob@example.org", "[[EMAIL_2]]": EMAIL}


def test_a_placeholder_whose_value_is_gone_never_stands_for_another():
    assert screen(EMAIL, rules("mask"), known={}, texts=["dear [[EMAIL_4]]"]).sent == "[[EMAIL_5]]"


def test_block_names_what_it_found_and_never_the_value():
    with pytest.raises(Blocked) as caught:
        screening.require_harmless(f"{EMAIL} and 4111 1111 1111 1111", rules("block"))
    assert "e-mail, card number" in str(caught.value)
    assert EMAIL not in str(caught.value)
    assert dict(caught.value.kinds) == {"EMAIL": 1, "CARD": 1}
    screening.require_harmless(EMAIL, rules("log_only"))
    screening.require_harmless("hello", rules("block"))


@pytest.mark.parametrize("mode", ["mask", "block"])
def test_what_can_not_be_checked_is_not_sent(mode):
    closed = Rules(Policy(mode=mode), Closed())
    with pytest.raises(Blocked, match="could not be checked"):
        if mode == "block":
            screening.require_harmless("hello", closed)
        else:
            screen("hello", closed, known={})
    with pytest.raises(Blocked, match="could not be checked"):
        screen_messages([{"role": "user", "content": "hello"}], closed)


def test_the_messages_of_a_stateless_call_are_screened_likewise():
    messages: list[Any] = [
        {"role": "system", "content": f"Serve {EMAIL}"},
        {"role": "user", "content": [{"type": "text", "text": EMAIL}]},
    ]
    assert screen_messages(messages, rules("log_only")) == (messages, {})
    masked, values = screen_messages(messages, rules("mask"))
    assert masked[0]["content"] == "Serve [[EMAIL_1]]"
    assert masked[1]["content"] == [{"type": "text", "text": "[[EMAIL_1]]"}]
    assert values == {"[[EMAIL_1]]": EMAIL}
    with pytest.raises(Blocked):
        screen_messages(messages, rules("block"))
