"""The gateway that pii-leak-benchmark is run against: what it sends on, and what it makes of an answer."""

from bench.pii_leak_gateway import Answer, masked_request
from telemetry.redaction.masking import Mask


def event(index=0, finish=None, **delta):
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


def said(answer, events):
    """What each field of each choice says in the end."""
    texts: dict[tuple[int, str], str] = {}
    passed = [one for given in events for one in answer.pass_event(given)]
    for one in [*passed, *answer.flush()]:
        for choice in one["choices"]:
            for name, text in choice["delta"].items():
                texts[choice["index"], name] = texts.get((choice["index"], name), "") + text
    return texts


def test_all_texts_of_a_request_are_masked_but_names_of_things():
    body = {
        "model": "bob@example.com",
        "messages": [{"role": "user", "content": "bob@example.com"}],
        "note": {"deep": ["al@example.com", 4111111111111111]},
    }
    assert masked_request(body, Mask()) == {
        "model": "bob@example.com",
        "messages": [{"role": "user", "content": "[[EMAIL_1]]"}],
        "note": {"deep": ["[[EMAIL_2]]", "[[CARD_1]]"]},
    }


def test_what_was_asked_comes_back_and_what_the_answer_brings_is_removed():
    answer = Answer({"[[EMAIL_1]]": "bob@example.com"})
    events = [event(content=piece) for piece in ("You, [[EM", "AIL_1]], and al@exa", "mple.com, 536-22", "-1234 ")]
    assert said(answer, events) == {(0, "content"): "You, bob@example.com, and [[EMAIL]], [[US_SSN]] "}


def test_fields_and_choices_are_streams_of_their_own():
    answer = Answer({"[[EMAIL_1]]": "bob@example.com"})
    events = [event(content="al@exa", note="[[EMAIL_1]] 415-5"), event(1, content="x"), event(content="mple.com", note="55-0132")]
    assert said(answer, [*events, event(finish="stop")]) == {
        (0, "content"): "[[EMAIL]]",
        (0, "note"): "[[EMAIL_1]] [[PHONE]]",
        (1, "content"): "x",
    }
