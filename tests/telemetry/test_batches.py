"""A batch is read whatever is wrong with one of its elements, and however it is cut into chunks."""

import json
import random

import orjson
import pytest

from accounts.entrance import Refused
from telemetry.batches import NOT_JSON, TOO_DEEP, TOO_LARGE, Elements, read, read_element

TEXTS = ["", "a", 'quoted " and \\', "\\\\", "[{,", '}],"', "ü€😀", "a\nb\t", "\\u0041", '{"events": [1]}']
DOCUMENTS = [
    {"events": []},
    {"events": [1]},
    {"events": [None, True, -1.5e3, "x", [], {}]},
    {"events": [{"text": text, "deep": [[{"a": [text]}]]} for text in TEXTS]},
    {"sdk": {"events": [7, 8]}, "list": [[1], {"events": [9]}], "events": [{"events": [1, 2]}], "after": "]}"},
    {text or "empty": text for text in TEXTS} | {"events": ["[", "]", ",", "{"]},
]


def elements_of(body: bytes, *, size: int, limit: int = 10_000) -> list[bytes | None]:
    elements = Elements("events", limit)
    found = [raw for start in range(0, len(body), size) for raw in elements.feed(body[start : start + size])]
    elements.finish()
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 100_000])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_elements_are_those_of_the_document_however_it_is_cut(document, indent, size):
    body = json.dumps(document, indent=indent).encode()
    assert [orjson.loads(raw or b"") for raw in elements_of(body, size=size)] == document["events"]
    assert read(body, "events") == document["events"]


def test_elements_come_as_soon_as_they_are_whole():
    elements = Elements("events")
    assert list(elements.feed(b'{"events": [{"a": 1}, {"b"')) == [b'{"a": 1}']
    assert list(elements.feed(b": 2}")) == []
    assert list(elements.feed(b"]}")) == [b' {"b": 2}']
    elements.finish()


@pytest.mark.parametrize("size", [1, 13, 100_000])
def test_an_element_that_is_too_long_is_passed_over_and_never_kept(size):
    body = json.dumps({"events": [1, {"a": "x" * 5000, "b": ["y" * 3000]}, 2]}).encode()
    assert elements_of(body, size=size, limit=1000) == [b"1", None, b" 2"]
    elements = Elements("events", 1000)
    list(elements.feed(b'{"events": ["' + b"x" * 2000))
    for _ in range(1000):
        list(elements.feed(b"x" * 1000))
        assert len(elements._buffer) <= 3000


@pytest.mark.parametrize(
    ("element", "broken"),
    [
        (b"tru", NOT_JSON),
        (b'{"a" 1}', NOT_JSON),
        (b"", NOT_JSON),
        (b"[" * 2000 + b"]" * 2000, TOO_DEEP),
        (b"9" * 5000, NOT_JSON),
        (b'"' + b"x" * 20_000 + b'"', TOO_LARGE),
    ],
)
def test_a_broken_element_leaves_the_others(element, broken):
    body = b'{"events": [{"a": 1},' + element + b',{"b": 2}]}'
    assert read(body, "events", limit=10_000) == [{"a": 1}, broken, {"b": 2}] or broken == TOO_LARGE
    assert read(body.replace(b'"a": 1', b'"a": NaN, "c": "\xff"'), "events", limit=10_000)[1:] == [broken, {"b": 2}]


def test_texts_that_are_no_utf8_are_read_with_a_mark():
    assert read_element(b'{"a": "x\xffy"}') == {"a": "x\N{REPLACEMENT CHARACTER}y"}
    assert read_element(b'{"a": "\\ud800"}') == {"a": "\ud800"}


@pytest.mark.parametrize(
    "body", [b"", b"1", b'"events"', b"[]", b"{}", b'{"event": []}', b'{"events": 1}', b'{"events": {"a": []}}']
)
def test_a_body_without_the_list_is_refused(body):
    with pytest.raises(Refused) as refusal:
        read(body, "events")
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    "body",
    [
        b'{"events": [1',
        b'{"events": ["a]}',
        b'{"events": [1]',
        b'{"events": [{]}',
        b'{"events": [1}',
        b'{"events": [1]} {"events": [tru]}',
    ],
)
def test_a_body_that_is_cut_off_is_refused(body):
    with pytest.raises(Refused) as refusal:
        read(body, "events")
    assert (refusal.value.status, refusal.value.code) == (400, "not_json")


def test_a_body_of_brackets_is_refused_before_it_fills_the_memory():
    for body in (b'{"events": [' + b"{}," * 200_000 + b"{}]}", b"[" * 2_000_000):
        with pytest.raises(Refused) as refusal:
            read(body, "events")
        assert refusal.value.status == 413
    told = [{"messages": [{"role": "user", "content": "How do tides work?"}]}] * 20_000
    assert len(read(orjson.dumps({"events": told}), "events")) == 20_000


def test_noise_is_refused_and_never_breaks_the_reader():
    dice = random.Random(3)
    alphabet = b'{}[],:"\\ \n0a\xff'
    for _ in range(3000):
        body = bytes(dice.choices(alphabet, k=dice.randrange(40)))
        for whole in (body, b'{"events": [' + body, b'{"events": [' + body + b"]}"):
            assert is_list_or_refusal(whole)


def is_list_or_refusal(body: bytes) -> bool:
    try:
        return isinstance(read(body, "events"), list)
    except Refused as refused:
        return refused.status == 400
